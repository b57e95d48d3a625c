"""Small panels of dots on matplotlib axes.

Owns: the drawing of `Scatter`. Decides nothing.
"""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.options.looks import LEGEND
from landscape.render.still import paper
from landscape.render.still.lines import beyond, smaller, value_axis
from landscape.render.still.painter import Around, Painter, sheet_of
from landscape.scene.look import Look
from landscape.scene.scene import Scene
from landscape.scene.views.lines import ValueAxis
from landscape.scene.views.scatter import DotPanel, Scatter

# Inches: of a panel, between two of a row, and between rows, where the title of the lower ones stands.
WIDE, TALL, GAP, BETWEEN = 1.5, 1.0, 0.16, 0.62
LEFT, RIGHT, TITLES = 0.72, 0.2, 0.4
# Of a title above its panel, and of one without a line below it.
TITLED, ALONE = 0.26, 0.08
# Beside the names of ticks.
BESIDE = 0.2
DOT, RIM = 13.0, 0.3
# Narrower panels, at the usual size of letters, stand below each other.
NARROW = 1.1
# How thick the line of an interval is, and the dot on it.
LINE, MARK = 1.6, 3.4


def single(scene: Scene, look: Look) -> Figure:
    """The panels row by row, with the legend of their colours below."""
    view, em, count = scene.views_as(Scatter)[0], look.em, len(scene.views_as(Scatter)[0].panels)
    columns, legend = min(view.columns, count), bool(view.legend) and look.has(LEGEND)
    names = LEFT + beyond(view.axis, look, LEFT - BESIDE) / em
    titled = any(panel.text or panel.gauge for panel in view.panels)
    while columns > 1 and look.width is not None and (look.width - (names + RIGHT) * em) / columns < NARROW * em:
        columns -= 1
    rows = -(-count // columns)
    gaps, between = (columns - 1) * GAP, (rows - 1) * BETWEEN
    above = TITLES if titled else TITLES - TITLED + ALONE
    around = Around(names, RIGHT + gaps, below=between + (0.68 if legend else 0.4), above=above, whole=True)
    figure, place = sheet_of(scene, look, columns * WIDE, rows * TALL, around, rigid=False)
    wide, tall = place.wide / columns, place.tall / rows
    top, size = place.bottom + place.tall, smaller(look)
    for number, panel in enumerate(view.panels):
        row, column = divmod(number, columns)
        left, low = place.left + column * (wide + GAP * em), top - tall - row * (tall + BETWEEN * em)
        title = low + tall + (TITLED if titled else ALONE) * em
        _panel(paper.place(figure, left, low, wide, tall), view, panel, look, first=column == 0)
        paper.write(figure, panel.title, left, title, fontsize=look.letters.tick, color=look.palette.ink)
        weight, color = ("bold", look.palette.ink) if panel.strong else ("normal", look.palette.soft)
        paper.write(figure, panel.text, left, low + tall + 0.13 * em, fontsize=size, color=color, weight=weight)
        if panel.gauge:
            _gauge(
                paper.place(figure, left, low + tall + 0.02 * em, wide, 0.08 * em),
                panel.gauge,
                look,
                strong=panel.strong,
            )
    if legend:
        _legend(figure, view, look, place.left + (place.wide + gaps * em) / 2, place.bottom - (between + 0.5) * em)
    return figure


def _panel(axes: Axes, view: Scatter, panel: DotPanel, look: Look, *, first: bool) -> None:
    axes.set_ylim(view.axis.low, view.axis.high)
    value_axis(axes, view.axis, look, named=first)
    if first:
        axes.set_ylabel(view.axis.label, fontsize=smaller(look), color=look.palette.ink)
    if not view.axis.ticks:
        axes.locator_params(axis="y", nbins=4)
    _across(axes, panel.axis, look)
    axes.tick_params(labelsize=smaller(look), length=2.5)
    _error_bars(axes, view, panel, look)
    axes.scatter(
        panel.x, view.y, s=DOT * look.stroke, c=[look.shown(color) for color in view.colors],
        edgecolors=look.palette.ground, linewidths=RIM, zorder=3, clip_on=False,
    )  # fmt: skip
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _gauge(axes: Axes, gauge: tuple[float, float, float], look: Look, *, strong: bool) -> None:
    """A number and its interval on a scale from -1 to 1 with its zero marked."""
    value, low, high = gauge
    color = look.palette.ink if strong else look.palette.faint
    axes.set(xlim=(-1, 1), ylim=(-1, 1))
    axes.set_axis_off()
    axes.plot([-1, 1], [0, 0], color=look.palette.line, lw=0.7, zorder=1)
    axes.plot([0, 0], [-1, 1], color=look.palette.soft, lw=0.7, zorder=1.5)
    axes.plot([low, high], [0, 0], color=color, lw=LINE * look.stroke, solid_capstyle="butt", zorder=2)
    axes.plot([value], [0], "o", color=color, ms=MARK * look.stroke, mew=0, zorder=3, clip_on=False)


def _error_bars(axes: Axes, view: Scatter, panel: DotPanel, look: Look) -> None:
    style: dict[str, Any] = {
        "colors": [look.shown(color) for color in view.colors], "lw": 0.7 * look.stroke, "alpha": 0.6, "zorder": 2,
    }  # fmt: skip
    if panel.ends is not None:
        axes.hlines(view.y, *panel.ends, **style)
    if view.y_ends is not None:
        axes.vlines(panel.x, *view.y_ends, **style)


def _across(axes: Axes, axis: ValueAxis, look: Look) -> None:
    axes.set_xscale(axis.kind)
    axes.set_xlim(axis.low, axis.high)
    if axis.ticks:
        axes.set_xticks(axis.ticks, labels=axis.tick_labels)
        axes.minorticks_off()
    else:
        axes.locator_params(axis="x", nbins=3)
    axes.tick_params(axis="x", which="both", colors=look.palette.ink, width=0.6, pad=2)


def _legend(figure: Figure, view: Scatter, look: Look, x: float, y: float) -> None:
    wide, high = figure.get_size_inches()
    handles = [
        Line2D([], [], ls="", marker="o", ms=4, mew=0, color=look.shown(color), label=label)
        for label, color in view.legend
    ]
    title = Line2D([], [], ls="", label=view.legend_title)
    figure.legend(
        handles=[title, *handles], loc="center", bbox_to_anchor=(x / wide, y / high), ncols=len(handles) + 1,
        fontsize=look.letters.tick, labelcolor=look.palette.ink, frameon=False, handletextpad=0.2, columnspacing=1.2, borderpad=0,
    )  # fmt: skip


PAINTER = Painter(single)
