"""Pictures of a volume: three slices of it by value, shells on the scale of the slices, and what each kind of picture says."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.grid import Grid, Range
from landscape.render.page.picture import text_of
from landscape.render.page.volume import draw
from landscape.render.still.picture import figure_of
from landscape.scene.build import build_scene
from landscape.scene.kinds import default_kind
from landscape.scene.views.volume import Volume
from landscape.surfaces.surface import Surface


@pytest.fixture
def volume():
    grid = Grid.of(Range(-1, 1, 7), Range(-1, 1, 5), Range(-2, 1, 4))
    x, y, z = (axis.values for axis in grid.axes)
    z, y, x = np.meshgrid(z, y, x, indexing="ij")
    return Surface(grid, {"train_loss": 1 + x**2 + 2 * y**2 + 3 * z**2 + x * z})


def view_of(scene):
    return scene.views_as(Volume)[0]


def test_slices_are_the_planes_through_the_net(volume):
    assert default_kind(volume).name == "volume"
    view = view_of(build_scene(volume, kind="volume"))
    values = volume.values["train_loss"]
    assert [each.name for each in view.slices] == ["z = 0", "y = 0", "x = 0"]
    for each, plane in zip(view.slices, (values[2], values[:, 2], values[:, :, 3]), strict=True):
        np.testing.assert_array_equal(each.flat.field.values, plane)
        assert each.flat.field.scale is view.slices[0].flat.field.scale
    assert [(each.frame.x_label, each.frame.y_label) for each in view.slices] == [("x", "y"), ("x", "z"), ("y", "z")]


def test_shells_are_where_the_quadratic_has_their_level(volume):
    view = view_of(build_scene(volume, kind="volume", levels=[2, 4], scale="linear"))
    assert [shell.label for shell in view.shells] == ["2", "4"]
    for shell, level in zip(view.shells, (2, 4), strict=True):
        x, y, z = np.moveaxis(shell.triangles, -1, 0)
        assert len(x) > 100 and np.abs(1 + x**2 + 2 * y**2 + 3 * z**2 + x * z - level).max() < 0.05
        assert len(shell.colors) == len(shell.triangles)


def test_notes_are_on_what_each_picture_shows(volume):
    volume.values["train_loss"][0, 0, 0] = np.nan
    scene = build_scene(volume, kind="volume")
    view, missing = view_of(scene), "1 of 140 points not finite (0 inf, 1 nan)".replace("0 inf, ", "")
    assert view.notes[0] == "slices at z = 0, y = 0, x = 0" and missing in view.notes
    assert view.page_notes == (missing,)
    page = text_of(scene)
    assert '"isosurface"' in page and "slices at" not in page
    (levels, *_) = draw(scene).levels
    assert levels["names"] == list(view.steps.labels) and levels["start"] == view.start
    figure = figure_of(scene)
    assert [axes.name for axes in figure.axes] == ["rectilinear"] * 3 + ["3d", "rectilinear"]


def test_what_cannot_be_drawn_is_said(volume):
    thin = Surface(Grid.of(Range(0, 1, 2), Range(0, 1, 2)), {"train_loss": np.ones((2, 2))})
    with pytest.raises(UsageError, match="does not fit"):
        build_scene(thin, kind="volume")
    flat = Surface(volume.grid, {"train_loss": np.ones(volume.shape)})
    scene = build_scene(flat, kind="volume")
    assert (
        not [shell for shell in view_of(scene).shells if len(shell.triangles)] and "all values are equal" in scene.notes
    )
    nothing = Surface(volume.grid, {"train_loss": np.full(volume.shape, np.nan)})
    scene = build_scene(nothing, kind="volume")
    assert "nothing to draw" in scene.notes and len(figure_of(scene).axes) == 5 and text_of(scene)


def test_shells_of_an_accuracy_hold_what_is_high():
    """The innermost first: around a peak that is the highest level, which hides most."""
    grid = Grid.of(Range(-1, 1, 9), Range(-1, 1, 9), Range(-1, 1, 9))
    x, y, z = np.meshgrid(*(axis.values for axis in grid.axes), indexing="ij")
    view = view_of(build_scene(Surface(grid, {"train_accuracy": np.exp(-(x**2 + y**2 + z**2))}), kind="volume"))
    heights = [shell.height for shell in view.shells]
    assert len(heights) > 1 and heights == sorted(heights, reverse=True)
    reach = [np.abs(shell.triangles).max() for shell in view.shells if len(shell.triangles)]
    assert reach == sorted(reach) and view.shells[0].opacity > view.shells[-1].opacity


def test_only_slices_that_hold_the_net_mark_it():
    grid = Grid.of(Range(-1, 1, 5), Range(-1, 1, 4), Range(-1, 1, 5))
    view = view_of(build_scene(Surface(grid, {"train_loss": np.arange(100.0).reshape(5, 4, 5)}), kind="volume"))
    marked = {each.name: any(trace.kind == "center" for trace in each.flat.field.traces) for each in view.slices}
    assert marked == {"z = 0": True, "y = -0.333": False, "x = 0": True}, marked
