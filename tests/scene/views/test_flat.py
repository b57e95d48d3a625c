"""The frame of a plane: a unit is equally long on both axes, unless that leaves a strip nobody can read; then it is said."""

import numpy as np
import pytest

from landscape.grid import Grid, Range
from landscape.scene.scene import UNEQUAL
from landscape.scene.views.flat import EQUAL_UP_TO, plane_frame, stretch_notes
from landscape.surfaces.surface import Surface


def plane(wide, high):
    grid = Grid.of(Range(0, wide, 3), Range(0, high, 3), labels=("x: a", "y: b"))
    return Surface(grid, {"train_loss": np.ones((3, 3))})


@pytest.mark.parametrize("wide, high", [(1, 1), (EQUAL_UP_TO, 1), (1, EQUAL_UP_TO)])
def test_units_are_equally_long_where_that_can_be_read(wide, high):
    surface = plane(wide, high)
    frame = plane_frame(surface)
    assert frame.equal and frame.y_label == "y: b" and stretch_notes(surface, frame, UNEQUAL) == []


@pytest.mark.parametrize("wide, high, times", [(10, 1, "8"), (1, 10, "0.08"), (1, 0.01, "80")])
def test_a_strip_is_stretched_and_says_by_how_much(wide, high, times):
    surface = plane(wide, high)
    frame = plane_frame(surface)
    assert not frame.equal and frame.y_label == "y: b (stretched)"
    assert stretch_notes(surface, frame, UNEQUAL) == [f"units along y are drawn {times} times as long as along x"]


def test_axes_of_different_kinds_have_no_common_unit():
    surface = plane(10, 1)
    axes = surface.grid.axes
    object.__setattr__(axes[1], "kind", "step")
    assert plane_frame(surface).y_label == "y: b" and stretch_notes(surface, plane_frame(surface), UNEQUAL) == []
