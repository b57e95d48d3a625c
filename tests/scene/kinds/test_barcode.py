"""Bars of basins: their ends, their cores, their order and their axis."""

import doctest

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.render.page.picture import draw as draw_page
from landscape.render.still.picture import figure_of
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison
from landscape.scene.kinds import barcode

VALUES = np.array([4.0, 1.0, 3.0, 2.0, 5.0, 4.9, 6.0])


@pytest.fixture
def line(make_surface):
    """Three basins: from 1, from 2 up to 3, and from 4.9 up to 5."""

    def make(stderr=0.1, factor=1.0):
        errors = {} if stderr is None else {"train_loss": np.full(7, factor * stderr)}
        return make_surface(factor * VALUES, stderr=errors)

    return make


def bars(scene):
    return scene.views[0].bars


def test_the_example_in_the_docstring():
    found = doctest.testmod(barcode)
    assert (found.attempted > 0, found.failed) == (True, 0)


def test_a_bar_stands_on_its_minimum_and_its_core_is_what_the_errors_leave(line):
    scene = build_scene(line(), kind="barcode", scale="linear")
    first, second, third = bars(scene)
    assert (first.low, first.endless, first.core[0]) == (1.0, True, pytest.approx(1.2))
    assert (second.low, second.high, second.core) == (2.0, 3.0, (pytest.approx(2.2), pytest.approx(2.8)))
    assert (third.low, third.high, third.core) == (4.9, 5.0, None)
    assert first.high == first.core[1] == scene.views[0].axis.high, "it goes on beyond the axis"
    assert scene.views[0].ticks == (1, 2) and scene.views[0].names == ("survives two standard errors", "does not")
    assert second.text == ("basin 2", "2 to 3: 1 deep", "within two standard errors at least: 0.6")


def test_without_errors_a_core_is_the_whole_bar(line):
    scene = build_scene(line(None), kind="barcode")
    assert all(bar.core == (bar.low, bar.high) for bar in bars(scene))
    assert scene.views[0].names == ("", "")
    assert "no standard errors in the file: nothing says which basins are real" in scene.notes


def test_the_axis_can_be_switched_and_clips_nothing(line, make_surface):
    assert [view.axis.kind for view in build_scene(line(), kind="barcode").views] == ["linear", "log"]
    far = make_surface(np.array([3.0, 1.0, 2.0] * 12 + [2e7, 1e7, 3e7]))
    for view in build_scene(far, kind="barcode").views:
        assert {(bar.low, bar.high) for bar in view.bars if not bar.endless} >= {(1.0, 3.0), (1e7, 2e7)}


@pytest.mark.parametrize("factor", [1e-38, 1e37])
def test_values_of_any_size(line, factor):
    scene = build_scene(line(factor=factor), kind="barcode")
    assert len(bars(scene)) == 3 and figure_of(scene)


@pytest.mark.parametrize(
    "values",
    [
        np.ones((4, 5)),
        np.full((4, 5), np.nan),
        np.full((4, 5), np.inf),
        np.where(np.eye(4) > 0, np.inf, 1),
        np.zeros(3),
        -VALUES,
    ],
)
def test_odd_values_give_a_picture(make_surface, values, tmp_path):
    scene = build_scene(make_surface(values), kind="barcode")
    assert figure_of(scene) and draw_page(scene, tmp_path / "odd.html").exists()


def test_a_panel_without_bars_has_no_numbers(make_surface):
    (view, *_) = build_scene(make_surface(np.full((5, 5), np.nan)), kind="barcode").views
    assert view.bars == () and view.ticks == () and set(view.axis.tick_labels) == {""}


def test_of_many_bars_the_deepest_are_drawn(make_surface):
    scene = build_scene(make_surface(np.random.default_rng(0).random((40, 40))), kind="barcode")
    assert len(bars(scene)) == barcode.MOST
    assert any(note.startswith(f"{barcode.MOST} of ") for note in scene.notes)


def test_panels_share_both_axes(line):
    both = build_comparison([line(), line(factor=3.0)], kind="barcode")
    assert both.panels[0].frame.x_range == both.panels[1].frame.x_range
    assert both.panels[0].views[0].axis == both.panels[1].views[0].axis
    assert len(figure_of(both).axes) == 2


def test_levels_are_refused(line):
    with pytest.raises(UsageError, match="levels do not apply to kind 'barcode'"):
        build_scene(line(), kind="barcode", levels=3)


def test_the_renderer_draws_each_bar_once(line):
    axes = figure_of(build_scene(line(), kind="barcode", scale="linear")).axes[0]
    drawn = [seg for each in axes.collections for seg in each.get_segments()]
    assert len(drawn) == 3 + 2, "three bars, and the cores of two"
    assert [2.0, 3.0] in [seg[:, 1].tolist() for seg in drawn]
