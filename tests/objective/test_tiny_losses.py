"""Losses whose squares float64 cannot hold: means stay right, and no error is stated that is not known."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.objective.census import Census
from landscape.objective.frame import DrawnSamples, SamplingFrame
from landscape.objective.rounds import Neighbour, PointEstimator
from landscape.objective.tally import Tally, fetch_sums, means

N = 3000


def population():
    rng = np.random.default_rng(0)
    centre = rng.lognormal(-1, 1, N)
    return centre, centre * rng.lognormal(0, 0.3, N)


def estimated(centre, values, tolerance=0.05, beside=False, **others):
    frame = SamplingFrame.of(
        Census({"loss": centre[None], **{name: centre[None] for name in others}}, None, None), "loss"
    )
    every = {"loss": values, **others}
    drawn = DrawnSamples(frame, lambda numbers: {name: each[numbers] for name, each in every.items()})
    point = PointEstimator("train", drawn, "loss", tolerance)
    return point.results((point.beside([Neighbour({}, 0)]) if beside else None) or point.alone())


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("power", [-1030, -600, 600, 1000])
def test_where_squares_are_no_numbers_all_samples_are_evaluated(power, beside):
    centre, values = (np.ldexp(each, power) for each in population())
    found = estimated(centre, values, beside=beside)
    assert found["train_samples"] == N and found["stderr/train_loss"] == 0
    assert found["train_loss"] == pytest.approx(values.mean(), rel=1e-12)


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("power", [-400, 400])
def test_an_estimate_is_as_good_for_losses_of_another_size(power, beside):
    centre, values = population()
    one, other = (
        estimated(centre, values, beside=beside),
        estimated(*(np.ldexp(x, power) for x in (centre, values)), beside=beside),
    )
    assert one["train_samples"] == other["train_samples"] < N
    for name in ("train_loss", "stderr/train_loss"):
        assert other[name] == pytest.approx(np.ldexp(one[name], power), rel=1e-6) and one[name] > 0


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("tolerance", [1e-150, 1e-160, 1e-200, 1e-300])
def test_any_tolerance_takes_all_samples_at_most(tolerance, beside):
    centre, values = population()
    found = estimated(centre, values, tolerance, beside)
    assert found["train_samples"] == N and found["train_loss"] == pytest.approx(values.mean(), rel=1e-12)


@pytest.mark.parametrize("beside", [False, True])
def test_a_metric_beside_the_loss_has_no_error_where_none_is_known(beside):
    centre, values = population()
    found = estimated(centre, values, beside=beside, small=np.ldexp(values, -1030))
    assert found["train_samples"] < N and np.isnan(found["stderr/train_small"])
    assert found["train_small"] == pytest.approx(np.ldexp(found["train_loss"], -1030), rel=0.02)


@pytest.mark.parametrize(
    ("power", "known"), [(0, True), (-450, True), (500, True), (-520, False), (-1030, False), (520, False)]
)
def test_the_error_of_a_whole_pass_is_that_of_plain_torch_or_unknown(power, known):
    values = torch.from_numpy(np.ldexp(population()[1], power))
    tally = Tally()
    for part in values.split(700):
        tally.add("train", {"loss": part}, len(part))
    found = means(fetch_sums([tally])[0])
    assert found["train_loss"] == pytest.approx(float(values.mean()), rel=1e-12)
    expected = np.ldexp(float(torch.from_numpy(population()[1]).std() / N**0.5), power)
    assert (
        found["stderr/train_loss"] == pytest.approx(expected, rel=1e-9)
        if known
        else np.isnan(found["stderr/train_loss"])
    )


def test_losses_that_are_all_zero_have_an_error_of_zero():
    tally = Tally()
    tally.add("train", {"loss": torch.zeros(9)}, 9)
    assert means(fetch_sums([tally])[0]) == {"train_loss": 0.0, "stderr/train_loss": 0.0}


def test_the_error_of_a_barrier_is_unknown_too():
    torch.manual_seed(0)
    nets, inputs, classes = [nn.Linear(6, 4), nn.Linear(6, 4)], torch.randn(30, 6), torch.arange(30) % 4

    def errors(size):
        def loss(outputs, targets):
            return F.cross_entropy(outputs.double(), targets, reduction="none") * size

        found = ll.connect(nets, data=(inputs, classes), loss=loss, metrics=["loss"], points=3, quiet=True)
        return found.values["train_loss_rise_stderr"]

    assert np.isnan(errors(1e-310)[0, 1]) and errors(1e-310).shape == errors(1.0).shape and errors(1.0)[0, 1] > 0


@pytest.mark.parametrize("sampling", ["exact", "bf16"])
def test_a_line_under_a_tolerance_is_that_of_a_whole_run(sampling):
    torch.manual_seed(0)
    net, inputs, classes = nn.Linear(6, 4), torch.randn(2000, 6), torch.arange(2000) % 4

    def loss(outputs, targets):
        return F.cross_entropy(outputs.double(), targets, reduction="none") * 1e-310

    options = {
        "model": net,
        "data": (inputs, classes),
        "loss": loss,
        "metrics": ["loss"],
        "x": (-1, 1, 5),
        "quiet": True,
    }
    whole, found = ll.line(**options), ll.line(**options, tolerance=0.05, sampling=sampling, refine=False)
    np.testing.assert_allclose(found.values["train_loss"], whole.values["train_loss"], rtol=1e-4)
    assert (found.stderr["train_loss"] == 0).all() and np.isnan(whole.stderr["train_loss"]).all()
