"""Estimates beside neighbours: the errors are as stated over a whole surface, and few samples are enough."""

import numpy as np
import pytest

from landscape.grid import Grid, parse_range
from landscape.objective.census import Census
from landscape.objective.control import Controls, controlled_estimate
from landscape.objective.frame import DrawnSamples, SamplingFrame
from landscape.objective.rounds import Neighbour, PointEstimator
from landscape.sweep.neighbours import CoarseToFine, WithNeighbours
from tests.objective.populations import CENTRE, SIDE, frame_of, plane_losses


@pytest.fixture(scope="module")
def losses():
    return plane_losses()


def swept(losses, tolerance, seed, beside=True):
    """(mean, standard error, samples) of each point, computed as a run does."""
    values, frame = losses[0], frame_of(losses, seed)
    grid = Grid(tuple(parse_range(f"-1:1:{SIDE}", name=name) for name in "xy"))
    sampler, found = WithNeighbours(CoarseToFine(grid), "drawn/train_loss"), {}
    while points := sampler.ask():
        results = {}
        for point in points:
            drawn = DrawnSamples(frame, lambda numbers, index=point.index: {"loss": values[index][numbers]})
            share = point.given.share if beside else 1.0
            estimator = PointEstimator("train", drawn, "loss", tolerance * share**0.5)
            near = [Neighbour(each, 0 if coords == CENTRE else None) for coords, each in point.given.neighbours]
            estimates = (estimator.beside(near) if beside else None) or estimator.alone()
            results[point.index] = estimator.results(estimates)
        found |= results
        sampler.tell(results)
    names = ("train_loss", "stderr/train_loss", "train_samples")
    return [np.array([found[index][name] for index in range(grid.size)]) for name in names]


@pytest.mark.parametrize("draws", [8, pytest.param(20, marks=pytest.mark.slow)])
def test_stated_errors_are_true_errors_over_many_draws(losses, draws):
    """Every point of a surface, many sample seeds: 95 % intervals hold about 95 % of the time, and the tolerance is reached."""
    truth, errors, far = losses[0].mean(axis=1), [], []
    for seed in range(draws):
        mean, stderr, samples = swept(losses, 0.02, seed)
        assert (stderr <= 0.02 * mean).all()
        some = samples < losses[0].shape[1]
        errors.append(((mean - truth) / np.where(stderr > 0, stderr, np.inf))[some & (stderr > 1e-9)])
        far.append(np.quantile(np.abs(mean / truth - 1), 0.95))
    errors = np.concatenate(errors)
    assert len(errors) > 50 * draws
    assert np.mean(np.abs(errors) < 1.96) > 0.93
    assert 0.7 < np.sqrt(np.mean(errors**2)) < 1.1
    assert abs(errors.mean()) < 0.3
    assert np.median(far) < 1.96 * 0.02


def test_neighbours_save_samples(losses):
    beside, alone = (swept(losses, 0.02, 0, beside=each)[2].sum() for each in (True, False))
    assert beside < alone / 1.7


def some_samples(losses, count=200):
    frame = frame_of(losses)
    counts = frame.first(count, 2)
    numbers = frame.strata.draw(np.zeros_like(counts), counts)
    return frame, counts, numbers


def test_values_that_are_the_mean_of_the_controls_have_its_mean(losses):
    """And its error: nothing is left to be estimated."""
    frame, _, numbers = some_samples(losses)
    columns = losses[0][[3, 40]].T
    controls = Controls(columns[numbers], columns.mean(axis=0), np.array([0.03, 0.05]), np.zeros(len(frame.sizes)))
    values = columns[numbers].mean(axis=1)
    found = controlled_estimate(values, controls, np.zeros((len(numbers), 0)), frame.stratum[numbers], frame.sizes)
    assert found.mean == pytest.approx(columns.mean(), rel=1e-12)
    assert found.own < 1e-12
    assert found.inherited == pytest.approx(0.04, rel=1e-9)
    assert found.stderr == pytest.approx(0.04, rel=1e-9)


def test_a_control_that_explains_nothing_leaves_the_error_of_plain_sampling():
    """The reference is the textbook's mean of a simple random sample."""
    rng = np.random.default_rng(0)
    values, control = rng.normal(5, 1, 400), rng.normal(5, 0.01, 400)
    found = controlled_estimate(
        values, Controls(control[:, None], np.array([5.0]), np.array([0.0]), np.zeros(1)), np.zeros((400, 0)),
        np.zeros(400, int), np.array([100_000]),
    )  # fmt: skip
    assert found.own == pytest.approx(values.std(ddof=1) / 20, rel=0.02)


