"""What a renderer of still pictures knows about one type of view.

Owns: `Painter`, `PanelPainter` and the sheet around a single picture. Lengths are in inches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from landscape.render.still import paper
from landscape.scene.scene import Scene

MARGIN = 0.15


@dataclass(frozen=True)
class Place:
    """A rectangle on the sheet: its lower left corner and its size."""

    left: float
    bottom: float
    wide: float
    tall: float


@dataclass(frozen=True)
class Measures:
    """The size of a panel of a comparison, the space between panels and around them, and the height of a legend."""

    wide: float
    tall: float
    left: float
    gap: float
    right: float
    under: float
    above: float = 0.34
    legend: float = 0.0


@dataclass(frozen=True)
class PanelPainter:
    """How views of one type stand beside each other.

    Attributes:
        measures: panels -> their measures.
        draw: one panel; the flags say whether it is the first or the last of its row, since what all of a row share is
            written there only.
        bar: the one colour bar of all panels, drawn from the first; None without one.
        legend: the one legend of all panels, centred at a place.
    """

    measures: Callable[[Sequence[Scene]], Measures]
    draw: Callable[[Figure, Scene, Place, bool, bool], None]
    bar: Callable[[Figure, Scene, Place], None] | None = None
    legend: Callable[[Figure, Scene, float, float], None] | None = None


@dataclass(frozen=True)
class Painter:
    """How views of one type are drawn: alone on a sheet, and as panels unless they are never compared."""

    single: Callable[[Scene], Figure]
    panels: PanelPainter | None = None


def sheet_of(
    scene: Scene, width: float, tall: float, *, below: float, middle: float, above: float = 0.0
) -> tuple[Figure, float]:
    """(figure, height where the axes begin): with the title, centred on `middle`, and the facts written."""
    room = width - 2 * MARGIN
    lines = paper.wrap(scene.facts, room) + paper.wrap(scene.notes, room)
    foot = paper.footer_height(lines) + MARGIN
    top = (0.38 if scene.title else 0.12) + above
    figure = paper.sheet(width, foot + below + tall + top)
    paper.heading(
        figure, scene.title, middle, foot + below + tall + above + 0.14, 2 * min(middle, width - middle) - 0.2
    )
    paper.footer(figure, lines, MARGIN, foot)
    return figure, foot + below
