"""Basins on the contour: which are marked, numbered and tinted, and the words."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.render.page.flat import draw as draw_page
from landscape.render.still.picture import figure_of
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison
from landscape.topology.find import landform


@pytest.fixture
def wells(make_surface):
    """Wells 2 and 1 deep in a plain at 3, and a dent of 0.1 at (0.8, -0.75)."""

    def make(stderr=0.1):
        values = np.full((9, 11), 3.0)
        values[2:5, 2:5], values[3, 3], values[5:8, 6:9], values[1, 9] = 2.0, 1.0, 2.0, 2.9
        errors = {} if stderr is None else {"train_loss": np.full(values.shape, stderr)}
        return make_surface(values, stderr=errors)

    return make


def marks(scene, kind):
    return [trace for trace in scene.views[0].field.traces if trace.kind == kind]


def test_only_what_survives_is_marked_and_numbered(wells):
    surface = wells()
    scene, found = build_scene(surface, kind="basins"), landform(surface)
    (minima,), (saddles,) = marks(scene, "nets"), marks(scene, "saddles")
    assert minima.labels == ("1", "2")
    assert np.column_stack([minima.x, minima.y]).tolist() == [list(each.place) for each in found.basins]
    assert np.column_stack([saddles.x, saddles.y]).tolist() == [list(found.basins[1].saddle)]
    assert "2 basins survive two standard errors, 1 does not" in scene.notes
    assert (
        minima.readings[1]
        == "basin 2: 2<br>1 deep below the saddle to basin 1<br>within two standard errors at least 0.6"
    )


def test_without_errors_all_count_and_the_picture_says_so(wells):
    scene = build_scene(wells(None), kind="basins")
    assert marks(scene, "nets")[0].labels == ("1", "2", "3")
    assert {"3 basins", "no standard errors in the file: nothing says which basins are real"} <= set(scene.notes)


def test_the_ground_is_tinted_darker_within_anothers(make_surface):
    ring = np.full((11, 11), 5.0)
    ring[1:10, 1:10], ring[2:9, 2:9], ring[3:5, 3:5], ring[3, 3], ring[7, 7] = 3.0, 2.0, 0.5, 0.0, 1.0
    view = build_scene(make_surface(ring), kind="basins").views[0]
    found = landform(make_surface(ring))
    np.testing.assert_array_equal(view.ground, sum(each.region.mask.astype(int) for each in found.basins))
    assert view.ground[7, 7] == 2 and view.ground[3, 3] == 1 and view.ground[0, 0] == 0


def test_few_are_numbered_and_the_others_are_grey(make_surface):
    scene = build_scene(make_surface(np.random.default_rng(0).random((21, 25))), kind="basins")
    grey, black = marks(scene, "nets")
    assert black.labels == tuple(str(n) for n in range(1, 13)) and black.color == ""
    assert set(grey.labels) == {""} and grey.color
    assert "numbered: the 12 deepest" in scene.notes


def test_a_single_row_is_refused_in_one_line(make_surface):
    from landscape.grid import Axis, Grid
    from landscape.surfaces.surface import Surface

    row = Surface(Grid((Axis("x", np.arange(5.0)), Axis("y", np.zeros(1)))), {"train_loss": np.ones((1, 5))})
    with pytest.raises(UsageError, match="this surface has 5 × 1 points: a plane needs two on each side"):
        build_scene(row, kind="basins")


def test_both_renderers_draw_what_the_scene_says(wells):
    scene = build_scene(wells(), kind="basins")
    axes = figure_of(scene).axes[0]
    (tints,) = [mesh for mesh in axes.collections if type(mesh).__name__ == "QuadMesh"]
    assert np.ma.count(tints.get_array()) == (scene.views[0].ground > 0).sum()
    assert [line.get_marker() for line in axes.lines].count("x") == 1
    _, plane = draw_page(scene).figures
    ground = next(trace for trace in plane.data if trace.name == "ground")
    assert np.isfinite(np.array(ground.z, dtype=float)).sum() == (scene.views[0].ground > 0).sum()
    crosses = next(trace for trace in plane.data if trace.name == "saddles")
    assert crosses.marker.symbol == "x" and crosses.customdata[0].startswith("saddle between basins 2 and 1")


def test_nets_stand_side_by_side_on_one_scale(wells):
    both = build_comparison([wells(), wells(None)], kind="basins")
    assert both.panels[0].views[0].field.scale == both.panels[1].views[0].field.scale
    assert len(figure_of(both).axes) == 3
