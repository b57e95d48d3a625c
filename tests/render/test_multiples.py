"""Many panels on a sheet: numbers at the outer row and column, the rest once, and nothing over anything else."""

import functools

import numpy as np
import pytest

from landscape.options.looks import LookOptions
from landscape.render.still import picture as still
from landscape.scene.compare import build_comparison
from landscape.scene.look import look_of
from tests.render import conftest

NAME = "ResNet-56, seed {}"


@functools.cache
def comparison(kind, count):
    surface = conftest.line() if kind == "line" else conftest.bowl()
    return build_comparison([surface] * count, kind=kind, names=[NAME.format(n) for n in range(count)])


@functools.cache
def drawn(kind, count, **options):
    figure = still.figure_of(comparison(kind, count), look_of(LookOptions(**options)))
    figure.set_dpi(120)
    figure.draw_without_rendering()
    return figure


def panels(figure, count):
    """The axes of the panels, row by row, without the second ones of lines and the bar."""
    found = [axes for axes in figure.axes if axes.get_position().height > 0.06]
    return list({tuple(np.round(axes.get_position().bounds, 4)): axes for axes in found[::-1]}.values())[::-1][:count]


def numbers(axis):
    return [text for text in axis.get_ticklabels() if text.get_visible() and text.get_text()]


def written(figure):
    """All words and numbers, with their boxes."""
    found = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        found += [*axes.texts, axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = (
                [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high] if axis.get_visible() else []
            )
            found += [text for tick in ticks for text in (tick.label1, tick.label2)]
    return [
        (text.get_text(), text.get_window_extent()) for text in found if text.get_text().strip() and text.get_visible()
    ]


@pytest.mark.parametrize("kind, count, size", [
    ("contour", 4, "column"), ("contour", 5, "column"), ("contour", 12, "text"), ("contour", 6, "slide"), ("heatmap", 9, None),
    ("line", 5, "column"), ("line", 9, "text"),
])  # fmt: skip
def test_words_keep_clear_of_each_other_and_stay_on_the_sheet(kind, count, size):
    figure = drawn(kind, count, size=size)
    across, up = figure.canvas.get_width_height()
    found = written(figure)
    for number, (text, box) in enumerate(found):
        assert box.x0 > -1 and box.y0 > -1 and box.x1 < across + 1 and box.y1 < up + 1, text
        for other, second in found[:number]:
            shared = min(box.x1, second.x1) - max(box.x0, second.x0), min(box.y1, second.y1) - max(box.y0, second.y0)
            assert min(shared) < 1.5, (text, other)  # boxes of letters have air, and pixels are whole


@pytest.mark.parametrize("count, columns", [(4, 2), (5, 3), (12, 4)])
def test_numbers_stand_at_the_outer_row_and_column_and_names_of_axes_once(count, columns):
    figure = drawn("contour", count, size="text")
    found = panels(figure, count)
    for number, axes in enumerate(found):
        assert bool(numbers(axes.yaxis)) == (number % columns == 0)
        assert bool(numbers(axes.xaxis)) == (number + columns >= count)
        assert not axes.get_xlabel() and not axes.get_ylabel()
    words = [text.get_text() for text in figure.texts]
    assert words.count("x direction") == words.count("y direction") == 1
    assert len(figure.axes) == count + 1, "one bar"
    assert [word for word in words if word.startswith("(")][:count] == [f"({chr(97 + n)})" for n in range(count)]


def test_the_bar_or_the_legend_takes_the_cells_that_stay_empty():
    bar = drawn("contour", 5, size="text").axes[-1].get_position()
    third, fifth = (axes.get_position() for axes in panels(drawn("contour", 5, size="text"), 5)[2::2])
    assert third.x0 < bar.x0 < bar.x1 < third.x1 and fifth.y0 < bar.y0 < fifth.y1
    figure = drawn("line", 5, size="14")
    legend = figure.legends[0].get_window_extent()
    fifth = panels(figure, 5)[4].get_window_extent()
    assert legend.x0 > fifth.x1 and fifth.y0 < legend.y0 < legend.y1 < fifth.y1


def test_facts_of_all_are_said_once_and_those_of_some_behind_their_letters():
    loud = conftest.bowl()
    loud.values["train_loss"][0, 0] = np.nan
    shown = build_comparison([conftest.bowl(), loud, conftest.bowl(), loud], kind="contour", names=list("pqrs"))
    words = [text.get_text() for text in still.figure_of(shown).texts]
    said = "  ·  ".join(words)
    assert said.count("13 × 11 points") == 1 and said.count("not finite") == 1
    assert "(b), (d) 1 of 143 points not finite" in said
    bare = still.figure_of(shown, look_of(LookOptions(without=("letters",))))
    assert "q, s: 1 of 143 points not finite" in "  ·  ".join(text.get_text() for text in bare.texts)


def test_numbers_in_lines_are_left_out_where_panels_are_small():
    assert not any(axes.texts for axes in panels(drawn("contour", 12, size="text"), 12))
    assert all(axes.texts for axes in panels(drawn("contour", 4, size="text"), 4))


def test_reliefs_among_many_have_no_letters_and_are_all_as_large():
    figure = drawn("surface", 4, size="text")
    reliefs = [axes for axes in figure.axes if axes.name == "3d"]
    assert len({round(axes._dist * axes._box_aspect[0], 6) for axes in reliefs}) == 1
    assert not any(axes.get_xlabel() or numbers(axes.xaxis) or numbers(axes.zaxis) for axes in reliefs)
