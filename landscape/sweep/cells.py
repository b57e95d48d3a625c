"""Cells of grid points, for adaptive refinement.

Owns: the coarse lattice over a grid of one or two dimensions, the points of a cell that are tested, and its division.
Works on grid indices (iy, ix), or (ix,); knows no values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

Index = tuple[int, ...]


class Cell(NamedTuple):
    """The grid points from `low` to `high`, corners included; its width in a dimension may be 0."""

    low: Index
    high: Index

    @property
    def middle(self) -> Index:
        return tuple((a + b) // 2 for a, b in zip(self.low, self.high, strict=True))

    def corners(self) -> list[Index]:
        return list(product(*({a, b} for a, b in zip(self.low, self.high, strict=True))))

    def edge_middles(self) -> list[Index]:
        """The points other than the middle that a division needs: the middles of the sides."""
        ends = list(zip(self.low, self.middle, self.high, strict=True))
        points = {
            point for point in product(*ends) if sum(p == m for p, (_, m, _) in zip(point, ends, strict=True)) == 1
        }
        return sorted(points - set(self.corners()) - {self.middle}) if len(ends) > 1 else []

    def children(self) -> list[Cell]:
        """The parts around the middle that hold points other than their own corners."""
        halves = [
            [(a, m), (m, b)] if a < m < b else [(a, b)]
            for a, m, b in zip(self.low, self.middle, self.high, strict=True)
        ]
        boxes = [Cell(tuple(a for a, _ in sides), tuple(b for _, b in sides)) for sides in product(*halves)]
        return [box for box in boxes if box != self and box.divisible]

    @property
    def size(self) -> int:
        """Area, in grid steps."""
        return math.prod(b - a for a, b in zip(self.low, self.high, strict=True))

    @property
    def divisible(self) -> bool:
        return any(b - a > 1 for a, b in zip(self.low, self.high, strict=True))


def knots(count: int, stride: int, through: Sequence[int] = ()) -> list[int]:
    """Indices of about every `stride`-th of `count` points, including both ends and the indices `through`.

    >>> knots(51, 4, [25])
    [0, 4, 8, 12, 16, 20, 25, 29, 33, 37, 41, 45, 50]
    """
    fixed = sorted({0, count - 1, *through})
    found = {0}
    for start, stop in zip(fixed, fixed[1:], strict=False):
        parts = max(1, round((stop - start) / stride))
        found |= {start + (stop - start) * part // parts for part in range(parts + 1)}
    return sorted(found)


class LatticeRound(NamedTuple):
    """Points of a lattice, and how far they are at most from their nearest neighbours in it, in grid steps.

    `spacing` falls by the root of 2 or by 2 from round to round, also where the number of points is odd.
    """

    places: list[Index]
    spacing: float


def coarse_to_fine(axes: Sequence[Sequence[int]]) -> Iterator[LatticeRound]:
    """All points whose index in each dimension is among `axes`: first the ends and middles, then ever finer lattices.

    In a plane the middles of the cells come before those of their sides, which then have four neighbours at the same distance.

    >>> [(len(places), round(spacing, 1)) for places, spacing in coarse_to_fine([range(5), range(5)])]
    [(9, 2.8), (4, 1.4), (12, 1.0)]
    """
    sides = [_bisections(marks) for marks in axes]
    seen: set[Index] = set()
    levels, finest = max(map(len, sides)), float(max(np.diff(marks).max(initial=0) for marks in axes))
    for level in range(levels):
        places = set(product(*(side[min(level, len(side) - 1)] for side in sides)))
        gap = finest * 2 ** (levels - 1 - level)
        known = [{place[axis] for place in seen} for axis in range(len(axes))]
        middles = {place for place in places if not any(i in marks for i, marks in zip(place, known, strict=True))}
        rounds = (middles, gap * len(axes) ** 0.5), (places - seen - middles, gap)
        yield from (LatticeRound(sorted(new), spacing) for new, spacing in rounds if new)
        seen |= places


def _bisections(marks: Sequence[int]) -> list[list[int]]:
    """The ends and the middle of `marks`, then these with the middles of the gaps, and so on to all of them."""
    places = sorted({0, len(marks) // 2, len(marks) - 1})
    found = [places]
    while len(places) < len(marks):
        places = sorted({*places, *((a + b) // 2 for a, b in zip(places, places[1:], strict=False))})
        found.append(places)
    return [[marks[place] for place in level] for level in found]


def lattice(axes: Sequence[Sequence[int]]) -> list[Cell]:
    """The cells between neighbouring knots of each axis."""
    sides = [list(zip(marks, marks[1:], strict=False)) for marks in axes]
    return [Cell(tuple(a for a, _ in box), tuple(b for _, b in box)) for box in product(*sides)]
