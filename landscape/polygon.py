"""Convex polygons: what is left of one beyond a line, or within half-planes, and its area. Knows nothing of what they outline."""

from __future__ import annotations

import numpy as np


def below(corners: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """The part (k, d) of a polygon (m, d) where heights (m,), linear between corners, are at most 0; k may be 0.

    I. Sutherland, G. Hodgman, CACM 17, 1974.
    """
    kept: list[np.ndarray] = []
    for here, there, height, other in zip(
        corners, np.roll(corners, -1, axis=0), heights, np.roll(heights, -1), strict=True
    ):
        if height <= 0:
            kept.append(here)
        if (height <= 0) != (other <= 0):
            kept.append(here + (there - here) * (height / (height - other)))
    return np.array(kept).reshape(-1, corners.shape[1])


def cut(polygon: np.ndarray, normals: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """The part (k, 2) of a polygon (m, 2) where normals (n, 2) · place <= bounds (n,), bounds above 0; k may be 0.

    The half-plane that a corner lies furthest out of is cut off until none is: few of many are met.

    >>> square = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    >>> float(cut(square, np.array([[1.0, 0.0]]), np.array([0.5]))[:, 0].max())
    0.5
    """
    scale = np.maximum(np.linalg.norm(normals, axis=1), 1e-300)
    normals, bounds = normals / scale[:, None], bounds / scale
    reach = 1e-9 * np.abs(polygon).max()
    while len(polygon):
        beyond = polygon @ normals.T - bounds
        worst = int(beyond.max(axis=0).argmax())
        if beyond[:, worst].max() <= reach:
            break
        polygon = below(polygon, beyond[:, worst])
    return polygon


def area(corners: np.ndarray) -> float:
    """That of a polygon (k, 2), by the shoelace formula."""
    x, y = corners.T if len(corners) else (np.zeros(0), np.zeros(0))
    return abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2
