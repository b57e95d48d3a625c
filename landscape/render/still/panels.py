"""Comparisons as still pictures: panels side by side that share one scale.

Owns: the rows and columns of panels, their names, and the facts below. Lengths are in inches.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from landscape.render.still import paper
from landscape.render.still.painter import MARGIN, PanelPainter, Place
from landscape.scene.scene import Comparison

# More panels beside each other would be too small for a page; four become two rows of two.
COLUMNS = 3


def draw_panels(comparison: Comparison, painter: PanelPainter) -> Figure:
    """The figure of a comparison."""
    panels, count = comparison.panels, len(comparison.panels)
    m = painter.measures(panels)
    rows = -(-count // COLUMNS)
    columns = -(-count // rows)
    width = m.left + columns * m.wide + (columns - 1) * m.gap + m.right
    shared = paper.wrap(comparison.facts, width - 2 * MARGIN)
    own = [paper.wrap((*panel.facts, *panel.notes), m.wide) for panel in panels]
    foot = paper.footer_height(shared) + MARGIN + m.legend
    below = m.under + max(map(paper.footer_height, own)) + 0.1
    step = m.tall + below + m.above
    figure = paper.sheet(width, foot + rows * step + (0.36 if comparison.title else 0.05))
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        missing = columns * rows - count if row == rows - 1 else 0
        x, y = m.left + (column + missing / 2) * (m.wide + m.gap), foot + (rows - 1 - row) * step + below
        last = number == count - 1 or column == columns - 1
        painter.draw(figure, panel, Place(x, y, m.wide, m.tall), column == 0, last)
        paper.heading(figure, comparison.names[number], x + m.wide / 2, y + m.tall + m.above - 0.24, m.wide)
        paper.footer(figure, own[number], x, y - m.under)
    if painter.bar:
        place = Place(width - m.right + 0.18, foot + below, 0.17, (rows - 1) * step + m.tall)
        painter.bar(figure, panels[0], place)
    middle = (m.left + width - m.right) / 2
    paper.heading(figure, comparison.title, middle, foot + rows * step + 0.12, 2 * middle - 0.2, paper.TITLE + 1)
    if painter.legend:
        painter.legend(figure, panels[0], middle, foot - 0.2)
    paper.footer(figure, shared, MARGIN, foot - m.legend)
    return figure