def test_unequal_shares_of_the_strata_are_made_up_for():
    """Drawn from a small stratum and a large one in equal numbers, the mean is that of the population."""
    rng = np.random.default_rng(1)
    sizes, stratum = np.array([100, 900]), np.repeat([0, 1], 50)
    offset = np.where(stratum == 0, 10.0, 0.0)
    control = rng.normal(size=100)
    controls = Controls(control[:, None], np.array([0.2]), np.array([0.0]), np.zeros(2))
    found = controlled_estimate(control + offset, controls, np.zeros((100, 0)), stratum, sizes)
    assert found.mean == pytest.approx(0.2 + 1.0, abs=4 * max(found.own, 0.02))


def test_samples_that_carry_the_mean_are_not_overlooked():
    """Two of a thousand carry half of it, at the neighbours too. Without them among the samples drawn, the rest looks alike."""
    rng = np.random.default_rng(2)
    carry = np.zeros(1000)
    carry[[500, 750]] = 1.0
    small = rng.lognormal(-4, 0.1, 1000)
    at = [small * rng.lognormal(0, 0.01, 1000) + factor * 10 * carry for factor in (1.0, 1.5)]
    here = small * rng.lognormal(0, 0.01, 1000) + 3 * 10 * carry
    for seed in range(10):
        frame = SamplingFrame.of(Census({"loss": small[None]}, None, None), "loss", seed)
        drawn = DrawnSamples(frame, lambda numbers: {"loss": here[numbers]})
        point = PointEstimator("train", drawn, "loss", 0.05)
        found = (point.beside([Neighbour(whole(frame, values)) for values in at]) or point.alone())["loss"]
        assert abs(found.mean - here.mean()) <= 4 * found.stderr + 1e-12


def test_a_fit_is_not_trusted_far_from_the_samples_drawn():
    """A few samples carry the mean of the control and are not among those drawn, where it hardly varies and the values do.

    The textbook's variance of a regression estimator for given samples (Cochran 1977, section 7.4) is the reference.
    """
    rng = np.random.default_rng(3)
    control, noise = 0.001 * rng.random(60), 0.1 * rng.normal(size=60)
    values, mean = 100 * control + noise, 0.01
    found = controlled_estimate(
        values, Controls(control[:, None], np.array([mean]), np.zeros(1), np.zeros(1)), np.zeros((60, 0)),
        np.zeros(60, int), np.array([100_000]),
    )  # fmt: skip
    slope, offset = np.polyfit(control, values, 1)
    residual = (values - offset - slope * control).var() * 60 / 58
    textbook = np.sqrt(residual * (1 / 60 + (mean - control.mean()) ** 2 / ((control - control.mean()) ** 2).sum()))
    assert found.own == pytest.approx(textbook, rel=0.2)


def whole(frame, values):
    drawn = DrawnSamples(frame, lambda numbers: {"loss": values[numbers]})
    drawn.extend(frame.sizes)
    return {
        "train_loss": values.mean(), "stderr/train_loss": 0.0,
        "drawn/train": drawn.counts, "drawn/train_loss": drawn.in_order()["loss"],
    }  # fmt: skip


def estimator_at(losses, index, tolerance):
    frame = frame_of(losses)
    return PointEstimator(
        "train", DrawnSamples(frame, lambda numbers: {"loss": losses[0][index][numbers]}), "loss", tolerance
    )


def result_at(losses, index, tolerance):
    point = estimator_at(losses, index, tolerance)
    return point.results(point.alone())


def test_a_neighbour_with_fewer_samples_than_are_needed_is_left_out(losses):
    rich, poor = (result_at(losses, index, tolerance) for index, tolerance in ((32, 0.002), (30, 1.0)))
    poor["stderr/train_loss"] = rich["stderr/train_loss"]
    point = estimator_at(losses, 31, 0.01)
    found = point.beside([Neighbour(rich), Neighbour(poor)])["loss"]
    assert poor["train_samples"] < len(point._drawn) < rich["train_samples"]
    assert found.stderr <= 0.01 * found.mean


