"""`Surface`: names of metrics, the centre, counts, and what one dimension lacks."""

import sys

import numpy as np
import pytest

from landscape.errors import LandscapeError, UsageError
from landscape.grid import Axis, Grid, parse_range
from landscape.surfaces.surface import Surface


@pytest.fixture
def surface(grid):
    values = {
        name: np.arange(12.0).reshape(3, 4) + k for k, name in enumerate(("train_accuracy", "train_loss", "test_loss"))
    }
    return Surface(grid, values, {"train_loss": np.ones((3, 4))}, source="s.h5")


def line(**values):
    return Surface(Grid.of(parse_range("-1:1:5")), {name: np.array(v) for name, v in values.items()}, source="line.h5")


def test_metric_names(surface):
    assert surface.metric() == surface.metric("loss") == surface.metric("train_loss") == "train_loss"
    assert surface.metric("accuracy") == "train_accuracy" and surface.metric("test_loss") == "test_loss"
    assert line(test_margin=[0.0] * 5).metric() == "test_margin"
    with pytest.raises(UsageError, match="no metric 'los' in s.h5: it has train_accuracy, train_loss, test_loss"):
        surface.metric("los")
    with pytest.raises(LandscapeError, match="line.h5 holds no values: nothing was computed yet"):
        line().metric()


def test_at_origin(surface):
    assert surface.at_origin("train_loss") is None  # -1:1:4 has no 0
    assert line(m=[1.0, 2.0, 3.0, 4.0, 5.0]).at_origin("m") == 3.0
    grid = Grid.of(parse_range("-1:1:3"), parse_range("0:1:2"))
    assert Surface(grid, {"m": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])}).at_origin("m") == 2.0


@pytest.mark.parametrize("kind, expected", [("direction", 2.0), ("step", 2.0), ("coordinate", None), ("angle", None)])
def test_only_steps_from_a_net_have_a_centre(kind, expected):
    """Also of a kind that a later version knows: an angle of 0 is not the place of the net."""
    axis = Axis("x", np.array([-1.0, 0.0, 1.0]), "angle", kind)
    assert Surface(Grid((axis,)), {"m": np.array([1.0, 2.0, 3.0])}).at_origin("m") == expected


def test_axes(surface):
    assert surface.ndim == 2 and surface.shape == (3, 4) and len(surface.x) == 4 and len(surface.y) == 3
    with pytest.raises(LandscapeError, match="line.h5 is one-dimensional: it has no y axis"):
        line().y  # noqa: B018


def test_counts(surface):
    assert surface.counts() == {"pending": 0, "done": 12, "failed": 0, "interpolated": 0}
    surface.status["evaluation"] = np.array([[0, 1, 2, 3], [1, 1, 1, 1], [2, 2, 0, 0]], np.uint8)
    assert surface.counts() == {"pending": 3, "done": 5, "failed": 3, "interpolated": 1}


def test_to_xarray(surface):
    pytest.importorskip("xarray")
    found = surface.to_xarray()
    assert found["train_loss"].dims == ("y", "x") and np.array_equal(
        found["train_loss"].values, surface.values["train_loss"]
    )
    assert np.array_equal(found["x"].values, surface.x) and "train_loss_stderr" in found


def test_to_xarray_without_xarray(surface, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(LandscapeError, match=r"pip install 'nn-landscape\[xarray\]'"):
        surface.to_xarray()


def test_viewing_needs_neither_torch_nor_mpi(tmp_path):
    import subprocess

    code = "import sys, landscape.surfaces; print([m for m in ('torch', 'mpi4py', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
