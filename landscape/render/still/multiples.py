"""Many small pictures of one kind on a sheet: rows and columns that share their axes, one bar, one legend.

Owns: how many columns there are, and where panels, their names and what all share stand: numbers at the outer row and column,
names of axes once, the bar or the legend in cells that stay empty, else below. Lengths are in inches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from matplotlib.figure import Figure

from landscape.errors import UsageError
from landscape.options.looks import AXES, BAR, LEGEND, LETTERS
from landscape.render.still import paper
from landscape.render.still.painter import LEAST, MARGIN, Measures, PanelPainter, Place, Sides
from landscape.render.still.panels import grown, shared_title
from landscape.scene.coordinates import coordinates_of
from landscape.scene.look import Look
from landscape.scene.scene import Comparison
from landscape.scene.text import panel_letter

# Between columns, between rows, and above a row for the names; what a bar takes with its numbers and name, and its thickness.
GAP, BETWEEN, NAMES, BAR_ROOM, THICK = 0.14, 0.08, 0.22, 0.62, 0.12
# Panels narrower than this get fewer columns; the widest ones on a sheet of free size.
NARROW, WIDEST = 0.72, 2.4
# Of the empty cells or of the row of panels: what a bar takes; and the longest one.
SHARE, LONGEST = 0.86, 4.0
# Further room beside axes that have names of their own.
LINES = 0.1
# Numbers and the name of the horizontal axis, and the numbers alone.
WORDS, NUMBERS = 0.46, 0.22


@dataclass(frozen=True)
class SheetPlan:
    """Where panels stand, with `foot` below them, of which `words` are numbers and the name of the axes.

    `spare`: the bar or the legend is in the empty cells.
    """

    m: Measures
    count: int
    rows: int
    columns: int
    width: float
    top: float
    foot: float
    words: float
    facts: list[str]
    spare: bool

    @property
    def pitch(self) -> float:
        """From one row to the next."""
        return self.m.above + self.m.tall * (1 + self.m.hang) + self.m.inner + self.m.under

    @property
    def height(self) -> float:
        return self.top + self.rows * self.pitch + self.foot

    @property
    def across(self) -> float:
        """The width of all columns."""
        return self.columns * self.m.wide + (self.columns - 1) * self.m.gap

    def place(self, number: int) -> Place:
        row, column = divmod(number, self.columns)
        bottom = self.height - self.top - row * self.pitch - self.m.above - self.m.tall
        return Place(self.m.left + column * (self.m.wide + self.m.gap), bottom, self.m.wide, self.m.tall)

    def sides(self, number: int) -> Sides:
        column = number % self.columns
        return Sides(column == 0, column == self.columns - 1, number + self.columns >= self.count, small=True)

    @property
    def empty(self) -> Place:
        """The cells of the last row that have no panel."""
        first, last = self.place(self.count), self.place(self.rows * self.columns - 1)
        return replace(first, wide=last.left + last.wide - first.left)


def draw_multiples(comparison: Comparison, painter: PanelPainter, look: Look) -> Figure:
    """The figure of a comparison of many panels."""
    plan = _plan(comparison, painter, look)
    figure = paper.sheet(look, plan.width, look.height or plan.height)
    for number, panel in enumerate(comparison.panels):
        painter.draw(figure, panel, look, plan.place(number), plan.sides(number))
    _names(figure, comparison, plan, look)
    _axes(figure, comparison, painter, plan, look)
    _bar(figure, comparison, painter, plan, look)
    _legend(figure, comparison, painter, plan, look)
    if title := shared_title(comparison, painter, look):
        y = plan.height - plan.top + 0.06 * look.em
        paper.heading(figure, look, title, plan.width / 2, y, plan.width - 0.3 * look.em)
    paper.footer(figure, look, plan.facts, MARGIN * look.em, _facts_top(plan, look))
    return figure


def _facts_top(plan: SheetPlan, look: Look) -> float:
    return paper.footer_height(plan.facts, look.letters.foot) + MARGIN * look.em


def _names(figure: Figure, comparison: Comparison, plan: SheetPlan, look: Look) -> None:
    """The letter of each panel and its name behind it, from its left side on; all are of one size."""
    letters = [panel_letter(number) if look.has(LETTERS) else "" for number in range(plan.count)]
    room, usual, least = plan.m.wide + 0.5 * plan.m.gap, look.letters.label, look.letters.foot
    longest = max(
        _letter_width(letter, usual) + paper.text_width(name, usual)
        for letter, name in zip(letters, comparison.names, strict=True)
    )
    size, inks = max(least, usual * min(1.0, room / longest)), {"color": look.palette.ink, "ha": "left", "va": "bottom"}
    for number, letter in enumerate(letters):
        place, taken = plan.place(number), _letter_width(letter, size)
        y = place.bottom + place.tall + plan.m.above - (NAMES - 0.06) * look.em
        paper.write(figure, letter, place.left, y, fontsize=size, weight="bold", **inks)
        name = paper.shortened(comparison.names[number], size, room - taken)
        paper.write(figure, name, place.left + taken, y, fontsize=size, **inks)


def _letter_width(letter: str, size: float) -> float:
    """Bold letters are wider, and a space follows."""
    return 1.12 * paper.text_width(letter, size) + 0.35 * size / 72 if letter else 0.0


def _axes(figure: Figure, comparison: Comparison, painter: PanelPainter, plan: SheetPlan, look: Look) -> None:
    """The names of the axes that the frame of all panels has, once."""
    if not look.has(AXES):
        return
    frame, first = comparison.panels[0].frame, plan.place(0)
    last = plan.place((plan.rows - 1) * plan.columns)
    style = {"color": look.palette.ink}
    if painter.across:
        label = coordinates_of(*frame.x_range).named(frame.x_label)
        text, size = paper.fitted(label, look.letters.label, look.letters.foot, plan.width - 2 * MARGIN)
        y = last.bottom - plan.m.hang * plan.m.tall - plan.m.inner - NUMBERS * look.em
        paper.write(figure, text, plan.m.left + plan.across / 2, y, fontsize=size, ha="center", va="top", **style)
    if painter.upright:
        label = coordinates_of(*frame.y_range).named(frame.y_label)
        high = first.bottom + first.tall - last.bottom
        text, size = paper.stacked(label, look.letters.label, look.letters.foot, high)
        x = plan.m.left - 0.44 * look.em
        paper.write(
            figure, text, x, last.bottom + high / 2, fontsize=size, ha="right", va="center", rotation=90, **style
        )


def _bar(figure: Figure, comparison: Comparison, painter: PanelPainter, plan: SheetPlan, look: Look) -> None:
    if not painter.bar or not look.has(BAR):
        return
    em, thick = look.em, THICK * look.em
    below = Place(plan.m.left, plan.foot - plan.words - 0.06 * em - thick, plan.across, thick)
    room = replace(plan.empty, bottom=plan.empty.bottom + 0.4 * plan.empty.tall) if plan.spare else below
    long = min(LONGEST * em, SHARE * room.wide)
    place = Place(room.left + (room.wide - long) / 2, room.bottom, long, thick)
    painter.bar(figure, comparison.panels[0], look, place)


def _legend(figure: Figure, comparison: Comparison, painter: PanelPainter, plan: SheetPlan, look: Look) -> None:
    if not painter.legend or not look.has(LEGEND):
        return
    place = Place(0.0, plan.foot - plan.words - plan.m.legend, plan.width, plan.m.legend)
    painter.legend(figure, comparison.panels[0], look, plan.empty if plan.spare else place)


def _plan(comparison: Comparison, painter: PanelPainter, look: Look) -> SheetPlan:
    """In about as many columns as rows, or fewer; on a sheet with both sides given, in those that make them largest."""
    count = len(comparison.panels)
    if look.width is not None and look.height is not None:
        tries = [_fitted(comparison, painter, each, look) for each in range(1, count + 1)]
        plan = max(tries, key=lambda each: min(each.m.wide, each.m.tall))
    else:
        tries = [_fitted(comparison, painter, each, look) for each in range(math.ceil(math.sqrt(count)), 0, -1)]
        wide = [each for each in tries if look.width is None or each.m.wide >= NARROW * look.em] or tries[-1:]
        plan = next((each for each in wide[:2] if not _wastes(each, painter)), wide[0])
    if min(plan.m.wide, plan.m.tall) < LEAST:
        size = f"{look.width:g}" + (f"x{look.height:g}" if look.height else "")
        raise UsageError(f"size {size}: too small for {count} panels; {look.larger}")
    return plan


def _wastes(plan: SheetPlan, painter: PanelPainter) -> bool:
    """Whether cells stay empty although there is something that all panels share."""
    shared = painter.bar is not None or painter.compact is not None
    return shared and plan.count < plan.rows * plan.columns and not plan.spare


def _fitted(comparison: Comparison, painter: PanelPainter, columns: int, look: Look) -> SheetPlan:
    """Panels that fill the width of the sheet, and no higher than a given height allows."""
    natural, count = _measures(comparison, painter, look), len(comparison.panels)
    rows, gaps = -(-count // columns), (columns - 1) * natural.gap
    wide = (
        min(natural.wide, WIDEST)
        if look.width is None
        else (look.width - natural.left - natural.right - gaps) / columns
    )
    m = replace(natural, wide=wide, tall=natural.tall * wide / natural.wide)
    if wide <= 0:
        return SheetPlan(m, count, rows, columns, 0.0, 0.0, 0.0, 0.0, [], spare=False)
    width = look.width or m.left + columns * wide + gaps + m.right
    plan = _written(
        comparison, painter, SheetPlan(m, count, rows, columns, width, 0.0, 0.0, 0.0, [], spare=False), look
    )
    if look.height is None or plan.height <= look.height:
        free = 0.0 if look.height is None else look.height - plan.height
        return replace(plan, top=plan.top + free / 2, foot=plan.foot + free / 2)
    share = 1 - (plan.height - look.height) / (rows * (1 + m.hang) * m.tall)
    spare = columns * wide * (1 - share) / 2
    m = replace(m, tall=m.tall * share, wide=wide * share, left=m.left + spare, right=m.right + spare)
    return replace(_written(comparison, painter, replace(plan, m=m), look), width=plan.width)


def _measures(comparison: Comparison, painter: PanelPainter, look: Look) -> Measures:
    """Those of a panel among many, whose words are at the end of its row and column."""
    m, em = grown(painter.measures(comparison.panels, look), look.em), look.em
    marked = max(0.0, m.above - 0.34 * em)  # names of nets over the panel
    # Names of several axes stand in lines, for which panels are too low to be read in one.
    lines = 0.0 if painter.upright or not painter.across else LINES * em
    return replace(
        m, gap=GAP * em, under=BETWEEN * em, above=NAMES * em + marked, left=m.left + lines,
        right=m.right + (lines if m.right > 0.5 * em else 0.0),
    )  # fmt: skip


def _written(comparison: Comparison, painter: PanelPainter, plan: SheetPlan, look: Look) -> SheetPlan:
    """The plan with what stands above and below the panels."""
    em, size = look.em, look.letters.foot
    spare = plan.count < plan.rows * plan.columns and _has_room(comparison, painter, plan, look)
    facts = paper.wrap(_facts(comparison, look), plan.width - 2 * MARGIN * em, size)
    shared = 0.0
    if not spare and painter.bar and look.has(BAR):
        shared = BAR_ROOM * em
    elif not spare and painter.legend and look.has(LEGEND):
        shared = plan.m.legend
    words = WORDS * em if painter.across and look.has(AXES) else 0.05 * em
    top = (0.36 if shared_title(comparison, painter, look) else 0.05) * em
    foot = words + shared + paper.footer_height(facts, size) + MARGIN * em
    return replace(plan, top=top, foot=foot, words=words, facts=facts, spare=spare)


def _has_room(comparison: Comparison, painter: PanelPainter, plan: SheetPlan, look: Look) -> bool:
    """Whether the empty cells hold the bar or the legend."""
    cells = plan.rows * plan.columns - plan.count
    wide, tall = cells * plan.m.wide + (cells - 1) * plan.m.gap, plan.m.tall * (1 + plan.m.hang)
    if painter.bar:
        return tall > BAR_ROOM * look.em and wide > 2 * BAR_ROOM * look.em
    if painter.compact is None:
        return False
    found = painter.compact(comparison.panels[0], look, wide)
    return 0 < found[0] <= wide and found[1] <= 0.7 * tall


def _facts(comparison: Comparison, look: Look) -> tuple[str, ...]:
    """What all share, then what only some say, behind their letters or names."""
    said: dict[str, list[str]] = {}
    for number, (panel, name) in enumerate(zip(comparison.panels, comparison.names, strict=True)):
        for phrase in look.lines(panel.views[0].caption, panel.notes):
            said.setdefault(phrase, []).append(panel_letter(number) if look.has(LETTERS) else name)
    ends = "" if look.has(LETTERS) else ":"
    own = (f"{', '.join(who)}{ends} {phrase}" for phrase, who in said.items())
    return (*look.lines(comparison.captions[0], ()), *own)
