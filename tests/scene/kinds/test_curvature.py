"""Curvature along a line or a run: the panels hold what was computed, on axes that all surfaces share."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.grid import Axis, Grid
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison
from landscape.scene.kinds import default_kind
from landscape.surfaces.surface import Surface, Trail

STEPS = np.linspace(0, 900, 10)


@pytest.fixture
def make_path():
    """A run whose loss, smallest eigenvalue and share of negative ones all shrink by the same factor per step."""

    def make(*, steps=STEPS, done=None, negative=True, factor=1.0, **other):
        fall = np.exp(-np.arange(len(steps)) / 2)
        values = {
            "train_loss": 2 * factor * fall, "hessian_max": 30 * factor + fall, "hessian_min": -4 * factor * fall,
            "hessian_max_error": 0.3 + 0 * fall, "hessian_min_error": 0.04 * fall, "hessian_products": 20 + 0 * fall,
        }  # fmt: skip
        values |= {"hessian_negative": 0.4 * fall} if negative else {}
        status = np.ones(len(steps), np.uint8)
        if done is not None:
            status[done:] = 0
            values = {name: np.where(status, array, np.nan) for name, array in values.items()}
        stderr = {"hessian_negative": 0.01 + 0 * fall} if negative else {}
        grid = Grid((Axis("x", steps, "training step", "step"),))
        known = {"run": {"hessian": {"every": 1}}, **other.pop("provenance", {})}
        return Surface(grid, values, stderr, {"hessian": status}, provenance=known, **other)

    return make


@pytest.fixture
def line(make_surface):
    """Curvature at every second of 41 points."""
    x = np.linspace(-1, 1, 41)
    status = np.zeros(41, np.uint8)
    status[::2] = 1
    more = {"test_loss": 2 + x**2, "train_accuracy": np.exp(-(x**2))}
    more |= {"hessian_max": np.where(status, 5 + x, np.nan), "hessian_min": np.where(status, -1 - x**2, np.nan)}
    marks = {"evaluation": np.ones(41, np.uint8), "hessian": status}
    known = {"run": {"hessian": {"every": 2}}}
    return make_surface(1 + x**2, x=(-1, 1), more=more, status=marks, provenance=known)


def test_the_legend_names_the_curves_of_all_panels_in_colours_of_their_own(make_path):
    (view, *_) = build_scene(make_path(), kind="curvature").views
    drawn = [*view.curves, *(curve for strip in view.strips for curve in strip.curves)]
    assert [curve.label for curve in view.named] == [curve.label for curve in drawn] and len(drawn) == 4
    assert len({curve.color for curve in drawn}) == 4


def test_three_panels_hold_the_values(make_path):
    surface = make_path()
    scene = build_scene(surface, kind="curvature")
    lines = scene.views[0]
    assert [curve.metric for curve in lines.curves] == ["train_loss"]
    ends, share = lines.strips
    assert [curve.metric for curve in ends.curves] == ["hessian_max", "hessian_min"]
    for curve in (*lines.curves, *ends.curves):
        np.testing.assert_array_equal(curve.x, STEPS)
        np.testing.assert_allclose(curve.y, surface.values[curve.metric])
    np.testing.assert_allclose(share.curves[0].y, 100 * surface.values["hessian_negative"])
    assert len({curve.color for curve in (*lines.curves, *ends.curves)}) == 3
    assert (scene.frame.x_label, scene.frame.x_range) == ("training step", (0.0, 900.0))


def test_bands_are_error_bounds_of_eigenvalues_and_two_standard_errors_of_the_share(make_path):
    surface = make_path()
    lines = build_scene(surface, kind="curvature").views[0]
    largest, share = lines.strips[0].curves[0], lines.strips[1].curves[0]
    np.testing.assert_allclose(largest.high - largest.y, 0.3)
    np.testing.assert_allclose(share.high - share.y, 2.0)
    assert share.low.min() >= 0
    assert lines.strips[1].axis.high >= share.high.max()
    assert "bands: error bounds of the eigenvalues, two standard errors of all else" in lines.notes


def test_the_axes_hold_both_signs_and_the_whole_curves(make_path):
    lines = build_scene(make_path(), kind="curvature").views[0]
    axis = lines.strips[0].axis
    assert (axis.kind, axis.unit, lines.strips[0].zero) == ("symlog", 0.01, True)
    assert axis.low < -4 < 31 < axis.high
    assert 0.0 in axis.ticks
    assert lines.left.kind == "log"
    assert (lines.strips[1].axis.low, lines.strips[1].axis.percent) == (0.0, True)


@pytest.mark.parametrize(
    ("largest", "smallest", "kind"),
    [([3, 4, 5], [-1, -2, -1], "linear"), ([3, 40, 500], [0.1, 0.2, 1], "log"), ([3, 40, 500], [0.1, 0, -1], "symlog")],
)
def test_eigenvalues_are_logarithmic_when_they_differ_by_more_than_twenty(make_surface, largest, smallest, kind):
    more = {"hessian_max": np.array(largest, float), "hessian_min": np.array(smallest, float)}
    strip = build_scene(make_surface([1.0, 2.0, 3.0], more=more), kind="curvature").views[0].strips[0]
    assert strip.axis.kind == kind
    assert strip.axis.low <= min(smallest) and max(largest) <= strip.axis.high
    for curve in strip.curves:
        np.testing.assert_array_equal(curve.y, more[curve.metric])


def test_a_scale_that_is_asked_for_holds_in_all_panels(make_path):
    kinds = [(view.left.kind, view.strips[0].axis.kind) for view in build_scene(make_path(), kind="curvature").views]
    assert kinds == [("log", "symlog"), ("linear", "linear")], "the switch of the page switches both"
    linear = build_scene(make_path(), kind="curvature", scale="linear").views
    assert [(view.left.kind, view.strips[0].axis.kind) for view in linear] == [("linear", "linear"), ("log", "symlog")]


def test_ticks_near_zero_do_not_touch(make_path):
    for factor in (1e-3, 1.0, 1e3):
        axis = build_scene(make_path(factor=factor), kind="curvature").views[0].strips[0].axis
        places = np.arcsinh(np.array([axis.low, *axis.ticks, axis.high]) / (2 * axis.unit))
        assert 0.0 in axis.ticks and len(axis.ticks) >= 4
        assert np.diff(places[1:-1]).min() > 0.06 * (places[-1] - places[0])


def test_without_the_saddle_index_there_are_two_panels(make_path):
    assert len(build_scene(make_path(negative=False), kind="curvature").views[0].strips) == 1


def test_thinned_curvature_is_one_uninterrupted_curve_under_the_whole_loss(line):
    scene = build_scene(line, kind="curvature")
    lines = scene.views[0]
    assert [curve.metric for curve in lines.curves] == ["train_loss", "test_loss"]
    assert len(lines.curves[0].x) == 41
    for curve in lines.strips[0].curves:
        np.testing.assert_array_equal(curve.x, line.x[::2])
        assert np.isfinite(curve.y).all()
    assert [note for note in scene.notes if " grid points" in note] == ["curvature: on 21 of the 41 grid points"]
    assert scene.title == "loss and curvature along a line"


def test_an_unfinished_run_ends_where_it_has_come_and_says_so(make_path):
    scene = build_scene(make_path(done=6), kind="curvature")
    lines = scene.views[0]
    for curve in (*lines.curves, *(c for strip in lines.strips for c in strip.curves)):
        assert np.isfinite(curve.y).tolist() == [True] * 6 + [False] * 4
        assert curve.dots
    assert scene.frame.x_range == (0.0, 900.0)
    assert "train loss: 4 of 10 points not computed" in scene.notes
    assert [n for n in scene.notes if n.startswith("curvature")] == ["curvature: 4 of 10 points not computed"]


def test_a_run_that_diverged_is_told_once_for_all_curvature(make_path):
    surface = make_path()
    for name, array in surface.values.items():
        array[7:] = np.inf if name == "train_loss" else np.nan
    notes = build_scene(surface, kind="curvature").notes
    assert "train loss: 3 of 10 points not finite (3 inf or beyond 1e38)" in notes
    assert [note for note in notes if "nan" in note] == ["curvature: 3 of 10 points not finite (3 nan)"]
    surface.values["hessian_min"][2] = np.nan
    notes = build_scene(surface, kind="curvature").notes
    assert "smallest Hessian eigenvalue: 4 of 10 points not finite (4 nan)" in notes


def test_words_of_a_run(make_path):
    known = {"model": {"name": "resnet20"}, "data": {"name": "cifar10"}}
    scene = build_scene(make_path(provenance=known), kind="curvature")
    assert scene.title == "ResNet-20, CIFAR-10: loss and curvature along training"
    assert not any("centre" in fact for fact in scene.facts), "step 0 is no centre"


def test_nets_between_are_marked(line):
    marked = Surface(line.grid, line.values, status=line.status, trails={"nets": Trail(np.array([0.0]), labels=("A",))})
    assert build_scene(marked, kind="curvature").views[0].marks == ((0.0, "A"),)


def test_it_is_what_a_path_is_drawn_as_and_losses_what_a_line_is(make_path, line):
    assert default_kind(make_path()).name == "curvature"
    assert default_kind(line).name == "line"
    for surface in (line, make_path()):
        drawn = [curve.metric for curve in build_scene(surface, kind="line").views[0].curves]
        assert not any(metric.startswith("hessian") for metric in drawn)


def test_a_line_of_curvature_alone_is_drawn_on_its_own_points(line):
    scene = build_scene(line, kind="line", metric="hessian_min")
    (curve,) = scene.views[0].curves
    np.testing.assert_allclose(curve.y, -1 - line.x[::2] ** 2)
    assert "on 21 of the 41 grid points" in scene.notes


def test_panels_of_a_comparison_share_all_axes(make_path):
    low, high = make_path(), make_path(steps=np.linspace(0, 2000, 20), factor=20.0)
    found = build_comparison([low, high], kind="curvature", names=["P", "Q"])
    one, two = (panel.views[0] for panel in found.panels)
    assert one.left == two.left and one.left.high > 40
    assert [strip.axis for strip in one.strips] == [strip.axis for strip in two.strips]
    assert one.strips[0].axis.high > 600
    assert found.panels[0].frame.x_range == (0.0, 2000.0)
    assert {curve.dots for panel in (one, two) for curve in panel.curves} == {False}, "20 points: none marks each"
    assert found.title == "Loss and curvature along training"


def test_what_cannot_be_is_refused(make_path, make_surface, line):
    with pytest.raises(UsageError, match="run `landscape hessian FILE`"):
        build_scene(make_surface(np.ones(5)), kind="curvature")
    with pytest.raises(UsageError, match="levels do not apply to kind 'curvature'"):
        build_scene(make_path(), kind="curvature", levels=3)
    with pytest.raises(UsageError, match="'hessian_min': kind 'curvature' shows it below"):
        build_scene(make_path(), kind="curvature", metric="hessian_min")
    with pytest.raises(UsageError, match="which has 2 axes"):
        build_scene(make_surface(), kind="curvature")
    surface = make_path()
    del surface.values["train_loss"]
    with pytest.raises(UsageError, match="holds no loss"):
        build_scene(surface, kind="curvature")
    shares = build_scene(line, kind="curvature", metric="accuracy").views[0]
    assert (shares.left.percent, len(shares.strips)) == (True, 1)


def test_the_high_loss_that_a_run_begins_with_is_not_clipped():
    steps = np.arange(21.0)
    loss = np.concatenate([[2.3, 2.0, 1.0], np.linspace(1e-3, 3e-4, 18)])
    values = {"train_loss": loss, "hessian_max": np.ones(21), "hessian_min": -np.ones(21)}
    status = {"hessian": np.ones(21, dtype=np.uint8)}
    scene = build_scene(
        Surface(Grid((Axis("x", steps, "training step", "step"),)), values, {}, status), kind="curvature"
    )
    assert scene.views[0].left.low <= 3e-4 and scene.views[0].left.high >= 2.3
    assert not any("clipped" in note for note in scene.notes)
