"""The ground that a basin covers.

Owns: the points of a component of a sublevel set, how wide it is, and its area and volume. Knows arrays only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landscape.topology.merge_tree import EIGHT, MergeTree


@dataclass(frozen=True, eq=False)
class Region:
    """A component below a level: its points as a mask (same shape), and measures of it.

    `width` is the side in points of the largest square (on a line, the longest run of points) that fits into it; `area` the area
    of its cells in units of the axes (on a line, a length); `volume` what would fill it to the level.
    """

    mask: np.ndarray
    level: float
    width: int
    area: float
    volume: float


def component(inside: np.ndarray, point: int, neighbours: int) -> np.ndarray:
    """Same shape: the points of a mask that a path within it joins to `point`; none where that lies outside."""
    from scipy.ndimage import generate_binary_structure, label

    parts, _ = label(inside, generate_binary_structure(inside.ndim, inside.ndim if neighbours == EIGHT else 1))
    return parts == parts.flat[point] if parts.flat[point] else np.zeros(inside.shape, dtype=bool)


def region_of(tree: MergeTree, point: int, level: float, cells: np.ndarray) -> Region:
    """The component of `point` strictly below a level; `cells` (same shape) are the areas of the points' cells."""
    with np.errstate(invalid="ignore", over="ignore"):
        mask = component(tree.values < level, point, tree.neighbours)
        volume = float(((level - tree.values[mask]) * cells[mask]).sum())
    return Region(mask, level, width_of(mask), float(cells[mask].sum()), volume)


def width_of(mask: np.ndarray) -> int:
    """The side in points of the largest square, or run, within a mask."""
    if mask.ndim == 1:
        edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
        return int(max(edges[1::2] - edges[::2], default=0))
    if not mask.any():
        return 0
    rows, columns = (slice(each.min(), each.max() + 1) for each in np.nonzero(mask))
    sums = np.pad(mask[rows, columns].cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    least, most = 1, min(sums.shape) - 1
    while least < most:  # where a square fits, every smaller one does
        side = (least + most + 1) // 2
        within = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
        least, most = (side, most) if (within == side * side).any() else (least, side - 1)
    return least


def cell_areas(axes: Sequence[np.ndarray]) -> np.ndarray:
    """(ny, nx) or (nx,): products of the widths of cells, which end half way to the neighbours; `axes` are x and y.

    >>> cell_areas([np.array([0.0, 1.0, 3.0])]).tolist()
    [0.5, 1.5, 1.0]
    """
    widths = [_widths(values) for values in axes]
    return widths[0] if len(widths) == 1 else np.multiply.outer(widths[1], widths[0])


def _widths(values: np.ndarray) -> np.ndarray:
    if len(values) < 2:
        return np.ones(len(values))
    edges = np.concatenate([values[:1], (values[:-1] + values[1:]) / 2, values[-1:]])
    return np.diff(edges)
