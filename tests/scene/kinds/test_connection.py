"""Pictures of paths between nets: what is drawn, by value."""

from __future__ import annotations

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.grid import PATH, Axis, Grid, parse_range
from landscape.render.page.picture import draw as draw_page
from landscape.render.still.picture import draw as draw_still
from landscape.scene.build import build_scene
from landscape.scene.kinds import default_kind
from landscape.scene.views.lines import Lines
from landscape.scene.views.matrix import Matrix
from landscape.surfaces.surface import Surface
from tests.surfaces.test_barriers import surface


def two_nets(**changes):
    connect = {"nets": ["a", "b"], "weights": ["1", "2"], "paths": ["line 1 2", "bezier 1 2 x"], "lengths": [1.0, 2.0],
               "curve": "bezier with 1 bend", **changes}  # fmt: skip
    whole = surface(provenance={"connect": connect})
    grid = Grid((whole.grid.axes[0], Axis("y", np.arange(2.0), "path", PATH)))
    return type(whole)(**{
        **vars(whole), "grid": grid,
        "values": {name: values[:2] for name, values in whole.values.items()}, "stderr": {"train_loss": np.full((2, 5), 0.1)},
        "status": {"evaluation": np.ones((2, 5), np.uint8)},
    })  # fmt: skip


def test_each_path_is_a_curve_with_its_errors_below():
    scene = build_scene(two_nets(), kind="connection", scale="linear")
    (view, *_) = scene.views_as(Lines)
    assert [curve.label for curve in view.curves] == ["line", "bezier"]
    np.testing.assert_array_equal(view.curves[0].y, [1, 2, 5, 4, 3])
    np.testing.assert_allclose(
        view.curves[1].high, np.clip(np.array([1, 1, 1, 1, 2]) + 0.2, *(view.left.low, view.left.high))
    )
    (strip,) = view.strips
    assert strip.axis.label == "error (%)"
    np.testing.assert_allclose(strip.curves[0].y, [10, 20, 50, 40, 30])
    assert view.marks == ((0.0, "a"), (1.0, "b"))
    assert scene.title == "paths between a and b"
    assert "line: barrier in train loss 3 ± 0.2 at t = 0.5" in scene.notes
    assert "bezier with 1 bend" in scene.facts


def test_the_matrix_shows_barriers_and_errors_of_all_pairs():
    whole = surface()
    assert default_kind(whole).name == "barriers"
    scene = build_scene(whole, kind="barriers")
    loss, error = scene.views_as(Matrix)
    (table,) = loss.tables
    assert loss.names == ("a", "b", "c")
    assert table.texts[0] == ((), ("3.00", "± 0.20"), ("0.50", "± 0.20"))
    assert [table.texts[i][j] for i, j in ((1, 0), (2, 0), (2, 1))] == [
        ("3.00", "± 0.20"),
        ("0.50", "± 0.20"),
        ("0.50", "± 0.20"),
    ]
    assert table.colors[0][0] == "#ffffff" != table.colors[0][1]
    assert error.tables[0].title == "train error (%)"
    assert error.tables[0].texts[0][1] == ("30",)


def test_pairs_that_are_not_computed_are_grey_dashes():
    status = np.ones((3, 5), np.uint8)
    status[1, 2] = 0
    table = build_scene(surface(status={"evaluation": status}), kind="barriers").views_as(Matrix)[0].tables[0]
    assert table.texts[0][2] == ("–",)
    assert table.colors[0][2] == "#eeeeee"


def test_an_infinite_barrier_is_the_darkest_cell_and_leaves_the_others_their_colours():
    values = surface().values["train_loss"].copy()
    before = build_scene(surface(), kind="barriers").views_as(Matrix)[0].tables[0]
    values[1, 2] = np.nan
    table = (
        build_scene(surface(values={"train_loss": values}, quantities={}), kind="barriers")
        .views_as(Matrix)[0]
        .tables[0]
    )
    assert table.texts[0][2] == ("inf",)
    assert table.colors[0][1] == table.colors[0][2] == before.colors[0][1]  # the largest finite one, and infinity
    assert table.colors[1][2] == before.colors[1][2]


def test_barriers_over_the_step_at_which_copies_part():
    connect = {"nets": list("abcd"), "weights": list("1234"), "paths": ["line 1 2", "line 3 4"], "lengths": [1.0, 2.0],
               "branches": [0.0, 50.0]}  # fmt: skip
    parted = two_nets(**connect)
    assert default_kind(parted).name == "instability"
    scene = build_scene(parted, kind="instability")
    (view,) = scene.views_as(Lines)
    (curve,) = view.curves
    assert (curve.x.tolist(), curve.y.tolist()) == ([0, 50], [3.0, 0.5])
    assert view.strips[0].curves[0].y == pytest.approx([30, 5])
    assert scene.frame.x_range == (0.0, 50.0)


@pytest.mark.parametrize("kind", ["contour", "surface", "heatmap", "filled"])
def test_paths_are_no_plane(kind):
    with pytest.raises(UsageError, match="holds paths between nets; choose connection"):
        build_scene(surface(), kind=kind)


def test_a_plane_is_no_path():
    from landscape.grid import Grid, Range
    from landscape.surfaces.surface import Surface

    plane = Surface(Grid.of(Range(0, 1, 3), Range(0, 1, 3)), {"train_loss": np.ones((3, 3))})
    with pytest.raises(UsageError, match="kind 'barriers' does not fit"):
        build_scene(plane, kind="barriers")


@pytest.mark.parametrize("kind", ["connection", "barriers"])
@pytest.mark.parametrize("make", [surface, two_nets])
def test_both_renderers_draw_them(kind, make, tmp_path):
    scene = build_scene(make(), kind=kind)
    assert draw_still(scene, tmp_path / "a.png").stat().st_size > 5000
    page = draw_page(scene, tmp_path / "a.html").read_text()
    assert ("bezier" in page or "barrier" in page) and "NaN" not in page.split("<body")[1][:2000]


@pytest.mark.parametrize("kind, sides", [("filled", 0.8), ("surface", 1.0)])
def test_a_stretched_plane_says_so_at_its_axis(kind, sides):
    grid = Grid.of(parse_range("0:20:5"), parse_range("0:2:5", name="y"), labels=("x: distance", "y: distance"))
    values = {"train_loss": np.outer(np.arange(1.0, 6), np.arange(1.0, 6))}
    rest = ({}, {"evaluation": np.ones((5, 5), np.uint8)}, {}, {"connect": {"nets": ["a", "b"]}}, "")
    scene = build_scene(Surface(grid, values, *rest), kind=kind)
    assert scene.frame.y_label == "y: distance (stretched)"
    ratio = 10 * scene.camera.box[1] / scene.camera.box[0] if kind == "surface" else 10 * sides
    assert any(f"drawn {ratio:g} times as long as along x" in note for note in scene.notes)
    even = Grid.of(parse_range("0:2:5"), parse_range("0:2:5", name="y"), labels=("x: distance", "y: distance"))
    assert build_scene(Surface(even, values, *rest), kind=kind).frame.y_label == "y: distance"