def test_neighbours_that_are_too_inaccurate_are_not_used(losses):
    rough = {**result_at(losses, 41, 0.05)}
    rough["stderr/train_loss"] = rough["train_loss"]
    point = estimator_at(losses, 31, 0.02)
    assert point.beside([Neighbour(rough), Neighbour(rough)]) is None
    found = point.results(point.alone())
    truth = losses[0][31].mean()
    assert abs(found["train_loss"] - truth) < 4 * found["stderr/train_loss"] + 1e-12


def test_a_neighbour_with_infinite_losses_is_not_used(losses):
    good, bad = result_at(losses, 41, 0.02), {**result_at(losses, 42, 0.02), "train_loss": np.inf}
    point = estimator_at(losses, 31, 0.05)
    assert point.beside([Neighbour(bad)]) is None
    assert point.beside([Neighbour(bad), Neighbour(good)]) is not None


@pytest.mark.parametrize(
    "damage",
    [
        {"drawn/train": np.array([1, 2, 3])},
        {"drawn/train_loss": np.ones(5)},
        {"drawn/train": None},
        {"stderr/train_loss": np.nan},
    ],
)
def test_a_neighbour_of_a_damaged_file_is_not_used(losses, damage):
    point = estimator_at(losses, 31, 0.05)
    assert point.beside([Neighbour({**result_at(losses, 32, 0.02), **damage})]) is None


def test_values_are_handed_on_in_one_order_whatever_the_rounds_were(losses):
    frame = frame_of(losses)
    drawn = DrawnSamples(frame, lambda numbers: {"loss": losses[0][7][numbers]})
    once = DrawnSamples(frame, lambda numbers: {"loss": losses[0][7][numbers]})
    for count in (40, 100, 300):
        drawn.extend(frame.first(count, 2))
    once.extend(frame.first(300, 2))
    np.testing.assert_array_equal(drawn.in_order()["loss"], once.in_order()["loss"])
    np.testing.assert_array_equal(
        once.in_order()["loss"], losses[0][7][frame.strata.draw(0 * once.counts, once.counts)]
    )


def test_an_estimated_share_stays_within_its_bounds(losses):
    """A fit may leave [0, 1], the range of accuracy; other metrics stay as estimated."""
    frame, rng = frame_of(losses), np.random.default_rng(0)
    hits, wrong = (rng.random(losses[0].shape[1]) < 0.002).astype(float), losses[0][7]
    drawn = DrawnSamples(frame, lambda numbers: {"loss": wrong[numbers], "accuracy": hits[numbers]})
    point = PointEstimator("train", drawn, "loss", 0.05)
    estimates = point.alone()
    estimates["accuracy"] = estimates["accuracy"]._replace(mean=-0.001)
    assert point.results(estimates)["train_accuracy"] == 0.0
    assert point.results(estimates)["train_loss"] == estimates["loss"].mean


def test_a_neighbour_with_fewer_samples_than_were_drawn_before_is_not_used(losses):
    """As where an estimate is made more accurate after it had neighbours."""
    near, point = result_at(losses, 32, 0.05), estimator_at(losses, 31, 0.05)
    point._drawn.extend(np.minimum(near["drawn/train"] + 5, point._drawn.frame.sizes))
    assert point.beside([Neighbour(near)]) is None


def test_an_estimate_is_that_beside_its_own_neighbours_whatever_others_there_were_before(losses):
    one, other = (Neighbour(result_at(losses, index, 0.003)) for index in (0, 32))
    point, fresh = (estimator_at(losses, 31, 0.02) for _ in range(2))
    point.beside([one])
    fresh._drawn.extend(point._drawn.counts)
    assert point.beside([other])["loss"] == pytest.approx(fresh.beside([other])["loss"], rel=1e-9)


def test_a_metric_that_is_not_finite_nearby_is_estimated_without(losses):
    frame = frame_of(losses)

    def point(index):
        values = {"loss": losses[0][index], "other": losses[0][index] + 1}
        drawn = DrawnSamples(frame, lambda numbers: {name: each[numbers] for name, each in values.items()})
        return PointEstimator("train", drawn, "loss", 0.02)

    near = (first := point(32)).results(first.alone())
    near |= {"train_other": np.nan, "drawn/train_other": np.full_like(near["drawn/train_other"], np.nan)}
    found = point(31).beside([Neighbour(near)])["other"]
    assert abs(found.mean - losses[0][31].mean() - 1) < 4 * found.stderr < np.inf
