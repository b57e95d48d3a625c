"""Rounds in which each point is computed with the help of earlier points nearby.

Owns: `CoarseToFine`, which takes all points of a grid so that there are such points, and `WithNeighbours`, which gives a point
the results of those nearest to it. Only points of earlier rounds are given, so the results depend neither on the number of
ranks nor on where a run was stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np

from landscape.grid import Grid
from landscape.quantity import DRAWN
from landscape.sweep.cells import coarse_to_fine
from landscape.sweep.sampler import Point, Result, Sampler

# How many points help to compute one, on a line and in a plane.
COUNT = {1: 3, 2: 4}
# The part of the accepted variance that a point may use, by the distance to its neighbours in grid steps: later points inherit
# what it uses. Points next to each other are the last. The samples of a round are its points times the variance that the
# neighbours leave unexplained, over the growth of the share; their sum is least where shares grow by the root of that product. So
# the few coarse points are the most accurate ones. Measured on the digits nets.
SHARES = (
    (63.0, 0.1), (45.0, 0.11), (31.0, 0.12), (22.0, 0.135), (15.0, 0.15), (11.0, 0.22), (7.9, 0.3), (5.6, 0.36), (3.9, 0.44),
    (2.8, 0.53), (1.9, 0.64), (1.4, 0.82), (0.0, 1.0),
)  # fmt: skip


class Borrowed(NamedTuple):
    """What a point is computed with: results of others by their coordinates, and the share of the accepted variance."""

    neighbours: tuple[tuple[tuple[float, ...], Result], ...]
    share: float


class SettledSampler(Sampler, Protocol):
    """A sampler that says which points belong to earlier rounds."""

    grid: Grid
    spacing: float
    """Of the lattice that the present round belongs to, in grid steps; 0 where it belongs to none."""

    @property
    def settled(self) -> np.ndarray:
        """(grid.size,) whether the point belongs to an earlier round, also when that was computed in an earlier run."""


class CoarseToFine:
    """All points of a grid in rounds, from a coarse lattice to the whole; `known` are the results of an earlier run."""

    def __init__(self, grid: Grid, known: Mapping[int, Result] | None = None):
        self.grid, self.settled, self._known = grid, np.zeros(grid.size, bool), set(known or ())
        self._rounds = coarse_to_fine([range(count) for count in grid.shape])
        self._asked: list[int] = []
        self.spacing = 0.0
        self.expected: int | None = None

    def ask(self) -> Sequence[Point]:
        self.settled[self._asked] = True
        for places, spacing in self._rounds:
            self.spacing = spacing
            asked = self._asked = [int(np.ravel_multi_index(place, self.grid.shape)) for place in places]
            if missing := [index for index in asked if index not in self._known]:
                return [Point(index, self.grid.coordinates(index)) for index in missing]
            self.settled[asked] = True
        return []

    def tell(self, results: Mapping[int, Result]) -> None:
        pass


class WithNeighbours:
    """The points of `inner`, each given the results of the nearest points of earlier rounds.

    Args:
        known: results of an earlier run, by point number.
        needs: only results with this entry can be given.
    """

    def __init__(self, inner: SettledSampler, needs: str, known: Mapping[int, Result] | None = None):
        self.inner, self.grid, self._needs = inner, inner.grid, needs
        self._results = dict(known or {})

    @property
    def expected(self) -> int | None:
        return self.inner.expected

    def ask(self) -> Sequence[Point]:
        points = self.inner.ask()
        settled = np.flatnonzero(self.inner.settled).tolist()
        usable = np.array([index for index in settled if self._needs in self._results.get(index, ())], int)
        places = np.stack(np.unravel_index(usable, self.grid.shape), axis=1)
        return [replace(point, given=self._given(point.index, usable, places)) for point in points]

    def tell(self, results: Mapping[int, Result]) -> None:
        self._results.update(results)
        numbers = {i: {n: v for n, v in each.items() if not n.startswith(DRAWN)} for i, each in results.items()}
        self.inner.tell(numbers)

    def _given(self, index: int, usable: np.ndarray, places: np.ndarray) -> Borrowed:
        here = np.array(np.unravel_index(index, self.grid.shape))
        squares = ((places - here) ** 2).sum(axis=1)
        nearest = np.argsort(squares, kind="stable")[: COUNT[self.grid.ndim]]
        distance = max(float(np.sqrt(squares[nearest].min())) if len(nearest) else np.inf, self.inner.spacing)
        chosen = [(self.grid.coordinates(int(i)), self._results[int(i)]) for i in usable[nearest]]
        return Borrowed(tuple(chosen), next(share for least, share in SHARES if distance >= least))
