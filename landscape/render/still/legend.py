"""The names of curves below them, or beside them.

Owns: the legend of curves: its letters, its rows and columns, and its size. Lengths are in inches.
"""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.options.looks import LEGEND
from landscape.render.still import paper
from landscape.scene.look import Look
from landscape.scene.views.lines import Curve

# What a legend takes for a piece of a line and the space around it, and the height of a row.
SAMPLE, ROW = 0.55, 0.17
# More curves than these have smaller names.
MANY = 4


def draw_legend(
    figure: Figure, curves: tuple[Curve, ...], look: Look, x: float, y: float, *, room: float | None = None
) -> None:
    """The names of the curves, centred at a place, in as many columns as have `room`: by default up to the nearer side."""
    curves = tuple(curve for curve in curves if curve.label)
    if len(curves) < 2 or not look.has(LEGEND):
        return
    across, up = figure.get_size_inches()
    room = 2 * min(x, across - x) if room is None else room
    figure.legend(
        handles=handles_of(curves, look),
        loc="center",
        bbox_to_anchor=(x / across, y / up),
        ncols=-(-len(curves) // legend_rows(curves, look, room)),
        fontsize=_letters_of(curves, look),
        frameon=False,
        handlelength=2.6,
        columnspacing=1.4,
        labelspacing=0.35,
        borderpad=0,
        labelcolor=look.palette.ink,
    )


def legend_size(curves: tuple[Curve, ...], look: Look, room: float) -> tuple[float, float]:
    """(width, height) of the legend in `room` inches; (0, 0) for none."""
    named = tuple(curve for curve in curves if curve.label)
    if len(named) < 2:
        return 0.0, 0.0
    rows, size = legend_rows(named, look, room), _letters_of(named, look)
    widest = max(SAMPLE * look.em + paper.text_width(curve.label, size) for curve in named)
    return widest * -(-len(named) // rows), ROW * look.em * rows


def legend_rows(curves: tuple[Curve, ...], look: Look, room: float) -> int:
    """How many rows the names take in `room` inches."""
    named = [curve.label for curve in curves if curve.label]
    size = _letters_of(curves, look)
    widths = [SAMPLE * look.em + paper.text_width(label, size) for label in named]
    for rows in range(1, len(named)):
        columns = -(-len(named) // rows)
        if sum(max(widths[column * rows : (column + 1) * rows], default=0.0) for column in range(columns)) < room:
            return rows
    return max(1, len(named))


def _letters_of(curves: tuple[Curve, ...], look: Look) -> float:
    return look.letters.foot if sum(bool(curve.label) for curve in curves) > MANY else look.letters.tick


def handles_of(curves: tuple[Curve, ...], look: Look) -> list[Line2D]:
    style = {True: paper.DASHES, False: "-"}
    return [
        Line2D([], [], color=look.shown(c.color), lw=1.5 * look.stroke, ls=style[c.dashed], label=c.label)
        for c in curves
        if c.label
    ]
