"""The points that come next.

Owns: the interface `Sampler` (ask and tell, in rounds) and the samplers that take given points. All results of a round
are passed to `tell` in the order of the point numbers before the next `ask`, so a sampler's decisions cannot depend on
the number of ranks or on which of them finished first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from landscape.grid import Grid


@dataclass(frozen=True)
class Point:
    """A grid point: its number, its coordinates (x,) or (x, y), and what is `given` of other points to compute it."""

    index: int
    coords: tuple[float, ...]
    given: Any = field(default=None, compare=False)

    @property
    def place(self) -> str:
        """Its coordinates, in words."""
        return "(" + ", ".join(f"{coordinate:g}" for coordinate in self.coords) + ")"


# Numbers; or, for a point that helps to compute others, arrays.
Result = Mapping[str, Any]


class Sampler(Protocol):
    @property
    def expected(self) -> int | None:
        """An estimate of how many points will be computed in all; None means every point of the rounds."""

    def ask(self) -> Sequence[Point]:
        """The points of the next round; empty at the end."""

    def tell(self, results: Mapping[int, Result]) -> None:
        """Takes all results of the round, by point number in rising order."""


class PointList:
    """One round with the given points, in their order."""

    expected: int | None = None

    def __init__(self, points: Sequence[Point]):
        self._round = list(points)

    def ask(self) -> Sequence[Point]:
        points, self._round = self._round, []
        return points

    def tell(self, results: Mapping[int, Result]) -> None:
        pass


class EveryPoint(PointList):
    """One round with the grid points of the given numbers; in a continued run these are the pending points."""

    def __init__(self, grid: Grid, indices: Sequence[int]):
        super().__init__([Point(index, grid.coordinates(index)) for index in indices])
