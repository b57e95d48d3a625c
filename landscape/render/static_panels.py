"""Comparisons as still pictures: panels side by side that share one scale.

Owns: the layout of the panels, their names, the one colour bar, and the facts below. Lengths are in inches.
"""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from landscape.render import paper
from landscape.render.static_flat import color_bar, draw_flat
from landscape.render.static_lines import draw_legend, draw_lines, draw_strips, strips_height
from landscape.render.static_relief import draw_relief
from landscape.render.static_spectrum import draw_density, draw_rugs, rug_height
from landscape.scene.scene import Comparison

# More panels beside each other would be too small for a page; four become two rows of two.
COLUMNS = 3
MARGIN = 0.15
# The height of a panel of curves.
LINES_TALL = 2.6


@dataclass(frozen=True)
class Layout:
    """Where things stand: the size of a panel, the space around it, and the rows and columns of panels."""

    wide: float
    tall: float
    left: float
    gap: float
    right: float
    under: float
    rows: int
    columns: int

    @property
    def width(self) -> float:
        return self.left + self.columns * self.wide + (self.columns - 1) * self.gap + self.right


def draw_panels(comparison: Comparison) -> Figure:
    """The figure of a comparison."""
    layout = _layout(comparison)
    shared = paper.wrap(comparison.facts, layout.width - 2 * MARGIN)
    own = [paper.wrap((*p.facts, *p.notes), layout.wide) for p in comparison.panels]
    lined = bool(comparison.panels[0].lines)
    legend = 0.3 if lined else 0.0
    foot = paper.footer_height(shared) + MARGIN + legend
    below = layout.under + max(map(paper.footer_height, own)) + 0.1
    above = 0.52 if any(p.lines and p.lines[0].marks for p in comparison.panels) else 0.34
    step = layout.tall + below + above
    figure = paper.sheet(layout.width, foot + layout.rows * step + (0.36 if comparison.title else 0.05))
    for number in range(len(comparison.panels)):
        row, column = divmod(number, layout.columns)
        x, y = layout.left + column * (layout.wide + layout.gap), foot + (layout.rows - 1 - row) * step + below
        _panel(figure, comparison, number, (x, y, layout.wide, layout.tall), layout)
        paper.heading(
            figure, comparison.names[number], x + layout.wide / 2, y + layout.tall + above - 0.24, layout.wide
        )
        paper.footer(figure, own[number], x, y - layout.under)
    middle = (layout.left + layout.width - layout.right) / 2
    _around(figure, comparison, layout, foot + below, (layout.rows - 1) * step + layout.tall)
    top = foot + layout.rows * step + 0.12
    paper.heading(figure, comparison.title, middle, top, 2 * middle - 0.2, paper.TITLE + 1)
    if legend:
        draw_legend(figure, comparison.panels[0].lines[0].named, middle, foot - 0.2)
    paper.footer(figure, shared, MARGIN, foot - legend)
    return figure


def _panel(figure: Figure, comparison: Comparison, number: int, place: tuple, layout: Layout) -> None:
    """One panel; what all of a row share is written beside the first or the last only."""
    scene, column = comparison.panels[number], number % layout.columns
    if comparison.kind == "surface":
        draw_relief(paper.place(figure, *place, projection="3d"), scene)
        return
    axes = paper.place(figure, *place)
    last = number == len(comparison.panels) - 1 or column == layout.columns - 1
    if scene.lines:
        draw_lines(axes, scene, left=column == 0, right=last, bottom=not scene.lines[0].strips)
        draw_strips(figure, scene, *place, named=column == 0)
        return
    if scene.spectra:
        (x, y, wide, _), rugs = place, rug_height(scene)
        draw_density(axes, scene, left=column == 0, right=last)
        draw_rugs(paper.place(figure, x, y - rugs, wide, rugs), scene)
        return
    draw_flat(axes, scene)
    if column:
        axes.set_ylabel("")
        axes.tick_params(axis="y", labelleft=False)


def _around(figure: Figure, comparison: Comparison, layout: Layout, bottom: float, tall: float) -> None:
    """The one colour bar, on the right of all rows."""
    if comparison.panels[0].lines or comparison.panels[0].spectra:
        return
    short = 0.5 if comparison.kind == "surface" else 0.0
    x = layout.width - layout.right + 0.18
    bar = paper.place(figure, x, bottom + short, 0.17, tall - 1.4 * short)
    color_bar(figure, bar, comparison.panels[0].fields[0], comparison.kind)


def _layout(comparison: Comparison) -> Layout:
    count = len(comparison.panels)
    rows = -(-count // COLUMNS)
    grid = {"rows": rows, "columns": -(-count // rows)}
    if comparison.kind == "surface":
        return Layout(4.0, 3.3, left=0.15, gap=0.3, right=1.05, under=0.34, **grid)
    lines = comparison.panels[0].lines
    if lines:
        strips = max(strips_height(panel.lines[0], LINES_TALL) for panel in comparison.panels)
        return Layout(3.2, LINES_TALL, left=0.72, gap=0.36, right=0.72, under=0.5 + strips, **grid)
    if comparison.panels[0].spectra:
        under = 0.5 + rug_height(comparison.panels[0])
        return Layout(3.2, 2.6, left=0.72, gap=0.3, right=0.72, under=under, **grid)
    wide, tall = paper.box(comparison.panels[0].frame, 3.3)
    return Layout(wide, tall, left=0.72, gap=0.34, right=1.1, under=0.5, **grid)
