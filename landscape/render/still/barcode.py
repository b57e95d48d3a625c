"""Basins as bars on matplotlib axes.

Owns: the drawing of `Barcode`. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from landscape.options.looks import LEGEND
from landscape.render.still import paper
from landscape.render.still.lines import value_axis
from landscape.render.still.painter import Around, Measures, Painter, PanelPainter, Place, Sides, sheet_of
from landscape.scene.look import Look
from landscape.scene.scene import Scene
from landscape.scene.views.barcode import Bar, Barcode

# The share of its place that a bar takes, and the widest one in points.
FILL, WIDEST = 0.72, 8.0
# Of the bars that the errors may make, and of what lies beyond the core of the others.
WITHIN, BEYOND = 0.55, 0.35


def single(scene: Scene, look: Look) -> Figure:
    """The bars, and the legend of their parts below."""
    around = Around(0.85, 0.3, below=0.8 if look.has(LEGEND) else 0.52)
    figure, place = sheet_of(scene, look, 4.6, 2.9, around, rigid=False)
    axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall)
    draw_bars(axes, scene, look, wide=place.wide)
    draw_legend(figure, scene, look, place.left + place.wide / 2, place.bottom - 0.63 * look.em)
    return figure


def draw_bars(axes: Axes, scene: Scene, look: Look, *, wide: float, named: bool = True) -> None:
    """The bars of the first view, `wide` inches in all; `named` says whether the axis of values is labelled."""
    view, frame = scene.views_as(Barcode)[0], scene.frame
    axes.set_xlim(frame.x_range)
    value_axis(axes, view.axis, look, named=named)
    width = min(WIDEST, FILL * wide * 72 / (frame.x_range[1] - frame.x_range[0]))
    for bar in view.bars:
        _bar(axes, bar, look, view.colors, width)
    axes.grid(axis="y", color=look.palette.faint, alpha=0.25, lw=0.5)
    axes.set_axisbelow(True)
    _across(axes, frame.x_label, view.ticks, look)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _bar(axes: Axes, bar: Bar, look: Look, colors: tuple[str, str], width: float) -> None:
    core, within = map(look.shown, colors)
    if bar.core is None:
        axes.vlines(bar.x, bar.low, bar.high, colors=within, lw=width, alpha=WITHIN, zorder=2)
    else:
        axes.vlines(bar.x, bar.low, bar.high, colors=core, lw=width, alpha=BEYOND, zorder=2)
        axes.vlines(bar.x, *bar.core, colors=core, lw=width, zorder=3)
    if bar.endless:
        color = within if bar.core is None else core
        axes.plot(bar.x, bar.high, "^", color=color, ms=width + 2, mew=0, clip_on=False, zorder=4)
    if np.isfinite(bar.edge):
        axes.plot(bar.x, bar.edge, "_", color=look.palette.ink, ms=width + 3, mew=1.0, zorder=5)


def _across(axes: Axes, label: str, ticks: Sequence[int], look: Look) -> None:
    axes.xaxis.set_major_locator(FixedLocator(list(ticks)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(label, fontsize=look.letters.label, color=look.palette.ink, parse_math=False)
    axes.tick_params(
        axis="x", labelsize=look.letters.tick, length=0, color=look.palette.soft, labelcolor=look.palette.ink
    )


def draw_legend(figure: Figure, scene: Scene, look: Look, x: float, y: float) -> None:
    """One row that names the parts of bars, centred at a place in inches."""
    view = scene.views_as(Barcode)[0]
    styles = zip(view.names, map(look.shown, view.colors), (1.0, WITHIN), strict=True)
    handles = [Line2D([], [], color=color, lw=WIDEST, alpha=alpha, label=name) for name, color, alpha in styles if name]
    if handles and look.has(LEGEND):
        across, up = figure.get_size_inches()
        figure.legend(
            handles=handles, loc="center", bbox_to_anchor=(x / across, y / up), ncols=len(handles), frameon=False,
            fontsize=look.letters.tick, labelcolor=look.palette.ink, handlelength=1.4, columnspacing=1.6, borderpad=0,
        )  # fmt: skip


def _measures(panels: Sequence[Scene], look: Look) -> Measures:
    return Measures(3.2, 2.6, left=0.85, gap=0.36, right=0.3, under=0.5, legend=0.3)


def _legend(figure: Figure, scene: Scene, look: Look, place: Place) -> None:
    draw_legend(figure, scene, look, place.left + place.wide / 2, place.bottom + place.tall / 2)


def _panel(figure: Figure, scene: Scene, look: Look, place: Place, sides: Sides) -> None:
    axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall)
    draw_bars(axes, scene, look, wide=place.wide, named=sides.left)
    paper.show_sides(axes, True, sides.below, small=sides.small, upright=False)


PAINTER = Painter(single, PanelPainter(_measures, _panel, legend=_legend))
