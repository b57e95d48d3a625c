"""A map of a page shows what the still shows: what is beyond the range, extra lines, grid points and holes."""

import numpy as np
import pytest

from landscape.grid import Grid, Range
from landscape.render.page import flat, overlay, relief
from landscape.render.page.hatched import cells_beyond, regions_beyond, runs_of
from landscape.render.page.traces2d import extra_lines, grid_dots, hole_traces
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison
from landscape.surfaces.surface import Surface
from tests.render.conftest import bowl, chaos

OPTIONS = {"meta": {"view": 0}, "visible": True}


def surface_of(values, n=41):
    grid = Grid.of(Range(-1, 1, n), Range(-1, 1, n))
    x, y = np.meshgrid(*(axis.values for axis in grid.axes))
    return Surface(grid, {"train_loss": values(x, y)})


def field_of(surface, **options):
    return build_scene(surface, kind="contour", metric="train_loss", scale="linear", **options).views[0].field


def area(rings):
    """Signed: rings around holes count against those around what is hatched."""
    return sum(0.5 * np.sum(r[:-1, 0] * r[1:, 1] - r[1:, 0] * r[:-1, 1]) for r in rings)


def test_the_hatched_region_is_what_lies_beyond():
    plane = field_of(surface_of(lambda x, y: 2 + x), vmin=1.5, vmax=2.25)
    (above, ends), (below, others) = regions_beyond(plane, True), regions_beyond(plane, False)
    assert area(above) == pytest.approx(0.75 * 2) and area(below) == pytest.approx(0.5 * 2)
    assert np.concatenate(ends)[:, 0] == pytest.approx(0.25) and np.concatenate(others)[:, 0] == pytest.approx(-0.5)


def test_a_region_may_have_a_hole():
    rings, _ = regions_beyond(field_of(surface_of(lambda x, y: 1 + x**2 + y**2), vmax=1.5), True)
    assert len(rings) == 2 and area(rings) == pytest.approx(4 - 0.5 * np.pi, rel=2e-3)


def test_nothing_is_hatched_within_the_range():
    field = field_of(surface_of(lambda x, y: 2 + x))
    assert not any(len(part) for above in (True, False) for part in regions_beyond(field, above))


def test_of_cells_those_whose_own_value_is_beyond(hot):
    field = build_scene(hot, kind="heatmap", vmax=2.0).views[0].field
    ((ring), *more), ends = cells_beyond(field, True)
    assert not more and not ends and not len(cells_beyond(field, False)[0])
    x, y = field.x_edges, field.y_edges
    assert ring[[0, 2]].tolist() == [[x[9], y[3]], [x[10], y[4]]]


def test_runs_cover_each_cell_once():
    mask = np.random.default_rng(0).random((6, 9)) < 0.5
    rings = runs_of(mask, np.arange(10.0), np.arange(7.0))
    assert area(rings) == mask.sum()
    middles = [((a + c) / 2).tolist() for a, _, c, *_ in rings]
    assert all(mask[int(y), int(x)] for x, y in middles) and len(rings) < mask.sum()


def test_extra_lines_of_a_comparison_are_those_of_the_still():
    steep = Surface(bowl().grid, {"train_loss": 60 * bowl().values["train_loss"]})
    scene = build_comparison([bowl(), steep], kind="contour", names=["P", "Q"], scale="linear").panels[0]
    field = scene.views[0].field
    dashed, numbers = extra_lines(field, 0, "mesh0")
    low, *edges, high = dashed.meta["edges"]
    span = field.scale.high - field.scale.low
    assert (low, high) == (0, 1) and len(edges) == len(field.extra_ticks.heights) > 0
    assert np.array(edges) * span + field.scale.low == pytest.approx(field.extra_ticks.heights)
    assert set(numbers.text) <= set(field.extra_ticks.labels) and len(numbers.text) == len(field.extra_points) > 0
    shown = [trace.name for trace in flat.draw(scene).figures[1].data if trace.meta["view"] == 0]
    assert shown.count("extra") == 1 and shown.count("levels") == 2


def test_points_of_coarse_grids_are_marked_on_both_figures():
    field = field_of(bowl(), vmax=1.0)
    (dots,) = grid_dots(field, OPTIONS)
    assert len(dots.x) == len(field.dots) == 143 and max(dots.meta["heights"]) == 1
    assert grid_dots(field_of(surface_of(lambda x, y: 1 + x + 2)), OPTIONS) == []
    lifted = next(
        trace
        for trace in flat.both(build_scene(bowl(), kind="contour"), [field]).figures[0].data
        if trace.name == "grid"
    )
    assert len(lifted.x) == np.sum(field.values <= 1.0), "not those above the box"


def test_holes_are_hatched_by_their_reason():
    field = build_scene(chaos(), kind="heatmap").views[0].field
    ground, infinite, failed = hole_traces(field, OPTIONS, cells=True)
    assert (infinite.fillpattern.shape, failed.fillpattern.shape) == ("/", "x")
    assert sorted(set(failed.x[:5])) == pytest.approx(field.x_edges[:2]) and ground.name == "holes"


def test_heights_of_a_relief_have_their_name():
    scene = build_scene(bowl(), kind="surface")
    field = scene.views[0].field
    drawn = relief.draw(scene)
    assert drawn.figures[0].layout.scene.zaxis.title.text == field.label
    assert drawn.layouts[0][0]["scene.zaxis.title"] == {"text": field.label}
    both = Surface(
        bowl().grid, {"train_loss": bowl().values["train_loss"], "test_loss": 2 + bowl().values["train_loss"]}
    )
    layouts = overlay.draw(build_scene(both, kind="overlay")).layouts
    assert {each["scene.zaxis.title"]["text"] for each, _ in layouts} == {""}, "two metrics, and the legend names both"
