"""Numbers of axes say where they are, in few digits, whatever the range."""

import numpy as np
import pytest

from landscape.grid import Grid, Range
from landscape.render.still import picture as still
from landscape.scene.build import build_scene
from landscape.scene.coordinates import coordinates_of
from landscape.scene.facts.grid import grid_facts
from landscape.surfaces.surface import Surface

RANGES = [
    (-1, 1),
    (0, 1),
    (-500, 500),
    (-2e6, 0),
    (0, 3e-7),
    (1000, 1000.5),
    (2, 2.001),
    (-1e-30, 1e-30),
    (-7e5, -6.9999e5),
]


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_a_number_and_the_name_of_its_axis_give_the_place(low, high):
    written = coordinates_of(low, high)
    for value in np.linspace(low, high, 5):
        text = written.text(value)
        assert len(text) <= 10
        found = float(text.replace("−", "-")) * 10.0**written.power + written.offset
        assert found == pytest.approx(value, abs=2e-5 * (high - low) + 1e-12 * abs(high))
    assert written.plain == (written.named("x") == "x")


@pytest.mark.parametrize("kind", ["contour", "surface"])
def test_no_factor_floats_beside_an_axis(kind):
    grid = Grid.of(Range(-2e6, 0, 5), Range(1000, 1000.5, 5))
    figure = still.figure_of(build_scene(Surface(grid, {"train_loss": np.arange(25.0).reshape(5, 5)}), kind=kind))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert axes.get_xlabel().endswith("(× 1e6)") and axes.get_ylabel().endswith("− 1000")
    assert not axes.xaxis.get_offset_text().get_text() and not axes.yaxis.get_offset_text().get_text()


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_facts_say_how_wide_the_range_is(low, high):
    (fact,) = grid_facts(Grid.of(Range(low, high, 5)))
    first, last = (float(text) for text in fact.partition("[")[2].rstrip("]").replace("−", "-").split(","))
    assert last - first == pytest.approx(high - low, rel=3e-3)
