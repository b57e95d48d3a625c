"""Small panels of dots on matplotlib axes.

Owns: the drawing of `Scatter`. Decides nothing.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.render.still import paper
from landscape.render.still.lines import value_axis
from landscape.render.still.painter import Painter, sheet_of
from landscape.scene.scene import Scene
from landscape.scene.views.lines import ValueAxis
from landscape.scene.views.scatter import Panel, Scatter

# Inches: of a panel, between two of a row, and between rows, where the title of the lower ones stands.
WIDE, TALL, GAP, BETWEEN = 1.5, 1.0, 0.16, 0.62
LEFT, RIGHT, TITLES = 0.72, 0.2, 0.34
DOT, RIM = 13.0, 0.3
SMALL = paper.TICK - 1


def single(scene: Scene) -> Figure:
    """The panels row by row, with the legend of their colours below."""
    view = scene.views_as(Scatter)[0]
    columns, rows = min(view.columns, len(view.panels)), view.rows
    across = columns * WIDE + (columns - 1) * GAP
    tall = rows * TALL + (rows - 1) * BETWEEN
    figure, bottom = sheet_of(
        scene, LEFT + across + RIGHT, tall, below=0.68 if view.legend else 0.4, above=TITLES, middle=(LEFT + across + RIGHT) / 2
    )  # fmt: skip
    for number, panel in enumerate(view.panels):
        row, column = divmod(number, columns)
        left, low = LEFT + column * (WIDE + GAP), bottom + tall - TALL - row * (TALL + BETWEEN)
        _panel(paper.place(figure, left, low, WIDE, TALL), view, panel, first=column == 0)
        paper.write(figure, panel.title, left, low + TALL + 0.2, fontsize=paper.TICK)
        weight, color = ("bold", paper.INK) if panel.strong else ("normal", paper.SOFT)
        paper.write(figure, panel.text, left, low + TALL + 0.07, fontsize=SMALL, color=color, weight=weight)
    _legend(figure, view, LEFT + across / 2, bottom - 0.5)
    return figure


def _panel(axes: Axes, view: Scatter, panel: Panel, *, first: bool) -> None:
    axes.set_ylim(view.axis.low, view.axis.high)
    value_axis(axes, view.axis, named=first)
    if first:
        axes.set_ylabel(view.axis.label, fontsize=SMALL, color=paper.INK)
    if not view.axis.ticks:
        axes.locator_params(axis="y", nbins=4)
    _across(axes, panel.axis)
    axes.tick_params(labelsize=SMALL, length=2.5)
    axes.scatter(
        panel.x, view.y, s=DOT, c=list(view.colors), edgecolors="white", linewidths=RIM, zorder=3, clip_on=False
    )
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _across(axes: Axes, axis: ValueAxis) -> None:
    axes.set_xscale(axis.kind)
    axes.set_xlim(axis.low, axis.high)
    if axis.ticks:
        axes.set_xticks(axis.ticks, labels=axis.tick_labels)
        axes.minorticks_off()
    else:
        axes.locator_params(axis="x", nbins=3)
    axes.tick_params(axis="x", which="both", colors=paper.INK, width=0.6, pad=2)


def _legend(figure: Figure, view: Scatter, x: float, y: float) -> None:
    if not view.legend:
        return
    wide, high = figure.get_size_inches()
    handles = [Line2D([], [], ls="", marker="o", ms=4, mew=0, color=color, label=label) for label, color in view.legend]
    title = Line2D([], [], ls="", label=view.legend_title)
    figure.legend(
        handles=[title, *handles], loc="center", bbox_to_anchor=(x / wide, y / high), ncols=len(handles) + 1,
        fontsize=paper.TICK, frameon=False, handletextpad=0.2, columnspacing=1.2, borderpad=0,
    )  # fmt: skip


PAINTER = Painter(single)
