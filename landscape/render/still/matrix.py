"""Tables of numbers on matplotlib axes.

Owns: the drawing of `Matrix`. Decides nothing.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from landscape.render.still import paper
from landscape.render.still.painter import Painter, sheet_of
from landscape.scene.scene import Scene
from landscape.scene.views.matrix import Cells, Matrix

CELL, LEAST, GAP, ABOVE = 0.62, 0.5, 0.3, 0.26
MOST_WIDE = 14.0


def single(scene: Scene) -> Figure:
    """The tables side by side, names at the left of the first and below each."""
    view = scene.views_as(Matrix)[0]
    count, tables = len(view.names), len(view.tables)
    names = max(paper.text_width(name, paper.TICK) for name in view.names)
    cell = max(LEAST, min(CELL, MOST_WIDE / (count * tables)))
    side, left = cell * count, 0.25 + names
    turned = names > cell
    below = 0.2 + (names * 0.75 if turned else 0.1)
    width = left + tables * side + (tables - 1) * GAP + 0.25
    figure, bottom = sheet_of(scene, max(width, 4.0), side, below=below, middle=max(width, 4.0) / 2, above=ABOVE)
    left += max(0.0, 4.0 - width) / 2
    for number, table in enumerate(view.tables):
        axes = paper.place(figure, left + number * (side + GAP), bottom, side, side)
        draw_cells(axes, view.names, table, first=number == 0, turned=turned, cell=cell)
    return figure


def draw_cells(axes: Axes, names: tuple[str, ...], table: Cells, *, first: bool, turned: bool, cell: float) -> None:
    """One table; `cell` is its side in inches, which the digits fit in."""
    count = len(names)
    axes.set_xlim(0, count)
    axes.set_ylim(count, 0)
    widest = max(
        (paper.text_width(line, paper.FOOT) for row in table.texts for lines in row for line in lines), default=1.0
    )
    size = min(paper.TICK, paper.FOOT * 0.86 * cell / max(widest, 1e-6))
    for row in range(count):
        for column in range(count):
            color, text = table.colors[row][column], "\n".join(table.texts[row][column])
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=color, edgecolor="white", linewidth=1.0))
            axes.text(
                column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=size, color=table.digits[row][column],
                linespacing=1.25, parse_math=False,
            )  # fmt: skip
    places = [number + 0.5 for number in range(count)]
    axes.set_xticks(
        places, labels=list(names), fontsize=paper.TICK, parse_math=False, rotation=40 if turned else 0,
        ha="right" if turned else "center", rotation_mode="anchor",
    )  # fmt: skip
    axes.set_yticks(places, labels=list(names) if first else [""] * count, fontsize=paper.TICK, parse_math=False)
    axes.tick_params(length=0, colors=paper.INK, pad=3)
    axes.set_title(table.title, fontsize=paper.LABEL, color=paper.INK, pad=4)
    for spine in axes.spines.values():
        spine.set_visible(False)


PAINTER = Painter(single)
