"""Every slice: weights from coordinates alone, and the coordinates back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from landscape.checkpoint.save import save_checkpoint
from landscape.errors import UsageError
from landscape.layout import Layout
from landscape.slice.plane import Plane
from landscape.slice.slice import Here
from landscape.slice.steps import Steps, checkpoints_of

STEPS = (0, 40, 100)


def net(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    made = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))
    made[1].running_mean.normal_()
    return made


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    for step in STEPS:
        save_checkpoint(tmp_path / "checkpoints" / f"step_{step}.pt", net(step).state_dict(), {})
    return tmp_path


@pytest.fixture
def steps(run: Path) -> Steps:
    model = net(7)
    layout = Layout.of(model)
    like = layout.flatten(layout.tensors(model), dtype=torch.float64)
    return Steps(checkpoints_of(run), model, layout, like)


def slices(steps: Steps):
    x, y = torch.randn(2, 20, dtype=torch.float64)
    return steps, Here(torch.randn(20, dtype=torch.float64)), Plane(torch.randn(20, dtype=torch.float64), [x, y])


COORDS = ((40.0,), (), (0.25, -1.5))


def test_each_slice_gives_the_coordinates_back(steps: Steps):
    for each, coords in zip(slices(steps), COORDS, strict=True):
        found, distance = each.project(each.at(coords))
        assert found == pytest.approx(coords) and distance == pytest.approx(0, abs=1e-12)


def test_weights_are_written_into_the_vector_that_is_given(steps: Steps):
    for each, coords in zip(slices(steps), COORDS, strict=True):
        expected = each.at(coords)
        out = torch.full_like(expected, float("nan"))
        assert each.at(coords, out=out) is out and torch.equal(out, expected)


def test_a_step_is_the_net_that_was_kept_with_its_statistics(steps: Steps):
    assert steps.grid.axes[0].values.tolist() == list(STEPS) and steps.grid.axes[0].kind == "step"
    for step in STEPS:
        kept, views = net(step), steps._layout.named(steps.at((float(step),)))
        for name, parameter in kept.named_parameters():
            assert torch.equal(views[name], parameter.double()), name
        buffers = steps.buffers((float(step),))
        assert torch.equal(buffers["1.running_mean"], kept[1].running_mean)


def test_a_path_needs_two_nets(run: Path):
    for step in STEPS[1:]:
        (run / "checkpoints" / f"step_{step}.pt").unlink()
    with pytest.raises(UsageError, match="1 nets in .*a path needs at least two; train with --save-every"):
        checkpoints_of(run)
