"""What a renderer of still pictures knows about one type of view.

Owns: `Painter`, `PanelPainter`, and the sheet around a single picture: how large the picture itself is when the sheet has a
given size. Lengths are in inches; those of margins hold letters of the usual size, and grow with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from landscape.errors import UsageError
from landscape.options.looks import BAR, TITLE
from landscape.render.still import paper
from landscape.scene.look import Look
from landscape.scene.scene import Scene

MARGIN = 0.15
# Without a title, and with one.
TOP, TITLED = 0.12, 0.38
# A picture smaller than this is none.
LEAST = 0.4


@dataclass(frozen=True)
class Place:
    """A rectangle on the sheet: its lower left corner and its size."""

    left: float
    bottom: float
    wide: float
    tall: float


@dataclass(frozen=True)
class Around:
    """The space on each side of a picture, without title and footer.

    `exact` is a further width at the left that does not grow with the letters. The title is centred on the picture or, with
    `whole`, on the sheet.
    """

    left: float
    right: float
    below: float
    above: float = 0.0
    exact: float = 0.0
    whole: bool = False


@dataclass(frozen=True)
class Measures:
    """The size of a panel of a comparison, the space between panels and around them, and the height of a legend.

    `hang`: the share of its height that hangs below a panel, such as further axes. `bar`: further space at the right for a bar of
    colours. `inner`: what is below a panel whose horizontal axis has no words.
    """

    wide: float
    tall: float
    left: float
    gap: float
    right: float
    under: float
    above: float = 0.34
    legend: float = 0.0
    hang: float = 0.0
    bar: float = 0.0
    inner: float = 0.05


@dataclass(frozen=True)
class Sides:
    """Which sides of a panel have words and numbers: what all of a row or a column share is written at its end only.

    `small`: one of many panels. Names of axes that all share, and numbers in lines, are left out.
    """

    left: bool = True
    right: bool = True
    below: bool = True
    small: bool = False


@dataclass(frozen=True)
class PanelPainter:
    """How views of one type stand beside each other.

    Attributes:
        measures: panels -> their measures.
        draw: one panel, with words on some of its sides.
        bar: the one colour bar of all panels, drawn from the first, along the longer side of its place; None without one.
        legend: the one legend of all panels, centred in a place.
        compact: its width and height in a given width, in inches; None for a legend that is as wide as it is.
        wide: whether panels below each other take the whole width of a sheet, with the bar below them.
        across, upright: whether the frame names the horizontal and the vertical axis of all panels.
    """

    measures: Callable[[Sequence[Scene], Look], Measures]
    draw: Callable[[Figure, Scene, Look, Place, Sides], None]
    bar: Callable[[Figure, Scene, Look, Place], None] | None = None
    legend: Callable[[Figure, Scene, Look, Place], None] | None = None
    compact: Callable[[Scene, Look, float], tuple[float, float]] | None = None
    across: bool = True
    upright: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Painter:
    """How views of one type are drawn: alone on a sheet, as panels unless they are never compared, and into axes of the user's.

    `into` draws on axes whose projection is `projection`; None for pictures that need several axes. `bare`: whether it says
    something without its axes.
    """

    single: Callable[[Scene, Look], Figure]
    panels: PanelPainter | None = None
    into: Callable[[Any, Scene, Look], None] | None = None
    projection: str = "rectilinear"
    bare: bool = False


def sheet_of(
    scene: Scene, look: Look, wide: float, tall: float, around: Around, *, rigid: bool = True, rows: bool = False
) -> tuple[Figure, Place]:
    """(figure, place of the picture): with the title and the facts written.

    The picture is `wide` x `tall` on a sheet of free size. On one of a given width it fills what the margins leave, at the same
    proportions; with a given height too, it fills both unless it is `rigid`. `rows`: it is as high as its letters need.
    """
    left, right = around.left * look.em + around.exact, around.right * look.em
    shape = tall / wide
    if rows:
        tall *= look.em
    if look.width is not None:
        wide = look.width - left - right
        tall = tall if rows else wide * shape
    width = look.width or wide + left + right
    lines = _lines(scene, look, width)
    foot = paper.footer_height(lines, look.letters.foot) + MARGIN * look.em
    below, above = foot + around.below * look.em, (_top(scene, look) + around.above) * look.em
    spare = 0.0
    if look.height is not None:
        room = look.height - below - above
        spare = max(0.0, wide - room / shape) if rigid and not rows else 0.0
        wide, tall = wide - spare, min(tall, room) if rigid and not rows else room
    _check(look, wide, tall)
    place = Place(
        left + spare / 2, below + (max(0.0, look.height - below - above - tall) / 2 if look.height else 0.0), wide, tall
    )
    figure = paper.sheet(look, width, look.height or below + tall + above)
    if scene.title and look.has(TITLE):
        middle = width / 2 if around.whole else place.left + wide / 2
        y = place.bottom + tall + (around.above + 0.14) * look.em
        paper.heading(figure, look, scene.title, middle, y, 2 * min(middle, width - middle) - 0.2 * look.em)
    paper.footer(figure, look, lines, MARGIN * look.em, foot)
    return figure, place


def beside(look: Look, bar: float, plain: float) -> float:
    """The space at the right of a picture: with a colour bar, and where it is left out."""
    return bar if look.has(BAR) else plain


def _top(scene: Scene, look: Look) -> float:
    return TITLED if scene.title and look.has(TITLE) else TOP


def _lines(scene: Scene, look: Look, width: float) -> list[str]:
    """Facts and notes, wrapped; the notes begin a line of their own."""
    caption, room, size = scene.views[0].caption, width - 2 * MARGIN * look.em, look.letters.foot
    facts, all_of_it = look.lines(caption, ()), look.lines(caption, scene.notes)
    return paper.wrap(facts, room, size) + paper.wrap(all_of_it[len(facts) :], room, size)


def _check(look: Look, wide: float, tall: float) -> None:
    """Raises UsageError when a sheet of a given size leaves no room for the picture."""
    if min(wide, tall) >= LEAST or look.width is None:
        return
    size = f"{look.width:g}" + (f"x{look.height:g}" if look.height else "")
    raise UsageError(
        f"size {size}: leaves {max(wide, 0):.1f} x {max(tall, 0):.1f} inches for the picture; {look.larger}"
    )
