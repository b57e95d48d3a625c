"""Estimates from some of the samples: right on average, with errors that are as stated, exact where they can be."""

import numpy as np
import pytest
import torch
from torch import nn

from landscape.errors import EvaluationError
from landscape.objective.census import Census, measure_samples, sampling_obstacle, take_census
from landscape.objective.frame import DrawnSamples, SamplingFrame
from landscape.objective.objective import Objective
from landscape.objective.regression import auxiliary_variables, estimate, neyman_allocation
from landscape.objective.rounds import PointEstimator
from landscape.objective.sampled import SampledObjective
from landscape.objective.strata import Strata

N = 4000


def population(seed=0):
    """Losses at a centre (heavy-tailed, as near a minimum), outputs, labels, and losses elsewhere that depend on them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, N)
    centre = rng.lognormal(-3, 2, N)
    outputs = rng.normal(size=(N, 10))
    near = centre * rng.lognormal(0, 0.3, N)
    far = 3 + 0.5 * labels + outputs @ np.linspace(-1, 1, 10) + rng.lognormal(0, 0.5, N)
    values = {"near": near, "far": far, "unrelated": rng.lognormal(1, 1, N)}
    return SamplingFrame.of(Census({"loss": centre[None]}, outputs, labels), "loss"), values


def draws(frame, values, tolerance):
    point = PointEstimator("train", DrawnSamples(frame, lambda numbers: {"loss": values[numbers]}), "loss", tolerance)
    found = point.results(point.alone())
    return found["train_loss"], found["stderr/train_loss"], int(found["train_samples"])


@pytest.mark.parametrize("kind", ["near", "far", "unrelated"])
def test_stated_errors_are_true_errors(kind):
    """Over 160 populations: no bias, 95 % intervals that hold about 95 % of the time, and the tolerance reached."""
    errors = []
    for seed in range(160):
        frame, values = population(seed)
        truth = values[kind].mean()
        mean, stderr, count = draws(frame, values[kind], 0.03)
        assert stderr <= 0.03 * mean
        if count < N:
            errors.append((mean - truth) / stderr)
    errors = np.array(errors)
    assert len(errors) > 120
    assert abs(errors.mean()) < 0.35
    assert 0.75 < np.sqrt(np.mean(errors**2)) < 1.25
    assert np.mean(np.abs(errors) < 1.96) > 0.88


def test_auxiliary_variables_save_samples():
    frame, values = population()
    counts = {kind: draws(frame, each, 0.02)[2] for kind, each in values.items()}
    alone = {k: round(1 / ((0.02 * v.mean() / v.std()) ** 2 + 1 / N)) for k, v in values.items()}
    assert counts["near"] < 0.6 * alone["near"]
    assert counts["far"] < 0.9 * alone["far"] or counts["far"] < 600
    assert counts["unrelated"] < 1.6 * alone["unrelated"]


def test_a_tolerance_that_needs_all_samples_takes_them_and_is_exact():
    frame, values = population(1)
    mean, stderr, count = draws(frame, values["unrelated"], 1e-9)
    assert count == N and stderr == 0.0
    assert mean == pytest.approx(values["unrelated"].mean(), rel=1e-13)


def test_values_that_the_fit_explains_are_known_from_few_samples():
    rng = np.random.default_rng(2)
    labels, outputs = rng.integers(0, 10, N), rng.normal(size=(N, 10))
    frame = SamplingFrame.of(Census({"loss": rng.lognormal(size=(1, N))}, outputs, labels), "loss")
    values = 5 + 2.0 * (labels == 3) + outputs @ np.arange(10)
    mean, stderr, count = draws(frame, values, 0.05)
    assert mean == pytest.approx(values.mean(), rel=1e-9)
    assert stderr < 1e-9 and count < 600


def test_without_strata_and_auxiliary_variables_it_is_the_textbook_mean():
    rng = np.random.default_rng(3)
    values = rng.lognormal(size=200)
    found = estimate(values, np.ones((200, 1)), np.zeros(200, int), np.array([1000]))
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    expected = values.std(ddof=1) / np.sqrt(200) * np.sqrt(1 - 200 / 1000)
    assert found.stderr == pytest.approx(expected * np.sqrt(200 / 199), rel=1e-9)


def test_the_mean_of_strata_is_weighted_by_their_sizes():
    values, group = np.array([1.0, 1.0, 10.0, 10.0, 10.0]), np.array([0, 0, 1, 1, 1])
    found = estimate(values, np.ones((5, 1)), group, np.array([30, 10]))
    assert found.mean == pytest.approx((30 * 1 + 10 * 10) / 40)
    assert found.stderr == pytest.approx(0.0, abs=1e-12)


def test_auxiliary_variables_have_mean_zero_and_are_orthonormal():
    rng = np.random.default_rng(4)
    columns = rng.normal(size=(500, 4))
    columns = np.hstack([columns, columns[:, :1] * 2, np.full((500, 1), 7.0)])
    auxiliary = auxiliary_variables(columns)
    assert auxiliary.shape == (500, 5)
    assert np.allclose(auxiliary.T @ auxiliary / 500, np.eye(5), atol=1e-10)


@pytest.mark.parametrize("total", [100, 500, 899, 5000])
def test_the_allocation_is_in_proportion_to_size_and_spread(total):
    sizes, spread, have = np.array([10, 100, 800]), np.array([5.0, 1.0, 0.5]), np.array([5, 50, 50])
    found = neyman_allocation(total, sizes, spread, have)
    assert (have <= found).all() and (found <= sizes).all()
    assert min(total, sizes.sum()) <= found.sum() <= max(total, have.sum()) + 3
    if total == 500:
        weight = sizes * spread
        assert found[1] / found[2] == pytest.approx(weight[1] / weight[2], rel=0.5)


def test_groups_are_a_partition_and_every_beginning_is_like_the_whole():
    rng = np.random.default_rng(6)
    centre, labels = rng.lognormal(size=N), rng.integers(0, 10, N)
    strata = Strata(centre, labels)
    assert sorted(np.concatenate(strata.members).tolist()) == list(range(N))
    largest = [centre[group].max() for group in strata.members]
    assert largest == sorted(largest, reverse=True)
    group = strata.members[-1]
    for count in (64, 200, 500):
        shares = np.bincount(labels[group[:count]], minlength=10) / count
        whole = np.bincount(labels[group], minlength=10) / len(group)
        assert np.abs(shares - whole).max() < 12 / count
    assert strata.draw([0] * len(strata.sizes), [3] * len(strata.sizes)).tolist() == [
        i for group in strata.members for i in group[:3]
    ]


# with a net


@pytest.fixture
def net_objective():
    """A linear classifier on 3000 samples in float64, and weights some way off."""

    def make(batch_size=100, l2=None, loss="cross_entropy", targets=None):
        from landscape.data.load import load_splits
        from landscape.objective.loss import make_measure

        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(3000, 6, generator=generator, dtype=torch.float64)
        labels = inputs[:, :4].argmax(1) if targets is None else targets(inputs)
        torch.manual_seed(1)
        model = nn.Linear(6, 4 if targets is None else 1).double()
        with torch.no_grad():
            model.weight.copy_(2 * torch.eye(6)[: model.out_features])
        measure, _, _ = make_measure(loss, None)
        splits = load_splits((inputs, labels), split=("train",)).splits
        return Objective(model, splits, measure, precision="fp64", batch_size=batch_size, l2=l2)

    return make


def census_of(objective, size=1):
    """The census that `size` processes take together, each gathering from all."""
    parts = [[] for _ in range(size)]

    def rank(number):
        return take_census(objective, [lambda: None], lambda own: (parts[number].append(own), [own])[1], number, size)

    if size == 1:
        return take_census(objective, [lambda: None], lambda own: [own], 0, 1)
    for number in range(size):
        with pytest.raises(KeyError):  # alone it lacks the others' parts
            rank(number)
    return take_census(objective, [lambda: None], lambda own: [each[0] for each in parts], 0, size)


def moved(objective, scale=0.5):
    generator = torch.Generator().manual_seed(7)
    return objective.weights + scale * torch.randn(objective.weights.shape, generator=generator, dtype=torch.float64)


def test_a_sampled_objective_is_within_its_error_of_the_whole(net_objective):
    objective = net_objective()
    sampled = SampledObjective(objective, census_of(objective), 0.03, "loss")
    objective.weights.copy_(moved(objective))
    found, truth = sampled.evaluate(), objective.evaluate()
    assert found["train_samples"] < 3000
    for name in ("train_loss", "train_accuracy"):
        assert abs(found[name] - truth[name]) < 4 * found[f"stderr/{name}"]
    assert found["stderr/train_loss"] <= 0.03 * found["train_loss"]


def test_with_all_samples_it_is_the_objective(net_objective):
    objective = net_objective(l2=0.1)
    sampled = SampledObjective(objective, census_of(objective), 1e-9, "loss")
    objective.weights.copy_(moved(objective))
    found, truth = sampled.evaluate(), objective.evaluate()
    for name in ("train_loss", "train_accuracy", "train_loss_l2"):
        assert found[name] == pytest.approx(truth[name], rel=1e-12)
    assert found["train_samples"] == 3000 and found["stderr/train_loss"] == 0.0


@pytest.mark.parametrize("batch_size", [1, 7, 64, 5000])
def test_estimates_do_not_depend_on_the_batch_size(net_objective, batch_size):
    results = []
    for size in (100, batch_size):
        objective = net_objective(batch_size=size)
        sampled = SampledObjective(objective, census_of(objective), 0.03, "loss")
        objective.weights.copy_(moved(objective))
        results.append(sampled.evaluate())
    for name, value in results[0].items():
        assert results[1][name] == pytest.approx(value, rel=1e-9), name


@pytest.mark.parametrize("count", [3, 7, 40])
def test_no_batch_is_larger_than_the_user_allows(net_objective, count):
    objective, seen = net_objective(batch_size=4), []
    objective.model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    measure_samples(objective, "train", np.arange(count), outputs=False)
    assert sum(seen) == count and max(seen) <= 4


def test_a_census_taken_by_many_is_that_of_one(net_objective):
    objective = net_objective(batch_size=10)
    alone, shared = census_of(objective), census_of(objective, size=3)
    for name in alone["train"].metrics:
        assert np.array_equal(alone["train"].metrics[name], shared["train"].metrics[name])
    assert np.array_equal(alone["train"].outputs, shared["train"].outputs)
    assert alone["train"].outputs.shape == (3000, 4)


def test_a_census_holds_every_sample_in_order(net_objective):
    objective = net_objective()
    census = census_of(objective)["train"]
    truth = objective.evaluate()
    assert census.metrics["loss"].shape == (1, 3000)
    assert census.metrics["loss"].mean() == pytest.approx(truth["train_loss"], rel=1e-12)
    inputs, targets = objective.splits["train"].take(torch.arange(3000))
    losses = nn.functional.cross_entropy(torch.from_numpy(census.outputs), targets, reduction="none")
    assert np.allclose(losses.numpy(), census.metrics["loss"][0], rtol=1e-9)


def test_regression_targets_work_without_classes(net_objective):
    objective = net_objective(loss="mse", targets=lambda inputs: inputs.sum(1, keepdim=True))
    sampled = SampledObjective(objective, census_of(objective), 0.05, "loss")
    objective.weights.copy_(moved(objective, 1.0))
    found, truth = sampled.evaluate(), objective.evaluate()
    assert abs(found["train_loss"] - truth["train_loss"]) < 4 * found["stderr/train_loss"]
    assert found["train_samples"] < 3000


def test_a_loss_that_is_not_finite_is_reported_as_it_is(net_objective):
    objective = net_objective()
    sampled = SampledObjective(objective, census_of(objective), 0.05, "loss")
    objective.weights.fill_(float("nan"))
    assert np.isnan(sampled.evaluate()["train_loss"])


def test_the_obstacle_to_sampling_is_named(net_objective):
    assert sampling_obstacle(net_objective()) is None
    assert "mean of a batch" in sampling_obstacle(net_objective(loss=lambda outputs, targets: outputs.mean()))


def test_all_points_begin_with_the_same_samples():
    """And one that needs more goes on from there, group by group."""
    frame, values = population(5)
    taken = []
    for kind, tolerance in (("far", 0.02), ("far", 0.005), ("near", 0.02)):
        numbers = []

        def measure(wanted, numbers=numbers, kind=kind):
            numbers.append(wanted)
            return {"loss": values[kind][wanted]}

        PointEstimator("train", DrawnSamples(frame, measure), "loss", tolerance).alone()
        taken.append(numbers)
    assert np.array_equal(taken[0][0], taken[1][0]) and np.array_equal(taken[0][0], taken[2][0])
    for numbers in taken:
        everything = np.concatenate(numbers)
        assert len(set(everything.tolist())) == len(everything)
        for members in frame.strata.members:
            drawn = np.flatnonzero(np.isin(members, everything))
            assert np.array_equal(drawn, np.arange(len(drawn)))


def test_a_census_that_fails_on_one_process_fails_on_all(net_objective):
    objective = net_objective(batch_size=10)
    with pytest.raises(EvaluationError, match="census of all samples: no such thing"):
        take_census(objective, [lambda: None], lambda own: [own, ("no such thing", {})], 0, 2)
