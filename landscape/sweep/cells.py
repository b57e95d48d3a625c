"""Boxes of grid points, for looking closer where it is needed.

Owns: the coarse lattice over a grid of one or two dimensions, and how a box is tested and divided. Works on grid
indices (iy, ix), or (ix,); knows no values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

Index = tuple[int, ...]


class Cell(NamedTuple):
    """The grid points from `low` to `high`, corners included; a width may be 0 or more in each dimension."""

    low: Index
    high: Index

    @property
    def middle(self) -> Index:
        return tuple((a + b) // 2 for a, b in zip(self.low, self.high, strict=True))

    def corners(self) -> list[Index]:
        return list(product(*({a, b} for a, b in zip(self.low, self.high, strict=True))))

    def edge_middles(self) -> list[Index]:
        """Where its division needs new points besides the middle: the middles of the sides of a box."""
        ends = list(zip(self.low, self.middle, self.high, strict=True))
        points = {
            point for point in product(*ends) if sum(p == m for p, (_, m, _) in zip(point, ends, strict=True)) == 1
        }
        return sorted(points - set(self.corners()) - {self.middle}) if len(ends) > 1 else []

    def children(self) -> list[Cell]:
        """The parts around the middle that still hold points other than their own corners."""
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
    """Indices of about every `stride`-th of `count` points, with both ends and those of `through` among them.

    >>> knots(51, 4, [25])
    [0, 4, 8, 12, 16, 20, 25, 29, 33, 37, 41, 45, 50]
    """
    fixed = sorted({0, count - 1, *through})
    found = {0}
    for start, stop in zip(fixed, fixed[1:], strict=False):
        parts = max(1, round((stop - start) / stride))
        found |= {start + (stop - start) * part // parts for part in range(parts + 1)}
    return sorted(found)


def lattice(axes: Sequence[Sequence[int]]) -> list[Cell]:
    """The cells between neighbouring knots of each axis."""
    sides = [list(zip(marks, marks[1:], strict=False)) for marks in axes]
    return [Cell(tuple(a for a, _ in box), tuple(b for _, b in box)) for box in product(*sides)]
