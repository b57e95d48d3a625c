"""Estimates of which most samples pass in bfloat16: the mean is that of full precision, with its errors as stated."""

import numpy as np
import pytest

from landscape.grid import Grid, parse_range
from landscape.objective.corrected import CorrectedPoint
from landscape.objective.frame import DrawnSamples
from landscape.objective.rounds import Neighbour, PointEstimator
from landscape.quantity import MEAN_DRAWN
from landscape.sweep.neighbours import CoarseToFine, WithNeighbours
from tests.objective.populations import CENTRE, SIDE, frame_of, plane_losses


@pytest.fixture(scope="module")
def losses():
    return plane_losses()


def rounded(values, seed=0, *, bias=0.05, noise=0.02):
    """As in bfloat16: shifted, by little and a little differently for each sample."""
    rng = np.random.default_rng(seed)
    return values * (1 + bias) + noise * values.std() * rng.standard_normal(values.shape)


def drawn_from(frame, values, keep=None):
    """The samples of a point; `keep` receives the numbers of those that are evaluated."""

    def measure(numbers):
        if keep is not None:
            keep.extend(numbers.tolist())
        return {"loss": values[numbers]}

    return DrawnSamples(frame, measure)


def point_of(frame, exact, rough, tolerance=0.02, share=1.0):
    return CorrectedPoint("train", drawn_from(frame, exact), drawn_from(frame, rough), "loss", tolerance, share)


def swept(losses, tolerance, seed):
    """The results of all points of a surface, computed as a run does."""
    exact, frame = losses[0], frame_of(losses, seed)
    rough = np.stack([rounded(row, number) for number, row in enumerate(exact)])
    grid = Grid(tuple(parse_range(f"-1:1:{SIDE}", name=name) for name in "xy"))
    sampler, found = WithNeighbours(CoarseToFine(grid), "drawn/train_loss"), {}
    while points := sampler.ask():
        results = {}
        for point in points:
            near = [Neighbour(each, 0 if coords == CENTRE else None) for coords, each in point.given.neighbours]
            own = point_of(frame, exact[point.index], rough[point.index], tolerance, point.given.share)
            results[point.index] = own.results(near)
        found |= results
        sampler.tell(results)
    return [found[index] for index in range(grid.size)]


@pytest.mark.parametrize("draws", [8, pytest.param(20, marks=pytest.mark.slow)])
def test_stated_errors_are_true_errors_over_many_draws(losses, draws):
    truth, errors, samples, passes = losses[0].mean(axis=1), [], 0.0, 0.0
    for seed in range(draws):
        found = swept(losses, 0.02, seed)
        mean, stderr = (np.array([each[name] for each in found]) for name in ("train_loss", "stderr/train_loss"))
        assert (stderr <= 0.02 * mean).all()
        errors.append((mean - truth) / stderr)
        samples += sum(each["train_samples"] for each in found)
        passes += sum(each["train_rough_samples"] for each in found)
    errors = np.concatenate(errors)
    assert np.mean(np.abs(errors) < 1.96) > 0.93
    assert 0.6 < np.sqrt(np.mean(errors**2)) < 1.1
    assert abs(errors.mean()) < 0.3
    assert passes > 0.6 * samples


def test_the_shift_of_a_low_precision_is_taken_back(losses):
    """5 % are five standard errors of the mean in bfloat16."""
    frame, exact = frame_of(losses), losses[0][3]
    rough = rounded(exact, bias=0.05, noise=0.001)
    found = point_of(frame, exact, rough, 0.01).results([])
    mean, _ = found[MEAN_DRAWN + "train_loss"]
    assert abs(mean / rough.mean() - 1) < 0.03 < abs(mean / exact.mean() - 1)
    assert found["train_loss"] == pytest.approx(exact.mean(), rel=0.03)
    assert found["train_samples"] - found["train_rough_samples"] < 40


def test_an_error_that_the_correction_magnifies_is_made_smaller(losses):
    """Where full precision has three times the differences, three times the error of the mean in bfloat16 would remain."""
    frame, exact = frame_of(losses), losses[0][3]
    rough = exact.mean() + (exact - exact.mean()) / 3
    found = point_of(frame, exact, rough).results([])
    assert found is not None
    assert found["stderr/train_loss"] <= 0.02 * found["train_loss"]
    assert found["train_loss"] == pytest.approx(exact.mean(), rel=0.06)


def test_a_neighbour_with_fewer_samples_than_were_drawn_meanwhile_is_left_out(losses):
    """The mean in bfloat16 is made more accurate after more samples than the neighbour has."""
    frame, exact = frame_of(losses), losses[0][3]
    near = Neighbour(point_of(frame, losses[0][4], rounded(losses[0][4]), 0.1).results([]))
    assert near.result["train_rough_samples"] < 600
    found = point_of(frame, exact, exact.mean() + (exact - exact.mean()) / 10, 0.01).results([near])
    assert found is None or abs(found["train_loss"] - exact.mean()) < 4 * found["stderr/train_loss"]


def test_values_that_are_not_finite_are_not_used(losses):
    frame, exact = frame_of(losses), losses[0][3]
    assert point_of(frame, exact, np.full_like(exact, np.nan)).results([]) is None


def test_values_that_say_nothing_of_full_precision_take_few_samples_more(losses):
    """Those of other samples: at most as many pass in full precision as in bfloat16, and the estimate is as good as stated."""
    frame, exact = frame_of(losses), losses[0][3]
    for tolerance in (0.02, 0.05, 0.1):
        point = point_of(frame, exact, exact[::-1].copy(), tolerance)
        found = point.results([])
        alone = PointEstimator("train", drawn_from(frame, exact), "loss", tolerance)
        alone.alone()
        samples = len(alone._drawn)
        assert found is None or abs(found["train_loss"] - exact.mean()) < 4 * found["stderr/train_loss"]
        assert len(point._exact) <= 1.5 * samples


def test_samples_are_drawn_once_in_each_precision(losses):
    frame, exact = frame_of(losses), losses[0][3]
    in_full, in_bf16 = [], []
    drawn = (drawn_from(frame, exact, in_full), drawn_from(frame, rounded(exact), in_bf16))
    found = CorrectedPoint("train", *drawn, "loss", 0.02, 1.0).results([])
    assert len(set(in_full)) == len(in_full) and len(set(in_bf16)) == len(in_bf16)
    assert set(in_full) <= set(in_bf16)
    assert found["train_samples"] == len(in_full) + len(in_bf16)
    assert found["train_rough_samples"] == len(in_bf16)
