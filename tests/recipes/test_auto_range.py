"""Ranges that are found: where a quadratic loss says, the same on any number of ranks, and the same when a file is continued."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.errors import EvaluationError, SurfaceFileError, UsageError
from landscape.study import rise
from landscape.surfaces import load_surface

OPTIONS = {"model": "net.py:build", "data": "npz:data.npz", "normalize": "digits", "threads": 1, "quiet": True}


@pytest.fixture
def linear():
    """A linear net with mean squared error: along any line the loss is a parabola."""
    generator = torch.Generator().manual_seed(3)
    net = nn.Linear(4, 1, bias=False).double()
    inputs = torch.randn(32, 4, generator=generator, dtype=torch.float64)
    data = (inputs, inputs.sum(1, keepdim=True) + 0.1)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.1, 0.9, 1.0, 1.2]]))
    return {"model": net, "data": data, "loss": "mse", "precision": "fp64", "quiet": True, "seed": 5}


def root(low, middle, high, target):
    """Of the parabola through three values at -1, 0 and 1: the place nearest to 0 at which it is `target`."""
    bend, slope = (low + high) / 2 - middle, (high - low) / 2
    return min(abs(np.roots([bend, slope, middle - target])))


@pytest.mark.parametrize("factor", [None, 3.0])
def test_on_a_quadratic_loss_the_range_is_the_closed_form(linear, factor):
    known = ll.surface(**linear, x="-1:1:3", y="-1:1:3").values["train_loss"]
    found = ll.surface(**linear, x="auto:5", y="auto:3", rise=factor)
    target = (factor or 10) * known[1, 1]
    assert found.shape == (3, 5) and found.values["train_loss"][1, 2] == known[1, 1]
    assert found.x[-1] == -found.x[0] == pytest.approx(root(*known[1], target), rel=0.015)
    assert found.y[-1] == -found.y[0] == pytest.approx(root(*known[:, 1], target), rel=0.015)
    ends = found.values["train_loss"][1, [0, -1]]
    assert max(ends) == pytest.approx(target, rel=0.04)
    facts = found.known.ranges
    assert (facts.rise, facts.axes, facts.beyond) == (factor or 10, ["x", "y"], None) and facts.evaluations < 80


def test_one_axis_of_two_and_a_line(linear):
    plane = ll.surface(**linear, x="-1:1:3", y="auto:3")
    assert plane.x.tolist() == [-1, 0, 1] and plane.known.ranges.axes == ["y"]
    line = ll.line(**linear, x="auto")
    assert line.shape == (51,) and line.x[25] == 0
    assert line.x[-1] == ll.surface(**linear, x="auto:3", y="-1:1:3").x[-1]


def test_a_loss_that_does_not_rise_so_far_ends_at_the_bound(linear, capsys):
    net, data = linear["model"], linear["data"]
    flat = ll.line(
        model=net, data=data, loss=lambda out, to: torch.tanh((out - to) ** 2).mean() + 1, x="auto:3", precision="fp64"
    )
    assert flat.x.tolist() == [-rise.LARGEST, 0, rise.LARGEST] and flat.known.ranges.beyond == ["x"]
    assert "x from -64 to 64: the loss stays below 10 times that of the net" in capsys.readouterr().err


def test_what_jumps_is_not_said_to_rise(linear, capsys):
    def cliff(factor):
        return lambda out, to: torch.where(
            ((out - to) ** 2).mean() < 1, 1.0 + 0 * out.sum(), torch.tensor(factor, dtype=out.dtype)
        )

    for height in (1e3, float("nan")):
        line = ll.line(**{**linear, "loss": cliff(height), "quiet": False}, x="auto:3")
        assert line.known.ranges.jumps == ["x"] and line.known.ranges.beyond is None
        assert "at the nearer end the loss jumps beyond 10 times that of the net" in capsys.readouterr().err


def test_a_rise_too_near_to_be_drawn_ends_the_run(linear, monkeypatch):
    monkeypatch.setattr(rise, "SMALLEST", 0.4)
    with pytest.raises(
        EvaluationError, match="x range auto: at 0.4 from the net its loss is already 1.0001 times as high"
    ):
        ll.line(**linear, x="auto:3", rise=1.0001)


@pytest.mark.parametrize("value", [0.0, float("nan"), -1.0])
def test_a_loss_without_a_factor_is_refused(linear, value):
    with pytest.raises(
        EvaluationError, match="range auto: the loss of the net is .*, expected above 0; give a range, such as"
    ):
        ll.line(**{**linear, "loss": lambda out, to: 0 * out.sum() + value}, x="auto:3")


def test_what_cannot_be_is_refused_before_anything_is_computed(here):
    for given, said in (
        ({"x": "auto:1"}, "x range 'auto:1': expected a number of points from 2"),
        ({"x": "automatic"}, "x range 'automatic': expected auto:N"),
        ({"rise": 3.0}, "rise 3 is for ranges that are searched for; give x='auto' too"),
        ({"x": "auto:3", "rise": 1.0}, "rise 1: expected a factor of the loss above 1"),
        ({"x": "auto:3", "rise": float("nan")}, "rise nan: expected a factor"),
        ({"x": "auto:3", "to": "other.pt"}, "x range auto looks around one net, and to names a second"),
        ({"x": "auto:3", "metrics": ["accuracy"]}, "range auto follows a loss, but train_accuracy is not a loss"),
    ):
        with pytest.raises(UsageError, match=said):
            ll.line("net.pt", out="s.h5", **given, **OPTIONS)
    assert not Path("s.h5").exists()


def test_a_file_is_continued_without_a_search(here, basic, stopped, monkeypatch):
    command = ["surface", "net.pt", *basic, "--loss", "net.py:lazy", "-x", "auto:3", "-y", "auto:3"]
    stopped(*command, "-o", "s.h5", once="s.h5")
    begun = load_surface("s.h5")
    monkeypatch.setenv("LAZY", "0")
    options = {**OPTIONS, "loss": "net.py:lazy", "x": "auto:3", "y": "auto:3"}
    whole = ll.surface("net.pt", **options)
    with monkeypatch.context() as patch:
        patch.setattr(rise, "_searched", lambda *_: pytest.fail("searched again"))
        ended = ll.surface("net.pt", out="s.h5", **options)
    assert begun.counts()["pending"] and not ended.counts()["pending"]
    np.testing.assert_array_equal(ended.values["train_loss"], whole.values["train_loss"])
    assert ended.x.tolist() == begun.x.tolist() == whole.x.tolist()
    given = {**options, "x": (begun.x[0], begun.x[-1], 3), "y": (begun.y[0], begun.y[-1], 3)}
    ll.surface("net.pt", out="s.h5", **given)  # the numbers are the run
    with pytest.raises(SurfaceFileError):
        ll.surface("net.pt", out="s.h5", **options, rise=2.0)
    with pytest.raises(SurfaceFileError, match="sha256|weights"):
        ll.surface("other.pt", out="s.h5", **options)


def test_two_ranks_find_what_one_finds(here, command, basic):
    done = command("surface", "net.pt", *basic, "-x", "auto:3", "-y", "auto:3", "-o", "two.h5", ranks=2)
    assert done.returncode == 0, done.stderr
    alone, two = ll.surface("net.pt", x="auto:3", y="auto:3", **OPTIONS), load_surface("two.h5")
    assert two.grid.same_as(alone.grid) and two.known.ranges == alone.known.ranges
    np.testing.assert_array_equal(two.values["train_loss"], alone.values["train_loss"])


def test_along_the_gradient_and_in_a_dry_run(here):
    made = {"x": "auto:3", "along": "gradient", "out": "s.h5", **OPTIONS}
    assert ll.line("net.pt", dry_run=True, **made).points == 3 and not Path("s.h5").exists()
    found = ll.line("net.pt", **made)
    assert max(found.values["train_loss"]) == pytest.approx(10 * found.values["train_loss"][1], rel=0.1)
    assert ll.line("net.pt", dry_run=True, **made).pending == 0
