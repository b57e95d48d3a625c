"""Maps of curvature: the cells hold the values of their points, and the lines are those of the loss."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison
from landscape.scene.kinds.ratio import READING, ratio_scales
from landscape.scene.palettes import DEPTH, DIVERGING, balanced, stops
from landscape.scene.scales import NO_LIMITS, Limits


def fields_of(scene):
    return [view.field for view in scene.views]


FREE = Limits()


def ratio_at(x, y):
    """What `make_curved` has there."""
    return np.maximum(0.0, 0.4 * (x**2 + y**2 - 0.1))


def lightness(color):
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_cell_holds_the_ratio_at_its_point(make_curved):
    field = build_scene(make_curved(), kind="ratio").views[0].field
    assert (field.metric, field.values.shape) == ("hessian_ratio", (5, 5))
    across, along = np.meshgrid(field.x, field.y)
    np.testing.assert_allclose(field.values, ratio_at(across, along), atol=1e-12)
    np.testing.assert_allclose(field.heights, field.values)
    assert (field.values[2, 2], field.values.max() > 0.3) == (0.0, True)


def test_cells_meet_half_way_and_fill_the_plane(make_curved):
    scene = build_scene(make_curved(), kind="ratio")
    field = scene.views[0].field
    np.testing.assert_allclose(field.x_edges[1:-1], (field.x[:-1] + field.x[1:]) / 2)
    np.testing.assert_allclose(field.y_edges[1:-1], (field.y[:-1] + field.y[1:]) / 2)
    assert (field.x_edges[0], field.x_edges[-1], field.y_edges[0], field.y_edges[-1]) == (-1, 1, -1, 1)
    assert (scene.frame.x_range, scene.frame.y_range) == ((-1, 1), (-1, 1))


def test_cells_are_not_drawn_out_over_points_that_are_to_come(make_curved):
    surface = make_curved(every=2, done=0.4, told=None)
    field = build_scene(surface, kind="ratio").views[0].field
    assert field.y_edges[-1] == pytest.approx(field.y[-1] + (field.y[-1] - field.y[-2]) / 2)
    assert field.y_edges[-1] < 0 and field.y_edges[0] == -1
    for arrays in (surface.values, surface.status):
        for name, array in arrays.items():
            arrays[name] = array[::-1]
    field = build_scene(surface, kind="ratio").views[0].field
    assert field.y_edges[0] == pytest.approx(field.y[0] - (field.y[1] - field.y[0]) / 2)
    assert field.y_edges[0] > 0 and field.y_edges[-1] == 1


def test_dark_is_zero_and_lightness_rises(make_curved):
    field = build_scene(make_curved(), kind="ratio").views[0].field
    assert (field.scale.kind, field.scale.vmin, field.scale.vmax) == ("linear", 0.0, field.values.max())
    assert (np.diff([lightness(color) for color in field.colors]) > 0).all()
    assert field.ink[0] == "#ffffff"
    assert READING in build_scene(make_curved(), kind="ratio").notes
    assert field.bar_ticks.labels[0] == "0" and len(field.bar_ticks.labels) <= 8


@pytest.mark.parametrize(
    ("values", "kind", "high"),
    [
        ([0.0, 0.1, 0.5], "linear", 0.5),
        ([0.0, 0.3, 0.4, 1.2], "linear", 1.0),
        ([0.2, 0.3, 0.4, 80.0, 1e5], "linear", 1.0),
        ([1.5, 2.0, 2.5, 0.5], "linear", 2.5),
        ([0.0, 0.0, 0.0], "linear", 1.0),
        ([], "linear", 1.0),
        ([*np.geomspace(1e-6, 1e-3, 99), 0.5], "log", 0.5),
        ([*np.geomspace(1e-6, 1e-3, 60), *np.linspace(0.1, 0.9, 40)], "linear", 0.9),
    ],
)
def test_the_scale_is_linear_from_zero_unless_all_would_be_dark(values, kind, high):
    scale = ratio_scales(np.array(values), "auto", FREE)[0]
    assert (scale.kind, scale.vmax) == (kind, pytest.approx(high))
    assert (scale.vmin == 0) == (kind == "linear")


def test_the_scale_can_be_chosen_and_the_other_one_follows():
    values = np.array([0.01, 0.2, 0.5, 3.0])
    assert [s.kind for s in ratio_scales(values, "auto", FREE)] == ["linear", "log"]
    assert [s.kind for s in ratio_scales(values, "log", FREE)] == ["log", "linear"]
    assert [s.kind for s in ratio_scales(np.zeros(4), "auto", FREE)] == ["linear"], "zeros have no logarithm"
    chosen = ratio_scales(values, "linear", Limits(0.1, 0.4))[0]
    assert (chosen.vmin, chosen.vmax, chosen.below, chosen.above) == (0.1, 0.4, True, True)
    assert ratio_scales(values, "auto", Limits(vmax=5.0))[0].vmax == 5.0


def test_what_is_clipped_infinite_or_of_one_sign_is_said(make_curved):
    surface = make_curved()
    largest = surface.values["hessian_max"]
    # Of the points that were computed: the corner has no positive eigenvalue, its neighbours a zero and nothing.
    largest[0, 2], largest[0, 6], largest[0, 10] = -1.0, 0.0, np.nan
    scene = build_scene(surface, kind="ratio")
    assert "1 of 25 points not finite (1 nan)" not in scene.notes
    assert "2 of 25 points not finite (1 inf or beyond 1e38, 1 nan)" in scene.notes
    assert "ratio 0 at 1 point without a negative eigenvalue" in scene.notes
    assert "1 point without a positive eigenvalue, ratio 1 or more" in scene.notes
    assert any(note.startswith("values above 1 clipped: 1 point, largest") for note in scene.notes)
    assert scene.views[0].field.holes[0].tolist() == [0, 1, 1, 0, 0]


def test_an_unfinished_map_has_holes_and_says_how_many(make_curved):
    scene = build_scene(make_curved(done=0.4), kind="ratio")
    assert scene.views[0].field.holes.tolist() == [[0] * 5, [0] * 5, [2] * 5, [2] * 5, [2] * 5]
    assert "curvature on 5 × 5 of the 21 × 17 grid points" in scene.notes
    assert "15 of 25 points not computed" in scene.notes
    assert not any("eigenvalue at the centre" in fact for fact in scene.facts), "the centre is still to come"
    empty = build_scene(make_curved(done=0.0), kind="ratio")
    assert "nothing to draw" in empty.notes


def test_the_lines_are_those_of_the_loss_on_the_whole_grid(make_curved):
    surface = make_curved()
    lines = build_scene(surface, kind="ratio").views[0].over
    assert lines.metric == "train_loss"
    np.testing.assert_array_equal(lines.values, surface.values["train_loss"])
    assert 4 <= len(lines.levels) <= 8
    assert build_scene(surface, kind="ratio", levels=[1.0, 10.0]).views[0].over.levels.tolist() == [1.0, 10.0]
    notes = build_scene(surface, kind="ratio", levels=[1.0, 10.0]).notes
    assert "lines: train loss at 1, 10, between grid points piecewise cubic" in notes


def test_the_loss_is_that_of_the_samples_of_the_hessian(make_curved):
    surface = make_curved(provenance={"hessian": {"split": "test"}})
    surface.values["test_loss"] = surface.values["train_loss"] + 1
    assert build_scene(surface, kind="ratio").views[0].over.metric == "test_loss"
    del surface.values["test_loss"]
    assert build_scene(surface, kind="ratio").views[0].over.metric == "train_loss"
    del surface.values["train_loss"]
    assert build_scene(surface, kind="ratio").views[0].over is None


def test_holes_of_the_loss_interrupt_the_lines_and_not_the_cells(make_curved):
    surface = make_curved()
    surface.values["train_loss"][2, 6] = np.inf
    scene = build_scene(surface, kind="ratio")
    assert (scene.views[0].field.holes == 0).all()
    assert np.isnan(scene.views[0].over.mesh.z).any()
    assert "train loss: 1 of 357 points not finite (1 inf or beyond 1e38)" in scene.notes


def test_other_metrics_of_the_hessian_are_mapped_alike(make_curved):
    negative = {"hessian_negative": np.full((17, 21), 0.05) + np.linspace(0, 0.1, 21)}
    surface = make_curved(more=negative)
    smallest, largest, share = (
        build_scene(surface, kind="ratio", metric=f"hessian_{name}").views[0].field
        for name in ("min", "max", "negative")
    )
    assert smallest.scale.vmin < 0 < smallest.scale.vmax
    assert smallest.colors == balanced(DIVERGING, smallest.scale.vmin, smallest.scale.vmax)
    assert largest.colors == stops(DEPTH)
    assert (share.scale.vmin, share.bar_ticks.labels[0]) == (0.0, "0 %")
    assert READING not in smallest.notes
    for field in (smallest, largest, share):
        assert field.values.shape == (5, 5)
    assert (smallest.ink, largest.ink) == (("#101018", "#ffffff"), ("#ffffff", "#101018"))


def test_where_all_are_negative_zero_is_the_pale_end(make_curved):
    surface = make_curved()
    surface.values["hessian_min"] -= 5.0
    field = build_scene(surface, kind="ratio", metric="hessian_min").views[0].field
    assert (field.scale.kind, field.scale.vmax) == ("linear", 0.0)
    assert field.colors == balanced(DIVERGING, field.scale.vmin, 0.0)
    assert lightness(field.colors[-1]) > 1.5 * lightness(field.colors[0])


def test_all_maps_can_be_switched_to_and_only_those(make_curved):
    found = [field.metric for field in fields_of(build_scene(make_curved(), kind="ratio"))]
    assert list(dict.fromkeys(found)) == ["hessian_ratio", "hessian_max", "hessian_min"]
    first = build_scene(make_curved(), kind="ratio", metric="hessian_products").views[0].field
    assert first.metric == "hessian_products", "what a value cost is shown when it is asked for"
    with pytest.raises(UsageError, match="metric 'train_loss'.*choose hessian_ratio"):
        build_scene(make_curved(), kind="ratio", metric="train_loss")


def test_panels_share_the_scale_and_the_levels_of_the_lines(make_curved):
    low, high = make_curved(every=2), make_curved(13, 13, every=3)
    high.values["hessian_min"] *= 1.2
    high.values["train_loss"] *= 30
    one, two = build_comparison([low, high], kind="ratio", names=["P", "Q"]).panels
    assert one.views[0].field.scale == two.views[0].field.scale
    assert one.views[0].field.scale.vmax == two.views[0].field.values.max() > one.views[0].field.values.max()
    assert one.views[0].field.colors == two.views[0].field.colors
    np.testing.assert_array_equal(one.views[0].over.levels, two.views[0].over.levels)
    assert one.views[0].over.levels[-1] > 100 and one.views[0].over.levels[0] < 1


def test_words(make_curved, provenance):
    known = {**provenance, "hessian": {"split": "train", "samples": 256, "parameters": 1000, "ignore": "none"}}
    scene = build_scene(make_curved(provenance=known), kind="ratio")
    assert scene.title == "ResNet-56, digits: |smallest / largest| Hessian eigenvalue"
    assert "|smallest / largest| Hessian eigenvalue at the centre 0" in scene.facts
    assert "train loss at the centre 0.0545" in scene.facts
    assert "Hessian of 1,000 parameters (all) on 256 train samples" in scene.facts


@pytest.mark.parametrize("kind", ["contour", "filled", "heatmap", "surface"])
def test_the_other_kinds_draw_the_thinned_grid(make_curved, kind):
    surface = make_curved()
    scene = build_scene(surface, kind=kind, metric="hessian_max")
    field = scene.views[0].field
    assert field.values.shape == (5, 5)
    assert not np.isnan(field.mesh.z).any()
    assert "curvature on 5 × 5 of the 21 × 17 grid points" in scene.notes
    width = field.x_edges if kind == "heatmap" else field.x
    assert scene.frame.x_range == (width[0], width[-1])
    loss = next(field for field in fields_of(scene) if field.metric == "train_loss")
    assert loss.values.shape == (17, 21)
    assert not any("21 × 17 grid points" in note for note in loss.notes)


@pytest.mark.parametrize("kind", ["ratio", "heatmap"])
def test_points_beside_the_grid_that_is_drawn_do_not_stretch_the_scale(make_curved, kind):
    surface, before = make_curved(every=2), make_curved(every=3)
    for name, array in before.values.items():
        if name.startswith("hessian"):
            surface.values[name] = np.where(np.isfinite(surface.values[name]), surface.values[name], 100 * array)
    surface.status["hessian"] |= before.status["hessian"]
    field = build_scene(surface, kind=kind, metric="hessian_max").views[0].field
    assert (field.values.shape, field.scale.vmax) == ((9, 11), field.values.max())
    assert np.nanmax(surface.values["hessian_max"]) > 10 * field.scale.vmax


def test_errors_and_costs_are_no_views_unless_asked_for(make_curved):
    shown = {field.metric for field in fields_of(build_scene(make_curved(), kind="contour"))}
    assert shown == {"train_loss", "train_accuracy", "hessian_max", "hessian_min", "hessian_ratio"}
    asked = fields_of(build_scene(make_curved(), kind="contour", metric="hessian_max_error"))
    assert asked[0].metric == "hessian_max_error"
    assert not any(field.metric == "hessian_products" for field in asked)


def test_a_few_corner_cells_do_not_set_the_colours_of_all(make_curved):
    """Most ratios in the lowest tenth of a linear scale ask for a log one; so does a smallest eigenvalue with a long tail."""
    values = np.append(np.geomspace(0.002, 0.08, 90), np.linspace(0.3, 1.0, 10))
    assert ratio_scales(values, "auto", NO_LIMITS)[0].kind == "log"
    assert ratio_scales(np.linspace(0.05, 1.0, 100), "auto", NO_LIMITS)[0].kind == "linear"
    surface = make_curved()
    surface.values["hessian_min"] = np.where(np.isnan(surface.values["hessian_min"]), np.nan, -1.0)
    surface.values["hessian_min"][0, 2] = -90.0
    assert build_scene(surface, kind="ratio", metric="hessian_min").views[0].field.scale.kind == "symlog"


def test_a_long_tail_of_one_sign_leaves_most_cells_a_colour(make_curved):
    """As of ResNet-20 on CIFAR-10: from -6 at the centre to -10,600 in a corner, and half of the cells within -700."""
    surface = make_curved()
    known = np.isfinite(surface.values["hessian_min"])
    surface.values["hessian_min"][known] = -np.geomspace(6.0, 80_000.0, int(known.sum())).clip(max=10_600.0)
    scale = build_scene(surface, kind="ratio", metric="hessian_min").views[0].field.scale
    shares = scale.heights(surface.values["hessian_min"][known]) / scale.low
    assert scale.kind == "symlog" and np.median(shares) > 0.25 and not scale.below
