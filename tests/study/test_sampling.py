"""Under a tolerance, with most samples in bfloat16: the values of full precision, the same file however it came about."""

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.objective import rough, sampled
from landscape.study import estimator

PLANE = {"x": "-1:1:5", "y": "-1:1:5", "tolerance": 0.1, "refine": False, "threads": 1, "quiet": True}


@pytest.fixture(scope="module")
def task():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(1500, 1, 6, 6, generator=generator)
    labels = (images.mean((1, 2, 3)) * 12 + torch.randn(1500, generator=generator)).clamp(-2, 1).floor().long() + 2
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(96, 4),
    )
    return {"model": net.eval(), "data": (images, labels)}


@pytest.fixture(scope="module")
def whole(task):
    return ll.surface(**task, **{**PLANE, "tolerance": 0, "refine": None})


@pytest.mark.parametrize("sampling", ["bf16", "exact"])
def test_the_loss_is_that_of_full_precision(task, whole, sampling, tmp_path):
    found = ll.surface(**task, **PLANE, sampling=sampling, out=tmp_path / "s.h5")
    error = found.values["train_loss"] - whole.values["train_loss"]
    stderr = found.stderr["train_loss"]
    assert (np.abs(error) <= 4 * stderr + 1e-5).all()
    assert (stderr <= 0.035 * found.values["train_loss"]).all()
    assert found.known.run.sampling == sampling
    rough_samples = found.values.get("train_rough_samples")
    assert (rough_samples is not None) == (sampling == "bf16")
    if sampling == "bf16":
        assert (np.delete(rough_samples, 12) > 0).all()
        assert (rough_samples <= found.values["train_samples"]).all()
        assert found.known.run.reached.rough_evaluations == rough_samples.sum() + 4 * 1500  # a look at each corner


def test_at_the_net_the_value_is_that_of_all_samples(task, whole):
    found = ll.surface(**task, **PLANE, sampling="bf16")
    assert found.values["train_loss"][2, 2] == pytest.approx(whole.values["train_loss"][2, 2], rel=1e-6)
    assert found.stderr["train_loss"][2, 2] == 0
    assert found.values["train_samples"][2, 2] == 1500


def test_a_run_that_goes_on_keeps_to_its_precision_and_to_its_values(task, tmp_path, monkeypatch):
    """Where the choice is left to the program, also if another machine would choose otherwise."""
    out = tmp_path / "s.h5"
    monkeypatch.setattr(estimator, "pays", lambda *_: True)
    once = ll.surface(**task, **PLANE)
    full = sampled.measure_samples
    calls = []

    def stopped(*arguments, **named):
        calls.append(1)
        if len(calls) > 30:
            raise KeyboardInterrupt
        return full(*arguments, **named)

    monkeypatch.setattr("landscape.objective.sampled.measure_samples", stopped)
    with pytest.raises(ll.LandscapeError, match="KeyboardInterrupt"):
        ll.surface(**task, **PLANE, out=out)
    monkeypatch.setattr("landscape.objective.sampled.measure_samples", full)
    begun = ll.load_surface(out)
    assert 1 < int((begun.status["evaluation"] == 1).sum()) < 25
    monkeypatch.setattr(estimator, "pays", lambda *_: False)
    again = ll.surface(**task, **PLANE, out=out)
    assert again.known.run.sampling == "bf16"
    for name, array in once.values.items():
        np.testing.assert_array_equal(again.values[name], array)


@pytest.mark.parametrize(
    "units, multiplications, used", [(True, 7_000, True), (True, 9_000, False), (False, 7_000, False)]
)
def test_bfloat16_is_used_for_nets_with_enough_products_where_there_are_units_for_them(
    task, monkeypatch, units, multiplications, used
):
    """The net multiplies 6 x 9 x 36 times in its first layer, and 6 x 6 x 9 x 16 times in its second, for each sample."""
    monkeypatch.setattr(rough, "multiplies_matrices", lambda: units)
    monkeypatch.setattr(rough, "LEAST_MULTIPLICATIONS", multiplications)
    assert 7_000 < 6 * 9 * 36 + 6 * 6 * 9 * 16 < 9_000
    found = ll.line(**task, x="-1:1:3", tolerance=0.1, refine=False, threads=1, quiet=True)
    assert found.known.run.sampling == ("bf16" if used else "exact")


@pytest.mark.parametrize(
    "options, why",
    [
        ({"tolerance": 0}, "sampling bf16: says how samples are drawn under a tolerance"),
        ({"precision": "fp64"}, "sampling bf16: the precision is fp64"),
        ({"refine": True}, "sampling bf16: refine leaves out points only"),
        ({"batchnorm": "recompute"}, "sampling bf16: batchnorm recompute passes all training data"),
    ],
)
def test_what_cannot_pass_in_bfloat16_is_refused(task, options, why):
    with pytest.raises(ll.UsageError, match=why):
        ll.surface(**task, **{**PLANE, "refine": None, "sampling": "bf16", **options})


def test_a_net_that_does_not_work_in_bfloat16_is_refused(task):
    class Added(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(36, 4)

        def forward(self, x):
            found = self.layer(x.flatten(1))
            return torch.zeros(len(x), 4).index_add_(0, torch.arange(len(x)), found)

    with pytest.raises(ll.UsageError, match="sampling bf16: the net or the loss does not work in bfloat16 .*; drop it"):
        ll.surface(model=Added(), data=task["data"], **PLANE, sampling="bf16")
    assert ll.surface(model=Added(), data=task["data"], **PLANE).known.run.sampling == "exact"
