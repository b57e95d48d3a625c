"""Tables of numbers on matplotlib axes.

Owns: the drawing of `Matrix`. Decides nothing.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from landscape.render.still import paper
from landscape.render.still.painter import Around, Painter, sheet_of
from landscape.scene.look import Look
from landscape.scene.scene import Scene
from landscape.scene.views.matrix import Cells, Matrix

CELL, LEAST, GAP, ABOVE = 0.62, 0.5, 0.3, 0.26
MOST_WIDE, LEAST_WIDE = 14.0, 4.0


def single(scene: Scene, look: Look) -> Figure:
    """The tables side by side, names at the left of the first and below each."""
    view = scene.views_as(Matrix)[0]
    count, tables = len(view.names), len(view.tables)
    names = max(paper.text_width(name, look.letters.tick) for name in view.names)
    cell = max(LEAST, min(CELL, MOST_WIDE / (count * tables)))
    gaps = (tables - 1) * GAP
    natural = 0.25 + names + tables * count * cell + gaps + 0.25
    margin = 0.25 + (max(0.0, LEAST_WIDE - natural) / 2 if look.width is None else 0.0)
    if look.width is not None:
        cell = (look.width - names - 2 * margin * look.em - gaps * look.em) / (tables * count)
    turned = names > cell
    below = 0.2 + (names / look.em * 0.75 if turned else 0.1)
    around = Around(margin, margin + gaps, below=below, above=ABOVE, exact=names, whole=True)
    figure, place = sheet_of(scene, look, tables * count * cell, count * cell, around)
    side = place.wide / tables
    for number, table in enumerate(view.tables):
        axes = paper.place(figure, place.left + number * (side + GAP * look.em), place.bottom, side, side)
        draw_cells(axes, view.names, table, look, first=number == 0, turned=turned, cell=side / count)
    return figure


def draw_cells(
    axes: Axes, names: tuple[str, ...], table: Cells, look: Look, *, first: bool, turned: bool, cell: float
) -> None:
    """One table; `cell` is its side in inches, which the digits fit in."""
    count, letters, palette = len(names), look.letters, look.palette
    axes.set_xlim(0, count)
    axes.set_ylim(count, 0)
    widest = max(
        (paper.text_width(line, letters.foot) for row in table.texts for lines in row for line in lines), default=1.0
    )
    size = min(letters.tick, letters.foot * 0.86 * cell / max(widest, 1e-6))
    for row in range(count):
        for column in range(count):
            color, text = table.colors[row][column], "\n".join(table.texts[row][column])
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=color, edgecolor=palette.ground, linewidth=1.0))
            axes.text(
                column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=size, color=table.digits[row][column],
                linespacing=1.25, parse_math=False,
            )  # fmt: skip
    places = [number + 0.5 for number in range(count)]
    axes.set_xticks(
        places, labels=list(names), fontsize=letters.tick, parse_math=False, rotation=40 if turned else 0,
        ha="right" if turned else "center", rotation_mode="anchor",
    )  # fmt: skip
    axes.set_yticks(places, labels=list(names) if first else [""] * count, fontsize=letters.tick, parse_math=False)
    axes.tick_params(length=0, colors=palette.ink, pad=3)
    axes.set_title(table.title, fontsize=letters.label, color=palette.ink, pad=4)
    for spine in axes.spines.values():
        spine.set_visible(False)


PAINTER = Painter(single)
