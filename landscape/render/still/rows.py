"""One row per layer on matplotlib axes.

Owns: the drawing of `LayerRows`. Decides nothing.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from landscape.render.still import paper
from landscape.render.still.eigen_axis import draw_eigenvalues, draw_ground
from landscape.render.still.painter import Around, Painter, sheet_of
from landscape.scene.look import Look
from landscape.scene.scene import Scene
from landscape.scene.views.rows import LayerRow, LayerRows

BAR, DOT = 2.6, 3.4


def single(scene: Scene, look: Look) -> Figure:
    """Rows as high as their number allows, names as wide as they are."""
    rows = scene.views_as(LayerRows)[0].rows
    step = min(0.2, max(0.075, 8.5 / len(rows)))
    size = min(look.letters.tick, 0.85 * 72 * step * look.em)
    names = max(paper.text_width(row.name, size) for row in rows)
    around = Around(0.25, 0.3, below=0.55, exact=names, whole=True)
    figure, place = sheet_of(scene, look, 4.2, step * len(rows), around, rigid=False, rows=True)
    draw_rows(paper.place(figure, place.left, place.bottom, place.wide, place.tall), scene, look, size=size)
    return figure


def draw_rows(axes: Axes, scene: Scene, look: Look, *, size: float) -> None:
    """A row per layer, whose name is written in letters of `size`."""
    view = scene.views_as(LayerRows)[0]
    draw_ground(axes, view.axis, view.shaded, look)
    axes.set_ylim(len(view.rows) - 0.4, -0.6)
    axes.set_yticks(range(len(view.rows)), labels=[row.name for row in view.rows], parse_math=False)
    axes.tick_params(axis="y", length=0, labelsize=size, labelcolor=look.palette.ink)
    draw_eigenvalues(axes, view.axis, look)
    axes.grid(axis="x", color=look.palette.faint, alpha=0.25, lw=0.5)
    axes.set_axisbelow(True)
    for number, row in enumerate(view.rows):
        _row(axes, row, number, look)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _row(axes: Axes, row: LayerRow, number: int, look: Look) -> None:
    for start, end, color in row.spans:
        axes.hlines(number, start, end, colors=[to_rgba(look.shown(color), 0.35)], lw=BAR * look.stroke, zorder=2)
    for place, low, high, color in row.dots:
        axes.hlines(number, low, high, colors=[look.shown(color)], lw=0.8, zorder=2.5)
        axes.plot(place, number, "o", ms=DOT * look.stroke, mew=0, color=look.shown(color), zorder=3, clip_on=False)
    if row.whole:
        axes.axhline(number + 0.5, color=look.palette.faint, lw=0.5)
        axes.get_yticklabels()[number].set_fontweight("bold")


PAINTER = Painter(single)
