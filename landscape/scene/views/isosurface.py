"""Isosurfaces: where the heights of a volume are those of a level, as triangles.

Owns: the division of each cell into six tetrahedra around its diagonal, and the one or two triangles in which a tetrahedron is
cut by a level that is interpolated linearly along its edges (A. Doi, A. Koide, IEICE Transactions E74, 1991). A cell with a hole
at a corner has none.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

# Each path along the edges of a cell from corner 000 to corner 111 is a tetrahedron: (6, 4, 3) offsets in z, y, x.
TETRAHEDRA = np.array(
    [np.cumsum([[0, 0, 0], *np.eye(3, dtype=int)[list(order)]], axis=0) for order in permutations(range(3))]
)


def isosurface(axes: tuple[np.ndarray, np.ndarray, np.ndarray], heights: np.ndarray, level: float) -> np.ndarray:
    """(n, 3, 3) the corners x, y, z of the triangles at `level`; `axes` are x, y and z of `heights` (nz, ny, nx)."""
    cells = _crossed(heights, level)
    if not len(cells):
        return np.zeros((0, 3, 3))
    corners = (cells[:, None, None, :] + TETRAHEDRA).reshape(-1, 4, 3)
    values = heights[tuple(np.moveaxis(corners, -1, 0))]
    x, y, z = axes
    places = np.stack([x[corners[..., 2]], y[corners[..., 1]], z[corners[..., 0]]], axis=-1)
    below = values < level
    count = below.sum(axis=1)
    order = np.argsort(~below, axis=1, kind="stable")  # corners below the level first
    values, places = np.take_along_axis(values, order, 1), np.take_along_axis(places, order[..., None], 1)

    def triangles(kept: int, *edges: tuple[int, int]) -> np.ndarray:
        chosen = count == kept
        return np.stack([_between(values[chosen], places[chosen], level, *edge) for edge in edges], axis=1)

    return np.concatenate([
        triangles(1, (0, 1), (0, 2), (0, 3)),
        triangles(3, (0, 3), (1, 3), (2, 3)),
        triangles(2, (0, 2), (0, 3), (1, 3)),
        triangles(2, (0, 2), (1, 3), (1, 2)),
    ])  # fmt: skip


def _crossed(heights: np.ndarray, level: float) -> np.ndarray:
    """(n, 3) the first corners of the cells whose corners all have a height and lie on both sides of the level."""
    nz, ny, nx = (size - 1 for size in heights.shape)
    parts = [heights[k : k + nz, j : j + ny, i : i + nx] for k in (0, 1) for j in (0, 1) for i in (0, 1)]
    low, high = np.minimum.reduce(parts), np.maximum.reduce(parts)  # NaN where a corner is a hole
    return np.argwhere((low < level) & (high >= level))


def _between(values: np.ndarray, places: np.ndarray, level: float, first: int, last: int) -> np.ndarray:
    """(n, 3) the places where the edges from one corner to another reach the level."""
    share = (level - values[:, first]) / (values[:, last] - values[:, first])
    return places[:, first] + share[:, None] * (places[:, last] - places[:, first])
