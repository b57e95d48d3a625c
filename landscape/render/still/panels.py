"""Comparisons as still pictures: panels side by side that share one scale.

Owns: the rows and columns of panels, their names, and the facts below. Lengths are in inches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from matplotlib.figure import Figure

from landscape.errors import UsageError
from landscape.options.looks import BAR, LEGEND, LETTERS, TITLE
from landscape.render.still import paper
from landscape.render.still.painter import LEAST, MARGIN, Measures, PanelPainter, Place, Sides
from landscape.scene.look import Look
from landscape.scene.scene import Comparison
from landscape.scene.text import panel_letter

# More panels beside each other would be too small for a page; four become two rows of two.
COLUMNS = 3
# Inches, at the usual size of letters: narrower panels stand below each other.
NARROW = 1.35
# A bar that lies below the panels: its length as a share of theirs, and inches of its height and with its numbers and its name.
LONG, THICK, LYING = 0.62, 0.11, 0.6


@dataclass(frozen=True)
class PanelLayout:
    """Where panels stand: their measures at the size of the sheet, its rows and columns, and what is written below.

    `below` is the space under each row; `lying` is that of a bar of colours under all of them, 0 where it stands beside them.
    """

    m: Measures
    rows: int
    columns: int
    width: float
    shared: list[str]
    own: list[list[str]]
    foot: float
    below: tuple[float, ...]
    top: float
    lying: float = 0.0

    @property
    def tall(self) -> float:
        """Of all rows, with what is above and below each."""
        return self.rows * (self.m.tall * (1 + self.m.hang) + self.m.above) + sum(self.below)

    @property
    def height(self) -> float:
        return self.foot + self.tall + self.top

    def place(self, number: int) -> Place:
        row, column = divmod(number, self.columns)
        left = self.m.left + column * (self.m.wide + self.m.gap)
        under = (self.rows - 1 - row) * (self.m.tall * (1 + self.m.hang) + self.m.above) + sum(self.below[row:])
        return Place(left, self.foot + under + self.m.hang * self.m.tall, self.m.wide, self.m.tall)

    def bar(self, em: float) -> Place:
        """Of the bar of colours: at the right of all rows, or below them where it lies."""
        if self.lying:
            long = LONG * self.m.wide
            return Place(self.m.left + (self.m.wide - long) / 2, self.foot - (0.02 + THICK) * em, long, THICK * em)
        low = self.foot + self.below[-1]
        return Place(self.width - self.m.right + 0.18 * em, low, 0.17 * em, self.foot + self.tall - self.m.above - low)


def draw_panels(comparison: Comparison, painter: PanelPainter, look: Look) -> Figure:
    """The figure of a comparison."""
    panels, count, em = comparison.panels, len(comparison.panels), look.em
    plan = _layout(comparison, painter, look)
    m = plan.m
    figure = paper.sheet(look, plan.width, look.height or plan.height)
    for number, panel in enumerate(panels):
        place, column = plan.place(number), number % plan.columns
        last = number == count - 1 or column == plan.columns - 1
        painter.draw(figure, panel, look, place, Sides(left=column == 0, right=last))
        name = comparison.names[number]
        paper.heading(
            figure,
            look,
            name,
            place.left + m.wide / 2,
            place.bottom + m.tall + m.above - 0.24 * em,
            _name_room(look, comparison, m),
        )
        paper.footer(figure, look, plan.own[number], place.left, place.bottom - m.under - m.hang * m.tall)
        _letter(figure, look, comparison, number, place, m)
    if painter.bar and look.has(BAR):
        painter.bar(figure, panels[0], look, plan.bar(em))
    middle = (m.left + plan.width - m.right) / 2
    if title := shared_title(comparison, painter, look):
        y = plan.foot + plan.tall + 0.12 * em
        paper.heading(figure, look, title, middle, y, 2 * middle - 0.2 * em, look.letters.title + em)
    if painter.legend and look.has(LEGEND):
        room = 2 * min(middle, plan.width - middle)
        place = Place(middle - room / 2, plan.foot - 0.05 * em - m.legend, room, m.legend)
        painter.legend(figure, panels[0], look, place)
    paper.footer(figure, look, plan.shared, MARGIN * em, plan.foot - m.legend - plan.lying)
    return figure


def shared_title(comparison: Comparison, painter: PanelPainter, look: Look) -> str:
    """The common title, which may be that of the bar of colours too."""
    return look.heading(comparison.captions[0]) if painter.bar else comparison.title if look.has(TITLE) else ""


def _name_room(look: Look, comparison: Comparison, m: Measures) -> float:
    """The width of a panel's name, which is centred: up to its own letter on the left and to the next panel's on the right."""
    room = m.wide + 0.8 * m.gap
    if not comparison.letters or not look.has(LETTERS):
        return room
    before = m.wide / 2 + 0.5 * m.left - paper.text_width("(m)", 1.1 * look.letters.title)
    after = m.wide / 2 + m.gap - 0.5 * m.left
    return min(room, 2 * (min(before, after) - 0.04 * look.em))


def _letter(figure: Figure, look: Look, comparison: Comparison, number: int, place: Place, m: Measures) -> None:
    """(a), (b), ... at the upper left of a panel."""
    if not comparison.letters or not look.has(LETTERS):
        return
    x, y = max(0.04, place.left - 0.5 * m.left), place.bottom + m.tall + m.above - 0.24 * look.em
    style = {"fontsize": look.letters.title, "weight": "bold", "color": look.palette.ink}
    paper.write(figure, panel_letter(number), x, y, **style)


def _layout(comparison: Comparison, painter: PanelPainter, look: Look) -> PanelLayout:
    """Panels as large as the sheet lets them be, in as many columns as have room; with both sides given, in the best number."""
    count = len(comparison.panels)
    natural = grown(painter.measures(comparison.panels, look), look.em)
    beside = replace(natural, right=natural.right + natural.bar)
    columns = -(-count // -(-count // COLUMNS))
    if look.width is None:
        return _written(comparison, painter, beside, -(-count // columns), columns, look)
    if look.height is not None:
        tries = [_fitted(comparison, painter, beside, tried, look) for tried in range(1, count + 1)]
        plan = max(tries, key=lambda plan: plan.m.wide)
    else:
        while columns > 1 and _wide(beside, columns, look.width) < NARROW * look.em:
            columns -= 1
        lies = painter.wide and columns == 1 and painter.bar is not None and look.has(BAR)
        # Below a relief there is nothing but its own letters.
        m, lying = (replace(natural, under=0.0), LYING * look.em) if lies else (beside, 0.0)
        plan = _fitted(comparison, painter, m, columns, look, lying)
    if min(plan.m.wide, plan.m.tall) < LEAST:
        size = f"{look.width:g}" + (f"x{look.height:g}" if look.height else "")
        raise UsageError(f"size {size}: too small for {count} panels; {look.larger}")
    return plan


def _fitted(
    comparison: Comparison, painter: PanelPainter, natural: Measures, columns: int, look: Look, lying: float = 0.0
) -> PanelLayout:
    """On a sheet of a given width: panels that fill it in `columns`, and no higher than a given height allows."""
    rows, wide = -(-len(comparison.panels) // columns), _wide(natural, columns, look.width or 0.0)
    m = replace(natural, wide=wide, tall=natural.tall * wide / natural.wide)
    if wide < LEAST:
        return PanelLayout(m, rows, columns, 0.0, [], [], 0.0, (0.0,), 0.0)
    plan = _written(comparison, painter, m, rows, columns, look, lying)
    if look.height is None:
        return plan
    share = min(1.0, 1 - (plan.height - look.height) / rows / (1 + m.hang) / m.tall)
    spare = columns * wide * (1 - share) / 2
    m = replace(m, tall=m.tall * share, wide=wide * share, left=m.left + spare, right=m.right + spare)
    return replace(plan, m=m)


def _wide(m: Measures, columns: int, width: float) -> float:
    return (width - m.left - m.right - (columns - 1) * m.gap) / columns


def grown(m: Measures, em: float) -> Measures:
    """The space that holds letters grows with them."""
    names = ("left", "gap", "right", "under", "above", "legend", "bar", "inner")
    return replace(m, **{name: em * getattr(m, name) for name in names})


def _written(
    comparison: Comparison, painter: PanelPainter, m: Measures, rows: int, columns: int, look: Look, lying: float = 0.0
) -> PanelLayout:
    """The layout with the facts that all share at the foot, and those of each under its panel."""
    size, em = look.letters.foot, look.em
    width = look.width or m.left + columns * m.wide + (columns - 1) * m.gap + m.right
    shared = paper.wrap(look.lines(comparison.captions[0], ()), width - 2 * MARGIN * em, size)
    own = [paper.wrap(look.lines(p.views[0].caption, p.notes), m.wide, size) for p in comparison.panels]
    foot = paper.footer_height(shared, size) + MARGIN * em + (m.legend if look.has(LEGEND) else 0.0) + lying
    rows_of = [own[first : first + columns] for first in range(0, len(own), columns)]
    below = tuple(m.under + max(paper.footer_height(lines, size) for lines in each) + 0.1 * em for each in rows_of)
    top = (0.36 if shared_title(comparison, painter, look) else 0.05) * em
    return PanelLayout(m, rows, columns, width, shared, own, foot, below, top, lying)
