"""Losses on the left, accuracies on the right in percent; train solid, test dashed."""

from dataclasses import replace

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.grid import Grid
from landscape.scene.build import build_scene
from landscape.scene.kinds import default_kind
from landscape.surfaces.surface import Trail


@pytest.fixture
def line(make_surface):
    x = np.linspace(-0.5, 1.5, 41)
    loss = 0.01 + 100 * (x * (x - 1)) ** 2
    more = {"train_accuracy": np.exp(-loss), "test_loss": loss + 0.3, "test_accuracy": 0.9 * np.exp(-loss)}
    return lambda **other: make_surface(loss, x=(-0.5, 1.5), more=more, **other)


def test_curves_axes_and_dashes(line):
    lines = build_scene(line(), kind="line").views[0]
    drawn = {c.metric: (c.right, c.dashed) for c in lines.curves}
    assert drawn == {
        "train_loss": (False, False),
        "test_loss": (False, True),
        "train_accuracy": (True, False),
        "test_accuracy": (True, True),
    }
    assert lines.curves[0].color != lines.curves[2].color
    assert (lines.right.low, lines.right.high) == (0.0, 102.5)
    assert lines.curves[2].y.max() == pytest.approx(100 * np.exp(-0.01))
    assert lines.left.kind == "log"
    assert 0 < lines.left.low < 0.01
    assert lines.left.high > lines.curves[1].y.max()


def test_the_other_scale_follows_for_the_switch(line):
    assert [view.left.kind for view in build_scene(line(), kind="line").views] == ["log", "linear"]
    assert [view.left.kind for view in build_scene(line(), kind="line", scale="linear").views] == ["linear", "log"]


def test_one_family_of_metrics_can_be_chosen(line):
    both = build_scene(line(), kind="line", metric="loss").views[0]
    assert [c.metric for c in both.curves] == ["train_loss", "test_loss"]
    shares = build_scene(line(), kind="line", metric="accuracy").views[0]
    assert [c.right for c in shares.curves] == [False, False]
    assert (shares.right, shares.left.high) == (None, 102.5)
    assert shares.caption.title == "accuracy along a line"
    assert both.caption.title == "loss along a line"
    one = build_scene(line(), kind="line", metric="test_loss")
    assert [c.metric for c in one.views[0].curves] == ["test_loss"]
    with pytest.raises(UsageError, match="no metric 'entropy'"):
        build_scene(line(), kind="line", metric="entropy")


def test_only_along_a_direction_it_is_a_line(line):
    surface = line()
    (axis,) = surface.grid.axes
    turned = replace(surface, grid=Grid((replace(axis, kind="angle"),)))
    assert build_scene(turned, kind="line", metric="loss").views[0].caption.title == "loss"


def test_bands_are_two_standard_errors_and_said(line):
    scene = build_scene(line(stderr={"train_accuracy": np.full(41, 0.01)}), kind="line")
    curve = next(c for c in scene.views[0].curves if c.metric == "train_accuracy")
    middle = curve.y.argmin()
    assert curve.high[middle] - curve.y[middle] == pytest.approx(2.0)
    assert curve.high.max() <= 100.0
    assert curve.low.min() >= 0.0
    assert "bands: two standard errors" in scene.notes
    assert "bands: two standard errors" not in build_scene(line(), kind="line").notes


def test_nets_are_marked_where_they_lie(line):
    nets = Trail(np.array([0.0, 1.0, 7.0]), labels=("A", "B", "far"))
    assert build_scene(line(trails={"nets": nets}), kind="line").views[0].marks == ((0.0, "A"), (1.0, "B"))


def test_holes_interrupt_the_curve_and_are_counted(line):
    surface = line()
    surface.values["train_loss"][5] = np.inf
    scene = build_scene(surface, kind="line")
    assert np.isnan(scene.views[0].curves[0].y[5])
    assert "train loss: 1 of 41 points not finite (1 inf or beyond 1e38)" in scene.notes


def test_zero_stands_at_the_floor_of_a_log_axis(line):
    surface = line()
    surface.values["train_loss"][10] = 0.0
    lines = build_scene(surface, kind="line").views[0]
    assert 0 < lines.left.low <= lines.curves[0].y[10] < 0.01


def test_a_line_surface_is_drawn_as_a_line(line, make_surface):
    assert default_kind(line()).name == "line"
    assert default_kind(make_surface()).name == "contour"


def test_curvature_does_not_stand_on_the_axes_of_loss_and_accuracy(line):
    surface = line()
    surface.values["hessian_max"] = surface.values["hessian_negative"] = np.linspace(0.1, 0.5, 41)
    usual = build_scene(line(), kind="line").views[0]
    drawn = build_scene(surface, kind="line").views[0]
    assert [c.metric for c in drawn.curves] == [c.metric for c in usual.curves]
    assert (drawn.left, drawn.right) == (usual.left, usual.right)
    share = build_scene(surface, kind="line", metric="hessian_negative").views[0]
    assert (share.left.label, share.left.percent) == ("negative Hessian eigenvalues (%)", True)
    np.testing.assert_allclose(share.curves[0].y, np.linspace(10, 50, 41))


def test_lines_have_no_symmetric_log_scale(make_surface):
    surface = make_surface(np.linspace(-1.0, 1.0, 9) ** 5 * 1e6, x=(-1, 1))
    assert [view.left.kind for view in build_scene(surface, kind="line").views] == ["linear"]
    with pytest.raises(UsageError, match="choose linear or log"):
        build_scene(surface, kind="line", scale="symlog")


def test_what_is_true_of_all_curves_is_said_once(line):
    status = np.ones(41, np.uint8)
    status[3:10] = 3
    surface = line(status={"evaluation": status})
    surface.values["test_loss"][20] = np.inf
    notes = build_scene(surface, kind="line").notes
    assert [note for note in notes if "interpolated" in note] == ["7 of 41 points interpolated"]
    assert [note for note in notes if "finite" in note] == [
        "test loss: 1 of 41 points not finite (1 inf or beyond 1e38)"
    ]
