"""The merge tree of the sublevel sets of values on a grid.

Owns: `MergeTree` and `merge_tree`: which points belong together below a level, for all levels at once. Knows arrays only.

A point that is NaN is a hole: no part of the domain. An infinity is a value like any other. Points of equal value are ordered
by their number (simulation of simplicity: Edelsbrunner and Muecke 1990, doi:10.1145/77635.77639), so every result is
deterministic.

Two points are neighbours where their cells touch, at a corner too: 8 neighbours in two dimensions. The values of cells make a
cubical complex, and its sublevel sets are what is meant here: `CubicalComplex(top_dimensional_cells=...)` of GUDHI. With 4
neighbours the values are those of the vertices: `vertices=...`. Whatever is assumed between the points, such as either diagonal
of each cell or bilinear values, connects no more than 8 neighbours do and no less than 4: a basin that 8 neighbours separate is
separate in each of these readings, at a height that is at least as large.

It takes one sort and a few passes over arrays. Each point leads to a minimum by steepest descent, and that path never leaves a
sublevel set; so only minima, and the lowest pass between each two of them, decide what is connected. A minimum spanning forest
of these passes is the tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from landscape.errors import UsageError

EIGHT = 8
NEIGHBOURS = (EIGHT, 4)


@dataclass(frozen=True, eq=False)
class MergeTree:
    """Minima, and the passes at which their components meet, lowest first.

    Points are numbered as in `values.ravel()`. `rank` (same shape) is the place of each point in the order of values, -1 in
    holes; `leaf` (same shape) the number of the minimum that steepest descent leads to, -1 in holes. `minima` (k,) are points,
    in the order of their values. Pass number i joins the components of the minima `ends[i]` (m, 2) at the point `saddles[i]`
    (m,). Components of the domain that never meet have no pass.
    """

    values: np.ndarray
    rank: np.ndarray
    leaf: np.ndarray
    minima: np.ndarray
    ends: np.ndarray
    saddles: np.ndarray
    neighbours: int

    @property
    def domain(self) -> np.ndarray:
        """Same shape: whether a point is part of the domain."""
        return self.rank >= 0

    def at(self, points: np.ndarray) -> np.ndarray:
        """(n,) values of some points."""
        return self.values.ravel()[points]


def merge_tree(values: np.ndarray, neighbours: int = EIGHT) -> MergeTree:
    """The tree of values (nx,) or (ny, nx); on a line the two points beside a point are its neighbours.

    Raises:
        UsageError: another number of axes or of neighbours.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim not in (1, 2):
        raise UsageError(f"values of shape {values.shape}: expected one axis or two")
    if neighbours not in NEIGHBOURS:
        raise UsageError(f"neighbours {neighbours}: expected {' or '.join(map(str, NEIGHBOURS))}")
    order = np.argsort(values.ravel(), kind="stable")
    order = order[: int((~np.isnan(values)).sum())]  # NaN comes last
    rank = np.full(values.shape, -1, dtype=np.int64)
    rank.flat[order] = np.arange(len(order))
    leaf = _descended(rank, order, neighbours)
    ends, at = _passes(rank, leaf, neighbours)
    kept = _spanning(ends, at, int(leaf.max(initial=-1)) + 1)
    minima = order[_is_own(rank, leaf, order)]
    return MergeTree(values, rank, leaf, minima, ends[kept], order[at[kept]], neighbours)


def steps(ndim: int, neighbours: int) -> list[tuple[int, ...]]:
    """One step to each neighbour of a pair, not back: the other half are their negatives.

    >>> steps(1, 8), steps(2, 4), len(steps(2, 8))
    ([(1,)], [(0, 1), (1, 0)], 4)
    """
    found: list[tuple[int, ...]] = [(1,)] if ndim == 1 else [(0, 1), (1, 0)]
    return found + ([(1, 1), (1, -1)] if ndim == 2 and neighbours == EIGHT else [])


def pairs(array: np.ndarray, neighbours: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Views of the two ends of all pairs of neighbours, one step at a time."""
    for step in steps(array.ndim, neighbours):
        here = tuple(slice(max(0, -s), min(n, n - s)) for s, n in zip(step, array.shape, strict=True))
        there = tuple(slice(max(0, s), min(n, n + s)) for s, n in zip(step, array.shape, strict=True))
        yield array[here], array[there]


def _descended(rank: np.ndarray, order: np.ndarray, neighbours: int) -> np.ndarray:
    """Same shape: the number of the minimum below each point, by following the lowest neighbour."""
    hole = len(order)
    own = np.where(rank < 0, hole, rank)
    lowest = own.copy()
    for (here, there), (low_here, low_there) in zip(pairs(own, neighbours), pairs(lowest, neighbours), strict=True):
        np.minimum(low_here, there, out=low_here)
        np.minimum(low_there, here, out=low_there)
    below = lowest.ravel()[order]  # rank -> rank of its lowest neighbour
    while (further := below[below]).tobytes() != below.tobytes():
        below = further
    numbers = np.full(len(order), -1, dtype=np.int64)
    bottoms = np.flatnonzero(below == np.arange(len(order)))
    numbers[bottoms] = np.arange(len(bottoms))
    leaf = np.full(rank.size, -1, dtype=np.int64)
    leaf[order] = numbers[below]
    return leaf.reshape(rank.shape)


def _is_own(rank: np.ndarray, leaf: np.ndarray, order: np.ndarray) -> np.ndarray:
    """(k,) ranks of the minima: the first point of each leaf."""
    return np.unique(leaf.ravel()[order], return_index=True)[1] if len(order) else np.zeros(0, dtype=np.int64)


def _passes(rank: np.ndarray, leaf: np.ndarray, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """((m, 2) leaves that touch, the smaller number first; (m,) rank of the lowest pass between them)."""
    ends, heights = [], []
    for (leaf_a, leaf_b), (rank_a, rank_b) in zip(pairs(leaf, neighbours), pairs(rank, neighbours), strict=True):
        touch = (leaf_a != leaf_b) & (leaf_a >= 0) & (leaf_b >= 0)
        a, b = leaf_a[touch], leaf_b[touch]
        ends.append(np.column_stack([np.minimum(a, b), np.maximum(a, b)]))
        heights.append(np.maximum(rank_a[touch], rank_b[touch]))
    both, height = np.concatenate(ends), np.concatenate(heights)
    in_order = np.lexsort((height, both[:, 1], both[:, 0]))
    both, height = both[in_order], height[in_order]
    first = np.ones(len(both), dtype=bool)
    first[1:] = (both[1:] != both[:-1]).any(axis=1)
    return both[first], height[first]


def _spanning(ends: np.ndarray, height: np.ndarray, count: int) -> np.ndarray:
    """(m,) numbers of the passes of a minimum spanning forest, lowest first."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import minimum_spanning_tree

    if not len(ends):
        return np.zeros(0, dtype=np.int64)
    numbered = csr_matrix((np.arange(1, len(ends) + 1), (ends[:, 0], ends[:, 1])), shape=(count, count))
    # 0 would be no pass; float64 holds every rank exactly
    weighted = csr_matrix((height[numbered.data - 1] + 1.0, numbered.indices, numbered.indptr), shape=(count, count))
    kept = minimum_spanning_tree(weighted).tocoo()
    numbers = np.asarray(numbered[kept.row, kept.col]).ravel() - 1
    return numbers[np.lexsort((ends[numbers, 1], ends[numbers, 0], height[numbers]))]
