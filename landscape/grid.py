"""The points of a landscape: named axes and the regular grid that they span.

Owns: the parsing of `from:to:points`, the values of an axis, and the numbering of grid points. Does not know what is
evaluated at a point or how it is stored.

Arrays over a grid have shape (ny, nx), (nx,) in one dimension, or (nz, ny, nx) in three. Point number k is [iy, ix] =
divmod(k, nx).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from landscape.errors import UsageError

MAX_POINTS_PER_AXIS = 100_000
# Eight bytes each for every metric, and several times that while a tolerance decides.
MAX_POINTS = 25_000_000
# The kinds of an axis. Steps along a direction from a net, and steps of training:
DIRECTION, STEP = "direction", "step"
# A variable of a function.
COORDINATE = "coordinate"
# The place on a path between nets, from 0 to 1, and the number of the path.
CURVE, PATH = "curve", "path"
# A parameter of a curve or a surface within a plane, such as an angle; 0 is not the net.
PARAMETER = "parameter"


@dataclass(frozen=True)
class Range:
    """`points` equally spaced values from `start` to `stop`, both included."""

    start: float
    stop: float
    points: int

    def __str__(self) -> str:
        return f"{self.start:g}:{self.stop:g}:{self.points}"

    @property
    def values(self) -> np.ndarray:
        """(points,) float64. Each value is computed from the ends alone, so the middle of -a:a is exactly 0."""
        i = np.arange(self.points, dtype=np.float64)
        last = self.points - 1
        values = (self.start * (last - i) + self.stop * i) / last
        values[0], values[-1] = self.start, self.stop  # a * n / n is not always a
        return values


def parse_range(spec: str | tuple | Range, *, name: str = "x") -> Range:
    """Reads `-1:1:51` or (-1, 1, 51).

    Raises:
        UsageError: another form, fewer than two points, or ends that are not finite and in rising order.

    >>> parse_range("-1:1:5").values.tolist()
    [-1.0, -0.5, 0.0, 0.5, 1.0]
    """
    if isinstance(spec, Range):
        return spec
    parts = spec.split(":") if isinstance(spec, str) else list(spec) if isinstance(spec, (tuple, list)) else [spec]
    shown = spec if isinstance(spec, str) else ":".join(map(str, parts))
    hint = f"{name} range '{shown}': expected from:to:points, such as -1:1:51"
    if len(parts) != 3:
        raise UsageError(hint)
    try:
        start, stop, points = float(parts[0]), float(parts[1]), int(parts[2])
    except (TypeError, ValueError, OverflowError):
        raise UsageError(hint) from None
    if not isinstance(parts[2], str) and points != parts[2]:
        raise UsageError(hint)
    if not (np.isfinite(start) and np.isfinite(stop)):
        raise UsageError(f"{hint}; both ends must be finite")
    if points < 2 or points > MAX_POINTS_PER_AXIS:
        raise UsageError(f"{hint}; the number of points must be from 2 to {MAX_POINTS_PER_AXIS}, not {points}")
    if start >= stop:
        raise UsageError(f"{hint}; 'from' must be smaller than 'to', and {start:g} is not smaller than {stop:g}")
    return Range(start, stop, points)


def check_size(ranges: Sequence[Range]) -> None:
    """Raises UsageError for more points than a result can hold in memory, before any is made."""
    count = math.prod(each.points for each in ranges)
    if count > MAX_POINTS:
        shown = " x ".join(str(each.points) for each in ranges)
        raise UsageError(f"{shown} points are {count:,}: expected at most {MAX_POINTS:,}; take coarser ranges or parts")


def from_net(axis: str, first: str, second: str) -> str:
    """The label of an axis that leads from one net, at 0, to another, at 1."""
    return f"{axis}: {first} (0) to {second} (1)"


@dataclass(frozen=True, eq=False)
class Axis:
    """One coordinate: its values (n,) float64, and its label in figures."""

    name: str
    values: np.ndarray
    label: str = ""
    kind: str = DIRECTION

    @property
    def origin(self) -> int:
        """The index that others are counted from: of coordinate 0, else the middle; of training steps the first."""
        if self.kind == STEP:
            return 0
        zero = np.flatnonzero(self.values == 0.0)
        return int(zero[0]) if len(zero) else len(self.values) // 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", np.ascontiguousarray(self.values, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Grid:
    """The points spanned by one axis (x), two (x, y) or three (x, y, z)."""

    axes: tuple[Axis, ...] = field(default_factory=tuple)

    @classmethod
    def of(cls, *ranges: Range, labels: tuple[str, ...] = ()) -> Grid:
        """A grid over the given ranges; the first is x, the second y, the third z."""
        names = "xyz"
        labels = labels or tuple("" for _ in ranges)
        return cls(tuple(Axis(names[i], r.values, labels[i]) for i, r in enumerate(ranges)))

    @property
    def ndim(self) -> int:
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """(nz, ny, nx), (ny, nx) or (nx,): the last axis of an array is always x."""
        return tuple(len(axis.values) for axis in reversed(self.axes))

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    def lattice(self, every: int) -> tuple[np.ndarray, ...]:
        """For each axis of an array, every `every`-th index, counted from its `origin`."""
        return tuple(np.arange(axis.origin % every, len(axis.values), every) for axis in reversed(self.axes))

    def coordinates(self, index: int) -> tuple[float, ...]:
        """(x, y) or (x, y, z) of point number `index`."""
        position = np.unravel_index(index, self.shape)
        return tuple(float(axis.values[i]) for axis, i in zip(self.axes, reversed(position), strict=True))

    @property
    def farthest(self) -> tuple[float, ...]:
        """(x, y) or (x, y, z) of the corner that is farthest from zero along each axis."""
        return tuple(max(map(float, axis.values), key=abs) for axis in self.axes)

    def same_as(self, other: Grid) -> bool:
        """Whether both grids have axes of the same names and exactly the same values."""
        return self.shape == other.shape and all(
            a.name == b.name and np.array_equal(a.values, b.values) for a, b in zip(self.axes, other.axes, strict=True)
        )
