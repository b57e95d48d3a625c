"""Which points come next.

Owns: the interface `Sampler` (asked and told, in rounds) and the sampler that takes every point. All results of a round
are told in the order of the point numbers before the next round is asked, so what a sampler decides can never depend on
how many ranks there are or which finished first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from landscape.grid import Grid


class Point(NamedTuple):
    """A grid point: its number, and its coordinates (x,) or (x, y)."""

    index: int
    coords: tuple[float, ...]


Result = Mapping[str, float]


class Sampler(Protocol):
    def ask(self) -> Sequence[Point]:
        """The next round; empty when there is nothing left to do."""

    def tell(self, results: Mapping[int, Result]) -> None:
        """All results of the round, by point number in rising order."""


class ThesePoints:
    """One round with the points given, in their order."""

    def __init__(self, points: Sequence[Point]):
        self._round = list(points)

    def ask(self) -> Sequence[Point]:
        points, self._round = self._round, []
        return points

    def tell(self, results: Mapping[int, Result]) -> None:
        pass


class EveryPoint(ThesePoints):
    """One round with all points given by number, which for a continued run are those still pending."""

    def __init__(self, grid: Grid, indices: Sequence[int]):
        super().__init__([Point(index, grid.coordinates(index)) for index in indices])
