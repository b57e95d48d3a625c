"""Lines over each other: each value at its height over the base line of its own, the later in front of the earlier."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.grid import Grid, Range
from landscape.options.looks import LookOptions
from landscape.render.page.lines import line_changes, line_figure
from landscape.render.still import picture as still
from landscape.scene.build import build_scenes
from landscape.scene.kinds.ridgeline import HIGH, NOTHING
from landscape.scene.look import PLAIN, look_of
from landscape.surfaces.surface import Surface
from tests.scene.kinds.test_flatness import made as table

X = np.linspace(-1, 1, 9)
VALUES = [0.01 * 10 ** (4 * X**2), 0.1 + 0 * X, 1 + 99 * (X + 1) / 2]


@pytest.fixture
def lines(make_surface, provenance):
    made = []
    for number, values in enumerate(VALUES):
        known = copy.deepcopy(provenance)
        known["directions"]["seed"] = number
        known["model"] = {"name": "resnet56_noshort" if number == 2 else "resnet56"}
        made.append(make_surface(values.copy(), provenance=known))
    return made


def view_of(surfaces, **options):
    (scene,) = build_scenes(surfaces, kind="ridgeline", **options)
    return scene.views[0]


@pytest.mark.parametrize("scale, ends", [("log", (-2.0, 2.0)), ("linear", (0.01, 100.0))])
def test_every_value_stands_at_its_height_over_the_base_line_of_its_own(lines, scale, ends):
    view = view_of(lines, scale=scale)
    for base, curve, values in zip((2.0, 1.0, 0.0), view.curves, VALUES, strict=True):
        heights = np.log10(values) if scale == "log" else values
        np.testing.assert_allclose(curve.y, base + HIGH * (heights - ends[0]) / (ends[1] - ends[0]), atol=1e-12)
        np.testing.assert_allclose(curve.values, values)
        assert (curve.low == base).all() and (curve.high == curve.y).all()
    assert view.left.ticks == (2.0, 1.0, 0.0) and view.left.tick_labels == ("seed 0", "seed 1", "seed 2")
    marked = dict(zip(view.right.tick_labels, view.right.ticks, strict=True))
    top = "100"
    assert marked[top] == pytest.approx(HIGH), "the axis at the right is that of the ridge in front"


def test_the_later_hide_the_earlier_and_nets_have_colours_of_their_own(lines):
    curves = view_of(lines, names=["a", "b", "c"]).curves
    assert curves[0].front < curves[1].front < curves[2].front
    assert curves[0].color == curves[1].color != curves[2].color
    assert [curve.name for curve in curves] == ["a", "b", "c"]
    axes = still.figure_of(build_scenes(lines, kind="ridgeline")[0]).axes[0]
    fills = [each.get_zorder() for each in axes.collections]
    assert fills == sorted(fills) and len(set(fills)) == 3


def test_of_a_plane_the_line_nearest_to_the_net_is_drawn(make_surface):
    grid = Grid.of(Range(-1, 1, 5), Range(-0.7, 1.0, 18))
    surface = Surface(grid, {"train_loss": np.arange(90.0).reshape(18, 5) + 1})
    row = int(np.argmin(np.abs(surface.y)))
    view = view_of([surface, surface], names=["a", "b"])
    np.testing.assert_allclose(view.curves[0].values, surface.values["train_loss"][row])
    assert any("the middle line, y = 0" in note for note in view.notes)


def test_planes_whose_middle_lines_differ_are_named(make_surface):
    low, high = (
        Surface(Grid.of(Range(-1, 1, 5), Range(start, 1.0, 3)), {"train_loss": np.arange(15.0).reshape(3, 5) + 1})
        for start in (-1.0, -0.5)
    )
    notes = view_of([low, high, low], names=["a", "b", "c"]).notes
    assert {"of a, c: the middle line, y = 0", "of b: the middle line, y = 0.25"} <= set(notes)


def test_holes_interrupt_a_ridge_and_are_named(lines):
    lines[1].values["train_loss"][4] = np.nan
    view = view_of(lines)
    assert np.isnan(view.curves[1].y[4]) and np.isnan(view.curves[1].low[4]) and np.isfinite(view.curves[1].y[3])
    assert any(note.startswith("seed 1: 1 of 9 points not finite") for note in view.notes)


def test_a_point_between_holes_is_marked_as_no_line_shows_it(lines):
    values = VALUES[1].copy()
    values[[3, 5]] = np.nan
    curves = view_of([replace(lines[1], values={"train_loss": values}), *lines[1:]]).curves
    assert [curve.dots for curve in curves] == [True, False, False]
    (scene,) = build_scenes([replace(lines[1], values={"train_loss": values}), *lines[1:]], kind="ridgeline")
    assert [line.get_marker() for line in still.figure_of(scene).axes[0].get_lines()] == ["o", "None", "None"]


def test_shares_are_drawn_on_their_own_scale(make_surface):
    accuracy = [make_surface(np.linspace(low, 1.0, 5), metric="train_accuracy") for low in (0.0, 0.5)]
    view = view_of(accuracy, names=["a", "b"])
    np.testing.assert_allclose(view.curves[1].y, HIGH * np.linspace(0.5, 1.0, 5))
    np.testing.assert_allclose(view.curves[1].values, 100 * np.linspace(0.5, 1.0, 5))


def test_hovering_on_a_page_tells_values_and_names(lines):
    (scene,) = build_scenes(lines, kind="ridgeline", names=["a", "b", "c"])
    traces = [trace for trace in line_figure(scene).data if trace.customdata is not None and trace.visible is not False]
    assert [trace.name for trace in traces[:3]] == ["a", "b", "c"]
    np.testing.assert_allclose(traces[2].customdata, VALUES[2])


def test_one_or_too_many_are_refused(lines):
    for given in (lines[:1], lines * 14):
        with pytest.raises(UsageError, match=f"lays 2 to 40 lines or planes over each other, not {len(given)}; give"):
            view_of(given)


def test_what_only_some_lines_have_is_said_of_each_and_axes_that_differ_are_not_named_after_one(lines):
    labels = ("x: a (0) to b (1)", "x: c (0) to d (1)")
    pair = [
        replace(line, grid=Grid((replace(line.grid.axes[0], label=label),)))
        for line, label in zip(lines[:2], labels, strict=True)
    ]
    pair[0].provenance["loss"], pair[1].provenance["loss"] = "mse", "mae"
    (scene,) = build_scenes(pair, kind="ridgeline", names=["one", "two"])
    assert scene.frame.x_label == "place along the direction of each line"
    assert any(note.startswith("one: ") and "mse" in note for note in scene.views[0].notes)


def test_axes_of_two_kinds_and_tables_of_nets_are_refused(lines):
    steps = replace(lines[1], grid=Grid((replace(lines[1].grid.axes[0], kind="step"),)))
    with pytest.raises(UsageError, match="the first is a direction, that of another a step; choose those of one kind"):
        view_of([lines[0], steps])
    with pytest.raises(UsageError, match="holds a table of nets; leave it out"):
        view_of([table(), table()], metric="sam")


def test_names_are_text_whatever_they_hold(lines, tmp_path):
    (scene,) = build_scenes(lines[:2], kind="ridgeline", names=["$x^{$", "$x^2$"])
    written = still.draw(scene, tmp_path / "a.svg", look=replace(PLAIN, editable=True)).read_text()
    assert "$x^{$" in written and "$x^2$" in written


def test_lines_without_a_value_have_no_scale(lines, tmp_path):
    empty = [replace(line, values={"train_loss": np.full(9, np.nan)}) for line in lines]
    (scene,) = build_scenes(empty, kind="ridgeline")
    view = scene.views[0]
    assert (
        view.right is None and NOTHING in view.notes and not any("is at the base line" in note for note in view.notes)
    )
    assert still.draw(scene, tmp_path / "a.png").is_file()
    assert "yaxis2" not in line_figure(scene).to_dict()["layout"]


def test_the_axis_at_the_right_of_a_page_is_drawn_and_goes_with_its_scale(lines):
    (scene,) = build_scenes(lines, kind="ridgeline")
    figure, changed = line_figure(scene), [line_changes(view) for view in scene.views]
    assert any(trace.yaxis == "y2" for trace in figure.data), "plotly draws no axis without a trace"
    shown = [dict(zip(each["yaxis2.ticktext"], each["yaxis2.tickvals"], strict=True)) for each in changed]
    assert shown[0]["1"] == pytest.approx(HIGH / 2) and shown[1]["50"] == pytest.approx(HIGH / 2, rel=1e-3)


def test_a_name_is_whole_where_there_is_room_and_keeps_both_ends_where_not(lines):
    whole = "a net with a name of some length"
    (scene,) = build_scenes(lines, kind="ridgeline", names=[whole, "b" * 100 + "c" * 100, "d"])
    wide, narrow = (
        [label.get_text() for label in still.figure_of(scene, look_of(looks)).axes[0].get_yticklabels()]
        for looks in (LookOptions(), LookOptions(size="column"))
    )
    assert wide[0] == whole and wide[2] == "d"
    for long in (wide[1], narrow[0], narrow[1]):
        assert "…" in long
    assert narrow[0][0] == "a" and narrow[0][-1] == "h" and (wide[1][0], wide[1][-1]) == ("b", "c")
