"""Pictures of training dynamics: panels, thresholds and runs, by value."""

from __future__ import annotations

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.grid import Axis, Grid
from landscape.quantity import DYNAMICS, layer_quantity, metric_of, quantity_named
from landscape.scene.build import build_scenes
from landscape.surfaces.surface import DONE, Surface

STEPS = np.array([0.0, 50.0, 100.0, 200.0])


def made(source: str = "", threshold: float = 5.0, **more: list) -> Surface:
    values = {
        "train_loss": [2.0, 1.0, 0.5, 0.1], "hessian_max": [2.0, 4.0, 5.0, 5.1], "batch_sharpness": [1.0, 2.0, 3.0, 4.0],
        "stability_threshold": [threshold] * 4, "stiffness_within": [0.7, 0.5, 0.4, 0.4],
        "stiffness_between": [-0.1, -0.1, 0.0, 0.0], "distance": [0.0, 1.0, 2.0, 3.0], "lr": [0.4] * 4, **more,
    }  # fmt: skip
    arrays = {name: np.array(each, dtype=np.float64) for name, each in values.items()}
    rows = {name: quantity_named(name) for name in values}
    rows["train_loss"] = metric_of("train", "loss")
    rows |= {name: layer_quantity(name, name[6:8]) for name in values if name.startswith("layer_")}
    from dataclasses import replace

    rows = {name: replace(row, group=DYNAMICS) for name, row in rows.items()}
    grid = Grid((Axis("x", STEPS, "training step", "step"),))
    return Surface(grid, arrays, status={DYNAMICS: np.full(4, DONE, np.uint8)}, source=source, quantities=rows)


def lines(*surfaces: Surface, **options):
    (scene,) = build_scenes(list(surfaces), kind="dynamics", **options)
    return scene, scene.views[0]


def strip(view, label: str):
    return next(each for each in view.strips if each.axis.label.startswith(label))


def test_quantities_of_one_role_share_a_panel_over_the_steps():
    scene, view = lines(made())
    assert [each.axis.label.split(" (")[0] for each in view.strips] == ["curvature", "stiffness", "distance"]
    curvature = {curve.label: curve for curve in strip(view, "curvature").curves}
    np.testing.assert_allclose(curvature["largest Hessian eigenvalue"].y, [2.0, 4.0, 5.0, 5.1])
    np.testing.assert_array_equal(curvature["batch sharpness"].x, STEPS)
    assert curvature["stability threshold"].dashed and not curvature["batch sharpness"].dashed
    assert len({curve.color for curve in strip(view, "curvature").curves + strip(view, "stiffness").curves}) == 5
    assert scene.frame.x_range == (0.0, 200.0) and scene.frame.x_label == "training step"


def test_preconditioned_curvature_has_a_panel_with_its_own_threshold():
    """Beside the plain one, of one run and of several; a threshold alone is no panel."""
    adaptive = {
        "preconditioned_max": [np.nan, 300.0, 380.0, 390.0],
        "preconditioned_threshold": [np.nan, 380.0, 380.0, 380.0],
    }
    for surfaces in ([made(**adaptive)], [made("a/dynamics.h5", **adaptive), made("b/dynamics.h5", **adaptive)]):
        _, view = lines(*surfaces)
        curves = strip(view, "preconditioned").curves
        assert [curve.dashed for curve in curves] == [False, True] * len(surfaces)
        np.testing.assert_array_equal(curves[1].y[1:], [380.0] * 3)
        assert not any(np.nanmax(curve.y) > 10 for curve in strip(view, "curvature").curves)
    assert "dashed in the panel of preconditioned: threshold of the optimizer" in view.notes
    _, alone = lines(made(preconditioned_threshold=[380.0] * 4))
    assert not [each for each in alone.strips if each.axis.label.startswith("preconditioned")]


def test_layers_have_a_panel_in_the_order_of_the_net_where_one_run_is_drawn():
    deep = {f"layer_{number:02d}_gradient": [10.0**-number] * 4 for number in range(1, 13)}
    _, view = lines(made(**deep))
    curves = strip(view, "gradient by layer").curves
    assert [curve.y[0] for curve in curves] == pytest.approx([10.0**-number for number in range(1, 13)])
    assert len({curve.color for curve in curves}) == 12 and "dashed" not in {curve.label for curve in curves}
    assert [curve.label for curve in curves if curve.label][:1] == ["gradient of 01"]
    assert [curve.label for curve in curves if curve.label][-1:] == ["gradient of 12"]
    assert sum(bool(curve.label) for curve in curves) == 3, "the legend has room for a few"
    _, both = lines(made(**deep), made(**deep))
    assert not [each for each in both.strips if each.axis.label.startswith("gradient by layer")]


def test_a_threshold_that_is_far_above_is_not_drawn_at_the_border_but_said():
    _, near = lines(made(threshold=7.0))
    assert any(np.allclose(curve.y, 7.0) for curve in strip(near, "curvature").curves)
    _, far = lines(made(threshold=5000.0))
    assert not any(curve.label == "stability threshold" for curve in strip(far, "curvature").curves)
    assert strip(far, "curvature").axis.high < 10 and any(
        "stability threshold, 5e+03 to 5e+03, is drawn where" in note for note in far.notes
    )


def test_what_only_some_runs_have_is_said_of_each():
    first, second = made("runs/one/dynamics.h5"), made("runs/two/dynamics.h5")
    first.provenance["loss"], second.provenance["loss"] = "mse", "mae"
    notes = lines(first, second)[1].notes
    assert any(note.startswith("one: ") and "mse" in note for note in notes)
    assert any(note.startswith("two: ") and "mae" in note for note in notes)


def test_several_runs_are_told_apart_by_colour_with_their_first_quantity():
    _, view = lines(
        made("runs/lr_0.9/dynamics.h5"),
        made("runs/lr_0.3/dynamics.h5", threshold=4.0, hessian_max=[1.0, 2.0, 3.0, 4.0]),
    )
    assert [curve.label for curve in view.named] == ["lr_0.9", "lr_0.3"] and len(
        {curve.color for curve in view.named}
    ) == 2
    curves = strip(view, "curvature").curves
    solid = [curve for curve in curves if not curve.dashed]
    assert [curve.y[-1] for curve in solid] == [5.1, 4.0] and [curve.color for curve in solid] == [
        c.color for c in view.named
    ]
    assert [curve.y[0] for curve in curves if curve.dashed] == [5.0, 4.0]


def test_values_that_are_not_there_leave_gaps_and_empty_panels_are_left_out():
    _, view = lines(
        made(batch_sharpness=[np.nan, 2.0, np.nan, 4.0], stiffness_within=[np.nan] * 4, stiffness_between=[np.nan] * 4)
    )
    assert [each.axis.label.split(" (")[0] for each in view.strips] == ["curvature", "distance"]
    sharp = next(curve for curve in strip(view, "curvature").curves if curve.label == "batch sharpness")
    np.testing.assert_array_equal(np.isfinite(sharp.y), [False, True, False, True])


def test_what_holds_no_dynamics_is_refused(make_surface):
    with pytest.raises(UsageError, match="holds no training dynamics that all runs have; landscape dynamics RUN"):
        lines(make_surface(np.arange(5.0)))
