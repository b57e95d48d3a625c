"""Which picture fits which surface, and what an interactive page can switch to."""

import numpy as np
import pytest

from landscape.errors import LandscapeError, UsageError
from landscape.grid import Axis, Grid, Range
from landscape.scene.build import build_scene
from landscape.scene.kinds import kinds
from landscape.scene.palettes import DIVERGING, stops
from landscape.surfaces.surface import Surface


def fields_of(scene):
    return [view.field for view in scene.views]


FLAT = [kind.name for kind in kinds() if kind.ndim == 2 and not kind.lines]


@pytest.fixture
def several(make_surface, provenance):
    share = np.linspace(0.1, 1, 525).reshape(21, 25)
    return make_surface(more={"train_accuracy": share, "test_loss": 1 + share}, provenance=provenance)


@pytest.mark.parametrize("kind", FLAT)
def test_a_line_is_no_plane(make_surface, kind):
    with pytest.raises(
        UsageError,
        match="has 1 axis; choose line or spread or ridgeline or barcode or curvature or dynamics or flatness or mostcase or "
        "response or rates$",
    ):
        build_scene(make_surface(np.arange(5.0)), kind=kind)


def test_a_plane_is_no_line(make_surface):
    with pytest.raises(UsageError, match="choose contour or filled or heatmap or surface"):
        build_scene(make_surface(source="a.h5"), kind="line")


def test_unknown_names_are_refused(several):
    with pytest.raises(UsageError, match="kind 'relief'"):
        build_scene(several, kind="relief")
    with pytest.raises(UsageError, match="no metric 'entropy'"):
        build_scene(several, kind="contour", metric="entropy")
    with pytest.raises(LandscapeError, match="nothing was computed"):
        build_scene(type(several)(several.grid, {}), kind="contour")


def test_the_first_view_is_what_was_asked_for(several):
    scene = build_scene(several, kind="contour")
    assert (scene.views[0].field.metric, scene.title) == ("train_loss", "ResNet-56, digits: train loss")
    scene = build_scene(several, kind="contour", metric="accuracy", title="")
    assert (scene.views[0].field.metric, scene.title) == ("train_accuracy", "")
    assert build_scene(several, kind="contour", title="Mine").views[1].caption.title == "Mine"


def test_every_metric_can_be_switched_to_on_each_scale_that_makes_sense(several):
    views = [(f.metric, f.scale.kind) for f in fields_of(build_scene(several, kind="contour"))]
    assert views == [
        ("train_loss", "log"),
        ("train_loss", "linear"),
        ("train_accuracy", "linear"),
        ("test_loss", "linear"),
        ("test_loss", "log"),
    ]
    assert build_scene(several, kind="contour").views[3].caption.title.endswith("test loss")


def test_values_of_both_signs_are_switched_to_the_symmetric_log_scale(make_surface):
    surface = make_surface(lambda x, y: x + y, metric="hessian_min")
    fields = fields_of(build_scene(surface, kind="filled"))
    assert [f.scale.kind for f in fields] == ["linear", "symlog"]
    first = fields[0]
    middle = round(64 * (0 - first.scale.low) / (first.scale.high - first.scale.low))
    assert first.colors[middle] == stops(DIVERGING)[32], "the pale middle is zero"


def test_options_reach_the_chosen_metric_only(several):
    first, _, share, other, _ = fields_of(build_scene(several, kind="contour", levels=[1.0, 2.0], vmin=0.5, vmax=20.0))
    assert first.levels.tolist() == [1.0, 2.0]
    assert (first.scale.vmin, first.scale.vmax) == (0.5, 20.0)
    assert share.scale.vmax == 1.0
    assert len(other.levels) > 2


def test_clipping_is_stated_iff_something_is_clipped(make_surface):
    smooth = make_surface()
    assert not any("clipped" in note for note in build_scene(smooth, kind="surface").notes)
    values = smooth.values["train_loss"].copy()
    values[[2, 5, 7], [3, 3, 20]] = [1e9, 4e10, 3.1e12]
    field = build_scene(make_surface(values), kind="surface").views[0].field
    (note,) = [n for n in field.notes if "clipped" in n]
    assert note.endswith("clipped: 3 points, largest 3.1e12")
    assert (field.values > field.scale.vmax).sum() == 3
    assert field.heights.max() == field.scale.high < field.mesh.z.max(), "the mesh runs on, and is cut there"


def test_axis_labels_default_to_directions(make_surface):
    frame = build_scene(make_surface(), kind="contour").frame
    assert (frame.x_label, frame.y_label) == ("x direction", "y direction")


def test_standard_errors_are_drawn_on_request():
    grid = Grid.of(Range(-1, 1, 5), Range(-1, 1, 4))
    values = np.arange(20.0).reshape(4, 5) + 1
    surface = Surface(grid, {"train_loss": values}, {"train_loss": values / 10})
    for name in ("loss_stderr", "train_loss_stderr"):
        scene = build_scene(surface, kind="heatmap", metric=name)
        assert np.array_equal(scene.views[0].field.values, values / 10)
        assert scene.views[0].field.label.startswith("standard error of train loss")
    with pytest.raises(UsageError, match="no metric 'test_loss_stderr'"):
        build_scene(surface, kind="heatmap", metric="test_loss_stderr")


@pytest.mark.parametrize("shape", [(1, 9), (9, 1)])
def test_one_row_is_no_plane(make_surface, shape):
    grid = Grid((Axis("x", np.arange(float(shape[1]))), Axis("y", np.arange(float(shape[0])))))
    with pytest.raises(UsageError, match="a plane needs two on each side"):
        build_scene(Surface(grid, {"train_loss": np.ones(shape)}), kind="contour")


def test_labels_of_nearly_equal_values_are_differences_from_a_named_number(make_surface):
    steps = np.arange(81.0).reshape(9, 9)
    for values, name in ((2.302585 + 1e-9 * steps, "train loss − 2.302585"), (7 + 1e-6 * steps, "train loss − 7")):
        field = build_scene(make_surface(values), kind="contour").views[0].field
        assert field.label == name and len(set(field.level_ticks.labels)) == len(field.levels) > 3
    assert build_scene(make_surface(7 + 1e-2 * steps), kind="contour").views[0].field.label == "train loss"
