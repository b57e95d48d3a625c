"""Basins as bars from their minimum to the pass at which they end.

Owns: the view `Barcode`, and the bars it is made of.
"""

from __future__ import annotations

from dataclasses import dataclass

from landscape.scene.scene import Choice, View
from landscape.scene.views.lines import ValueAxis


@dataclass(frozen=True)
class Bar:
    """One basin at place x: from `low` to `high`, in the units of the axis and within its ends.

    `core` is the part that the errors leave of it, None where that is nothing. `endless`: it never ends, and goes on beyond the
    axis. `edge` is where its ground reaches the edge of what is known, NaN where it does not. `text` are the lines that
    hovering shows.
    """

    x: float
    low: float
    high: float
    core: tuple[float, float] | None
    endless: bool
    edge: float
    text: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Barcode(View):
    """Bars side by side over one axis of values.

    `colors` are of the core and of what lies within the errors; `names` are theirs, in the legend; one of "" has no entry.
    `ticks` mark the places of the bars that have a number.
    """

    bars: tuple[Bar, ...]
    axis: ValueAxis
    colors: tuple[str, str]
    names: tuple[str, str]
    ticks: tuple[int, ...]

    @property
    def choice(self) -> Choice:
        return Choice("", self.axis.kind)
