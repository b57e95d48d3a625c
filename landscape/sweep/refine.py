"""The adaptive sampler: it computes a point only where the other points do not predict its value.

Owns: which points of the grid are computed under a tolerance, and the values of the rest. First comes a coarse lattice,
then the middle of each of its cells; where the prediction of a middle is off, the cell is divided and its parts are
tested in the same way. Finally, random points among the rest are computed and compared with their predictions, which
measures the error; if it is too large, the cells are tested with a smaller limit. A surface that is rough on the lattice
is computed everywhere.

The points depend only on grid, tolerance and values (contract 1). A continued run passes its results as `known`: the
same rounds follow, and only the missing points are computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from landscape.grid import Grid
from landscape.sweep.cells import Cell, Index, coarse_to_fine, knots, lattice
from landscape.sweep.predict import MetricScale, predict, predict_within
from landscape.sweep.sampler import Point, Result
from landscape.sweep.surrogate import Surrogate

# Lattice spacing. A stride of 4 in a plane takes 1/16 of the points, with the middles of the cells 1/8; of a line 1/4.
STRIDE = {1: 8, 2: 4}
# A cell is divided when the prediction of its middle is off by this many tolerances. With the middle known, predictions
# for the rest of the cell are several times better. The checks measure whether that is enough; each failure halves the
# limit.
FIRST_LIMIT = 2.0
# A cell is also divided when a prediction next to it was off by this many limits.
NEIGHBOUR_LIMIT = 2.0
# When cells of half the stride are rough over more than this share of the grid, all points are computed: other cells
# would pass only by chance.
ROUGH_SHARE = 0.5
# One in CHECK_EVERY of the points left is computed as a check, at most MAX_CHECKS, in at most CHECK_ROUNDS rounds.
CHECK_EVERY, MAX_CHECKS, CHECK_ROUNDS = 8, 64, 3
# The error must be within the tolerance at this share of the checks, and within CHECK_WORST tolerances at the others.
CHECK_SHARE, CHECK_WORST = 0.95, 2.0


class Refined:
    """Samples the points of `grid` that a relative error of `tolerance` in the metrics `drivers` requires.

    Args:
        known: results of an earlier run, by point number.
        through: coordinates that must lie on the lattice, such as 0, the place of the net.
        noisy: the values are estimates, with standard errors among the results. A point is estimated from points of earlier
            rounds, so the lattice is computed from coarse to fine.

    Attributes:
        spacing: of the lattice that this round belongs to, in grid steps; 0 after the lattice.
        checks: the relative errors found at the random points, by point number.
        expected: about how many points will be computed in all.
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
        self.everything, self.spacing = False, 0.0
        self.expected = grid.size
        self._surrogate = Surrogate(grid.shape, drivers, noisy=noisy)
        self._axes = _lattice_axes(grid, through)
        self._noisy = noisy
        self._rounds = self._plan()

    @property
    def settled(self) -> np.ndarray:
        """(grid.size,) whether the point belongs to an earlier round, also when that was computed in an earlier run."""
        return self._surrogate.seen.ravel()

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
        """Interpolated results for the points that were not computed, by point number."""
        done = sorted(self.results)
        left = [index for index in range(self.grid.size) if index not in self.results]
        if not left:
            return {}
        known, wanted = self._surrogate.indices(done), self._surrogate.indices(left)
        columns: dict[str, np.ndarray] = {}
        for name in dict.fromkeys(name for index in done for name in self.results[index]):
            values = np.array([self.results[index].get(name, np.nan) for index in done])
            if name in self.drivers:
                scale = MetricScale.of(values)
                columns[name] = scale.back(predict(known, scale.to(values), wanted))
            else:
                columns[name] = predict_within(known, values, wanted)
        return {index: {name: float(column[i]) for name, column in columns.items()} for i, index in enumerate(left)}

    def _plan(self) -> Iterator[list[int]]:
        cells = lattice(self._axes)
        for corners in self._lattice_rounds(cells):
            yield corners
            self._surrogate.update(corners, self.results)
        limit = FIRST_LIMIT * self.tolerance
        yield from self._refine(cells, limit)
        for _ in range(CHECK_ROUNDS):
            if not (chosen := self._random_checks()):
                return
            yield from self._compute(chosen)
            self.checks = {number: float(self._surrogate.errors.flat[number]) for number in chosen}
            if self._passed(self._surrogate.excess_at(chosen)):
                return
            limit /= 2
            yield from self._refine(cells, limit)
        yield from self._compute_all()

    def _lattice_rounds(self, cells: list[Cell]) -> Iterator[list[int]]:
        if not self._noisy:
            yield self._numbers(corner for cell in cells for corner in cell.corners())
            return
        for places, spacing in coarse_to_fine(self._axes):
            self.spacing = spacing
            yield self._numbers(places)
        self.spacing = 0.0

    def _refine(self, cells: list[Cell], limit: float) -> Iterator[list[int]]:
        """Tests the middles of the cells, divides the rough cells, and continues with their parts."""
        whole, level = sum(cell.size for cell in cells), 0
        while cells:
            yield from self._compute(self._numbers(cell.middle for cell in cells))
            rough = [cell for cell in cells if self._rough(cell, limit)]
            if level and sum(cell.size for cell in rough) > ROUGH_SHARE * whole:
                yield from self._compute_all()
                return
            yield from self._compute(self._numbers(side for cell in rough for side in cell.edge_middles()))
            cells = [part for cell in rough for part in cell.children() if self._needs_test(part, limit)]
            level += 1

    def _compute(self, numbers: list[int]) -> Iterator[list[int]]:
        """One round: predicts the points, has them computed, and records the errors of the predictions."""
        predicted = self._surrogate.predict(numbers)
        yield numbers
        self._surrogate.update(numbers, self.results, predicted)

    def _rough(self, cell: Cell, limit: float) -> bool:
        surrogate = self._surrogate
        excess = float(surrogate.excess_at(self._numbers([cell.middle]))[0])
        around = surrogate.excess_around(cell)
        return excess > limit or around > NEIGHBOUR_LIMIT * limit or surrogate.has_nonfinite_corner(cell)

    def _needs_test(self, part: Cell, limit: float) -> bool:
        """Whether a part of a rough cell is tested itself; in a plane only if the prediction of a new corner was off."""
        if self.grid.ndim == 1:
            return True
        excess = self._surrogate.excess_at(self._numbers(part.corners()))
        return bool((excess > limit).any()) or self._surrogate.has_nonfinite_corner(part)

    def _expected(self, wanted: int) -> int:
        """The points of this round and those before, the cell middles after the lattice, and the checks at the end."""
        count = max(int(self._surrogate.seen.sum()) + wanted, _smooth_points(self._axes))
        count = min(self.grid.size, count)
        return count + (0 if self.checks or self.everything else _checks(self.grid.size - count))

    def _random_checks(self) -> list[int]:
        """Random points among those not computed; the choice depends on their number only."""
        left = self._unseen()
        count = _checks(len(left))
        generator = np.random.Generator(np.random.Philox(key=len(left)))
        return sorted(generator.choice(left, count, replace=False).tolist()) if count else []

    def _passed(self, errors: np.ndarray) -> bool:
        share = float((errors <= self.tolerance).mean())
        return share >= CHECK_SHARE and bool((errors <= CHECK_WORST * self.tolerance).all())

    def _compute_all(self) -> Iterator[list[int]]:
        self.everything = True
        left = self._unseen()
        yield left
        self._surrogate.update(left, self.results)

    def _unseen(self) -> list[int]:
        return np.flatnonzero(~self._surrogate.seen).tolist()

    def _numbers(self, places: Iterable[Index]) -> list[int]:
        return sorted({int(np.ravel_multi_index(place, self.grid.shape)) for place in places})


def fewest_points(grid: Grid, through: Sequence[float] = (0.0,)) -> int:
    """The points of a smooth surface with all checks; at once, also where the lattice of the grid has millions of cells."""
    points = min(grid.size, _smooth_points(_lattice_axes(grid, through)))
    return points + _checks(grid.size - points)


def _checks(left: int) -> int:
    """How many of the points that are left are computed as checks."""
    return min(MAX_CHECKS, -(-left // CHECK_EVERY))


def _smooth_points(axes: Sequence[Sequence[int]]) -> int:
    """Corners of all cells, and their middles."""
    return math.prod(map(len, axes)) + math.prod(len(axis) - 1 for axis in axes)


def _lattice_axes(grid: Grid, through: Sequence[float]) -> list[list[int]]:
    return [_lattice_indices(axis.values, STRIDE[grid.ndim], through) for axis in reversed(grid.axes)]


def _lattice_indices(values: np.ndarray, stride: int, through: Sequence[float]) -> list[int]:
    """Lattice indices of an axis, including the points nearest to the coordinates `through` within its range."""
    inside = [value for value in through if values[0] <= value <= values[-1]]
    return knots(len(values), stride, [int(np.abs(values - value).argmin()) for value in inside])
