"""The sampler that computes a point only where the others do not tell its value.

Owns: which points of the grid are computed under a tolerance, and the values of the rest. A coarse lattice comes first,
then the middle of each of its cells; where a middle is not what the points around it foretell, the cell is divided and
its parts are tested likewise. At last, points picked at random among those left over are computed and compared with
their prediction, so that the error is measured and not only hoped for; if they disagree, we look closer. A surface
that is rough on the lattice already is computed everywhere.

What is asked depends on grid, tolerance and values alone (contract 1). A run is continued by giving the results that
are `known`: the same rounds come again, and only what is missing is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from landscape.grid import Grid
from landscape.sweep.cells import Cell, Index, knots, lattice
from landscape.sweep.evidence import Evidence
from landscape.sweep.predict import Scale, predict, predict_within
from landscape.sweep.sampler import Point, Result

# One in 4 of a plane is one in 16 of its points; with the middles of the cells, an eighth. Of a line, a quarter.
STRIDE = {1: 8, 2: 4}
# A cell is divided when its middle is off by this many tolerances. Once the middle is known, the rest of the cell is
# foretold several times better; whether well enough, the checks tell, and each failure halves the limit.
FIRST_LIMIT = 2.0
# A cell is also divided when a prediction next to it was off by this many limits.
NEIGHBOUR_LIMIT = 2.0
# When cells of half the stride are rough over more than this share of the grid, everything is computed: cells that pass
# there pass by chance.
ROUGH_SHARE = 0.5
# Of the points left, one in CHECK_EVERY is computed as a check, but not more than MAX_CHECKS, and this often.
CHECK_EVERY, MAX_CHECKS, CHECK_ROUNDS = 8, 64, 3
# At this share of the checks the error is to be within the tolerance, at the others within CHECK_WORST times that.
CHECK_SHARE, CHECK_WORST = 0.95, 2.0


class Refined:
    """Asks for the points of `grid` that a relative error of `tolerance` in the metrics `drivers` needs.

    `through`: coordinates that are to be on the lattice, such as 0, where the net lies. `checks` holds, by number, the
    relative errors that were found at the points picked at random; `expected` is how many points may be asked for in all.
    `noisy`: values carry the standard errors of estimates.
    """

    def __init__(
        self,
        grid: Grid,
        tolerance: float,
        drivers: Sequence[str],
        *,
        known: Mapping[int, Result] | None = None,
        through: Sequence[float] = (0.0,),
        noisy: bool = False,
    ):
        self.grid, self.tolerance, self.drivers = grid, tolerance, tuple(drivers)
        self.results: dict[int, Result] = dict(known or {})
        self.checks: dict[int, float] = {}
        self.everything = False
        self.expected = grid.size
        self._evidence = Evidence(grid.shape, drivers, noisy=noisy)
        self._axes = [_marks(axis.values, STRIDE[grid.ndim], through) for axis in reversed(grid.axes)]
        self._rounds = self._plan()

    def ask(self) -> Sequence[Point]:
        for wanted in self._rounds:
            self.expected = self._expected(len(wanted))
            missing = sorted(set(wanted) - self.results.keys())
            if missing:
                return [Point(index, self.grid.coordinates(index)) for index in missing]
        return []

    def tell(self, results: Mapping[int, Result]) -> None:
        self.results.update(results)

    def rest(self) -> dict[int, Result]:
        """Results for the points that were not computed, by interpolation between those that were."""
        done = sorted(self.results)
        left = [index for index in range(self.grid.size) if index not in self.results]
        if not left:
            return {}
        known, wanted = self._evidence.places(done), self._evidence.places(left)
        columns: dict[str, np.ndarray] = {}
        for name in dict.fromkeys(name for index in done for name in self.results[index]):
            values = np.array([self.results[index].get(name, np.nan) for index in done])
            if name in self.drivers:
                scale = Scale.of(values)
                columns[name] = scale.back(predict(known, scale.to(values), wanted))
            else:
                columns[name] = predict_within(known, values, wanted)
        return {index: {name: float(column[i]) for name, column in columns.items()} for i, index in enumerate(left)}

    def _plan(self) -> Iterator[list[int]]:
        cells = lattice(self._axes)
        corners = self._numbers(corner for cell in cells for corner in cell.corners())
        yield corners
        self._evidence.learn(corners, self.results)
        limit = FIRST_LIMIT * self.tolerance
        yield from self._look(cells, limit)
        for _ in range(CHECK_ROUNDS):
            if not (chosen := self._chosen()):
                return
            yield from self._compute(chosen)
            self.checks = {number: float(self._evidence.errors.flat[number]) for number in chosen}
            if self._satisfied(self._evidence.surprise(chosen)):
                return
            limit /= 2
            yield from self._look(cells, limit)
        yield from self._all()

    def _look(self, cells: list[Cell], limit: float) -> Iterator[list[int]]:
        """Tests the middles of cells, divides the rough ones, and goes on with their parts."""
        whole, level = sum(cell.size for cell in cells), 0
        while cells:
            yield from self._compute(self._numbers(cell.middle for cell in cells))
            rough = [cell for cell in cells if self._rough(cell, limit)]
            if level and sum(cell.size for cell in rough) > ROUGH_SHARE * whole:
                yield from self._all()
                return
            yield from self._compute(self._numbers(side for cell in rough for side in cell.edge_middles()))
            cells = [part for cell in rough for part in cell.children() if self._doubtful(part, limit)]
            level += 1

    def _compute(self, numbers: list[int]) -> Iterator[list[int]]:
        """One round: predicts, has the points computed, and keeps how far the predictions were off."""
        expected = self._evidence.expect(numbers)
        yield numbers
        self._evidence.learn(numbers, self.results, expected)

    def _rough(self, cell: Cell, limit: float) -> bool:
        off = float(self._evidence.surprise(self._numbers([cell.middle]))[0])
        return off > limit or self._evidence.around(cell) > NEIGHBOUR_LIMIT * limit or self._evidence.odd(cell)

    def _doubtful(self, part: Cell, limit: float) -> bool:
        """Whether a part of a rough cell is to be tested itself: in a plane, when its own new corners came as a surprise."""
        if self.grid.ndim == 1:
            return True
        return bool((self._evidence.surprise(self._numbers(part.corners())) > limit).any()) or self._evidence.odd(part)

    def _expected(self, wanted: int) -> int:
        """This round and those before, the middles of the cells after the lattice, and the checks at the end."""
        first = not self._evidence.seen.any()
        count = int(self._evidence.seen.sum()) + wanted * (2 if first else 1)
        return min(self.grid.size, count + (0 if self.checks or self.everything else MAX_CHECKS))

    def _chosen(self) -> list[int]:
        """Points left over, picked at random, always the same ones."""
        left = self._unseen()
        count = min(MAX_CHECKS, -(-len(left) // CHECK_EVERY))
        generator = np.random.Generator(np.random.Philox(key=len(left)))
        return sorted(generator.choice(left, count, replace=False).tolist()) if count else []

    def _satisfied(self, errors: np.ndarray) -> bool:
        share = float((errors <= self.tolerance).mean())
        return share >= CHECK_SHARE and bool((errors <= CHECK_WORST * self.tolerance).all())

    def _all(self) -> Iterator[list[int]]:
        self.everything = True
        left = self._unseen()
        yield left
        self._evidence.learn(left, self.results)

    def _unseen(self) -> list[int]:
        return np.flatnonzero(~self._evidence.seen).tolist()

    def _numbers(self, places: Iterable[Index]) -> list[int]:
        return sorted({int(np.ravel_multi_index(place, self.grid.shape)) for place in places})


def _marks(values: np.ndarray, stride: int, through: Sequence[float]) -> list[int]:
    """Lattice indices of an axis, with the points nearest to the coordinates `through` that lie on it."""
    inside = [value for value in through if values[0] <= value <= values[-1]]
    return knots(len(values), stride, [int(np.abs(values - value).argmin()) for value in inside])
