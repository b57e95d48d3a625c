"""Every picture says how many points it is made of, and marks them where they are few."""

import numpy as np
import pytest

from landscape.grid import CURVE, PATH, Axis, Grid, Range
from landscape.scene.build import build_scene
from landscape.scene.facts.grid import grid_facts
from landscape.scene.views.field import COARSE


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ([(-1, 1, 51), (-1, 1, 51)], "51 × 51 points in [−1, 1]²"),
        ([(-1, 1, 51), (-0.5, 2, 7)], "51 × 7 points in [−1, 1] × [−0.5, 2]"),
        ([(0, 1e-5, 25)], "25 points in [0, 1e−5]"),
    ],
)
def test_planes_and_lines_say_their_points_and_ranges(ranges, words):
    assert grid_facts(Grid.of(*(Range(*r) for r in ranges))) == [words]


def test_other_axes_are_named_by_what_they_count():
    steps = Axis("x", np.array([0.0, 10.0, 300.0]), "training step", "step")
    assert grid_facts(Grid((steps,))) == ["3 points from step 0 to 300"]
    along, rows = Axis("x", np.linspace(0, 1, 21), "t", CURVE), Axis("y", np.arange(2.0), "path", PATH)
    assert grid_facts(Grid((along, rows))) == ["21 points on each path"]
    assert grid_facts(Grid((Axis("x", np.arange(4.0), "net", "net"),))) == []
    uneven = Axis("x", np.array([0.0, 1.0, 3.0]))
    assert grid_facts(Grid((uneven,))) == ["3 points in [0, 3] (unevenly spaced)"]


@pytest.mark.parametrize("kind", ["contour", "filled", "heatmap", "surface"])
def test_the_fact_stands_under_every_plane_and_line(make_surface, provenance, kind):
    plane = build_scene(make_surface(provenance=provenance), kind=kind)
    assert "25 × 21 points in [−1, 1]²" in plane.facts
    assert "8 points in [−1, 1]" in build_scene(make_surface(np.arange(1.0, 9.0)), kind="line").facts


def test_few_points_are_marked_at_their_heights_and_many_are_not(make_surface):
    values = np.arange(35.0).reshape(5, 7)
    values[2, 3] = np.nan
    field = build_scene(make_surface(values), kind="contour").views[0].field
    drawn = np.isfinite(values)
    x, y = np.meshgrid(field.x, field.y)
    np.testing.assert_array_equal(field.dots, np.column_stack([x[drawn], y[drawn], field.heights[drawn]]))
    assert len(build_scene(make_surface(nx=COARSE, ny=COARSE), kind="surface").views[0].field.dots) == 0
    assert len(build_scene(make_surface(values), kind="heatmap").views[0].field.dots) == 0, "cells are points"
    assert build_scene(make_surface(np.arange(1.0, 9.0)), kind="line").views[0].curves[0].dots
