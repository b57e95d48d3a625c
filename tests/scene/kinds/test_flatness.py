"""Pictures of flatness by value: a panel for each measure with its tau, colours by hyper-parameter, and rises over the radius."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from landscape.errors import UsageError
from landscape.grid import Axis, Grid
from landscape.quantity import AROUND, FLATNESS, FLATNESS_QUANTITIES, GAP_QUANTITIES, HYPER, Quantity
from landscape.render.page.picture import panel_of
from landscape.render.still.picture import figure_of
from landscape.scene.build import build_scene
from landscape.scene.kinds import default_kind
from landscape.surfaces.surface import DONE, Surface

ROWS = {row.name: row for row in (*FLATNESS_QUANTITIES, *GAP_QUANTITIES)}
COUNT = 12


def made(**more) -> Surface:
    chance = np.random.default_rng(0)
    gap = np.linspace(0.01, 0.09, COUNT)
    values = {
        "loss_gap": gap * 3, "accuracy_gap": gap, "sam": gap + 0.001 * chance.normal(size=COUNT),
        "trace": np.exp(9 * chance.normal(size=COUNT)), "average": chance.normal(size=COUNT),
        "parameters": np.arange(COUNT), "noise": np.full(COUNT, 5.0),
        "hyper_lr": np.tile([0.1, 0.2, 0.3], 4), "hyper_width": np.repeat([0.0, 1.0], 6), **more,
    }  # fmt: skip
    for what, factor in (("q50", 1.0), ("q90", 2.0), ("worst", 30.0)):
        for radius in (0.05, 0.1, 0.2):
            values[f"rise_{what}_{radius}"] = factor * radius**2 * np.arange(1, COUNT + 1)
    rows = {
        name: ROWS.get(name)
        or Quantity(
            name, name.removeprefix("hyper_"), group=FLATNESS, aside=True, role=HYPER if name.startswith(HYPER) else AROUND,
            metric=name.split("_")[1],
        )
        for name in values
    }  # fmt: skip
    described = {"nets": [f"run {k}" for k in range(COUNT)], "categories": {"width": ["narrow", "wide"]}}
    return Surface(
        Grid((Axis("x", np.arange(COUNT), "net", "net"),)), {name: np.asarray(each, float) for name, each in values.items()},
        status={FLATNESS: np.full(COUNT, DONE, np.uint8)}, quantities=rows, provenance={"run": {FLATNESS: described}},
    )  # fmt: skip


def view(surface: Surface, **options):
    return build_scene(surface, kind="flatness", **options).views[0]


def test_each_measure_that_differs_has_a_panel_with_its_tau():
    surface = made()
    found = view(surface)
    assert [panel.title for panel in found.panels] == ["SAM, worst case", "Hessian trace", "average direction"]
    for panel, name in zip(found.panels, ("sam", "trace", "average"), strict=True):
        np.testing.assert_array_equal(panel.x, surface.values[name])
        tau = kendalltau(surface.values[name], surface.values["accuracy_gap"]).statistic
        assert panel.text.startswith(f"τ = {tau:.2f} [".replace("-", "−"))
    assert found.panels[0].strong and not found.panels[2].strong
    np.testing.assert_allclose(found.y, 100 * surface.values["accuracy_gap"])
    assert found.axis.label == "accuracy gap (%)" and default_kind(surface).name == "flatness"
    assert [panel.axis.kind for panel in found.panels] == [
        "log" if n == 1 else p.axis.kind for n, p in enumerate(found.panels)
    ]
    for panel in found.panels:
        assert panel.axis.low <= np.nanmin(panel.x) and np.nanmax(panel.x) <= panel.axis.high


def test_intervals_of_tau_and_standard_errors_are_drawn_where_they_are_known():
    surface = made()
    surface.stderr["accuracy_gap"], surface.stderr["average"] = np.full(COUNT, 0.001), np.full(COUNT, 0.1)
    surface.stderr["average"][2] = np.nan
    found = view(surface)
    for panel in found.panels:
        value, low, high = panel.gauge
        assert panel.text == f"τ = {value:.2f} [{low:.2f}, {high:.2f}]".replace("-", "−") and low <= value <= high
    sam, _, average = found.panels
    assert sam.ends is None and view(made()).y_ends is None
    reach = 2 * np.nan_to_num(surface.stderr["average"])
    wanted = np.clip(surface.values["average"] + [-reach, reach], average.axis.low, average.axis.high)
    np.testing.assert_allclose(average.ends, wanted)
    inside = slice(1, -1)
    np.testing.assert_allclose(
        (found.y_ends - found.y)[:, inside], np.array([[-0.2], [0.2]]) + 0 * found.y[inside], atol=1e-9
    )
    assert "bars at dots: two standard errors" in found.notes and not any("bars" in note for note in view(made()).notes)
    drawn = figure_of(build_scene(surface, kind="flatness")).axes
    assert sum(len(axes.collections) for axes in drawn) == 3 + 3 + 1, "dots, upright bars, and those of one measure"


def few(count, **more) -> Surface:
    whole = made(**more)
    described = {"nets": [f"a net with a long name, number {k}" for k in range(count)]}
    return replace(
        whole, grid=Grid((Axis("x", np.arange(count), "net", "net"),)), provenance={"run": {FLATNESS: described}},
        values={name: values[:count] for name, values in whole.values.items()}, status={FLATNESS: np.full(count, DONE, np.uint8)},
        stderr={name: errors[:count] for name, errors in whole.stderr.items()},
    )  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_few_nets_have_a_row_each_in_the_panel_of_each_measure(count):
    surface = few(count, sam=np.r_[1.5, np.nan, np.ones(COUNT - 2)])
    surface.stderr["average"] = np.full(count, 10.0)
    found = view(surface)
    assert [panel.title for panel in found.panels] == [
        "accuracy gap (%)", "loss gap", "SAM, worst case", "Hessian trace", "average direction", ROWS["noise"].label,
    ]  # fmt: skip
    assert [found.axis.tick_labels[found.axis.ticks.index(y)] for y in found.y] == list(found.names)
    assert found.y[0] == max(found.y)
    np.testing.assert_array_equal(found.panels[3].x, surface.values["trace"])
    np.testing.assert_allclose(found.panels[0].x, 100 * surface.values["accuracy_gap"])
    average = found.panels[4]
    np.testing.assert_allclose(average.ends, surface.values["average"] + np.array([[-20.0], [20.0]]))
    assert average.axis.low < average.ends.min() and average.ends.max() < average.axis.high, "bars are drawn whole"
    assert found.panels[3].ends is None and "bars at dots: two standard errors" in found.notes
    assert ("SAM, worst case: not finite or not known of 1 nets" in found.notes) == (count > 1)
    assert [panel.title for panel in view(surface, metric="loss_gap").panels][:2] == ["loss gap", "SAM, worst case"]
    assert len(figure_of(build_scene(surface, kind="flatness")).axes) == 6
    assert panel_of(build_scene(surface, kind="flatness")).drawn.figures[0].data
    assert view(few(5)).axis.label == "accuracy gap (%)"


def test_few_nets_are_said_to_be_few():
    assert any(note.startswith("12 nets are few: the intervals of τ are rough") for note in view(made()).notes)
    many = {name: np.tile(values, 2) for name, values in made().values.items()}
    grid = Grid((Axis("x", np.arange(2 * COUNT), "net", "net"),))
    status = {FLATNESS: np.full(2 * COUNT, DONE, np.uint8)}
    assert not any("few" in note for note in view(replace(made(), grid=grid, values=many, status=status)).notes)


def test_colours_tell_the_values_of_a_hyper_parameter_apart():
    found = view(made())
    assert found.legend_title == "width", "it goes along with the gap most"
    assert [label for label, _ in found.legend] == ["narrow", "wide"]
    assert found.colors == (found.legend[0][1],) * 6 + (found.legend[1][1],) * 6
    other = view(made(), metric="loss_gap,lr")
    assert other.axis.label == "loss gap" and other.legend_title == "learning rate"
    assert len({color for _, color in other.legend}) == 3
    plain = view(made(hyper_lr=np.full(COUNT, np.nan), hyper_width=np.full(COUNT, np.nan)))
    assert len(set(plain.colors)) == 1 and plain.legend == ()


def test_what_is_not_finite_is_not_drawn_but_said():
    sam, gap = np.linspace(1, 2, COUNT), np.linspace(0.01, 0.09, COUNT)
    sam[3], gap[5] = np.inf, np.nan
    found = view(made(sam=sam, accuracy_gap=gap))
    assert np.isnan(found.panels[0].x[[3, 5]]).all() and np.isfinite(found.panels[0].axis.high)
    assert any("1 of 12 nets are not drawn" in note for note in found.notes)
    assert any(note.startswith("SAM, worst case: not finite or not known of 1") for note in found.notes)


def test_another_word_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match="metric 'width2': expected one of accuracy_gap, loss_gap, lr, width"):
        view(made(), metric="width2")


def test_rises_are_medians_over_nets_with_their_quartiles():
    surface = made()
    lines = build_scene(surface, kind="mostcase").views[0]
    assert [curve.label for curve in lines.curves][-1] == "worst direction"
    worst = lines.curves[-1]
    np.testing.assert_array_equal(worst.x, [0.05, 0.1, 0.2])
    np.testing.assert_allclose(worst.y, 30 * worst.x**2 * 6.5)
    np.testing.assert_allclose(worst.high, 30 * worst.x**2 * np.quantile(np.arange(1, 13), 0.75))


@pytest.mark.parametrize("kind", ["flatness", "mostcase"])
def test_both_renderers_draw_it(kind):
    scene = build_scene(made(), kind=kind)
    figure = figure_of(scene)
    assert len(figure.axes) == (6 if kind == "flatness" else 1), "each panel has the scale of its tau above"
    drawn = panel_of(scene).drawn
    assert drawn.figures[0].data and len(drawn.layouts) == len(scene.views)


@pytest.mark.parametrize("kind", ["flatness", "mostcase"])
def test_other_surfaces_have_no_such_picture(kind, make_surface):
    with pytest.raises(UsageError, match="landscape flatness computes them"):
        build_scene(make_surface(np.ones(5)), kind=kind)
