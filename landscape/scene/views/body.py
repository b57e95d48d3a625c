"""A relief as triangles in space: an open sheet to look at, or a closed body to print.

Owns: which cells of the mesh have triangles, where their corners stand, their colours, and the walls and the floor that close a
relief. Knows no file format.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape.scene import colors
from landscape.scene.scene import Camera
from landscape.scene.views.field import Field

# The floor lies this share of the width below the lowest height of the scale: thick enough to print, thin enough not to be seen.
BASE = 0.04


@dataclass(frozen=True, eq=False)
class Body:
    """Triangles in space.

    `points` (n, 3): x and y of the plane, z upwards. `triangles` (m, 3): numbers of points, anticlockwise seen from outside (a
    sheet: from above). `shares` (n,): how high each point stands between the ends of the scale, 0 to 1. `colors` (n, 3): sRGB
    from 0 to 1, those of the picture before light falls on it.
    """

    points: np.ndarray
    triangles: np.ndarray
    shares: np.ndarray
    colors: np.ndarray


def sheet_of(field: Field, camera: Camera) -> Body:
    """The relief in the box that the picture has it in: centred in x and y, its longer side 1, the lowest height of the scale 0.

    Cells with a hole at a corner have no triangles.
    """
    mesh, scale = field.mesh, field.scale
    wide, deep, tall = camera.box
    x, y = np.meshgrid(_share(mesh.x) - 0.5, _share(mesh.y) - 0.5)
    share = (mesh.z - scale.low) / (scale.high - scale.low)
    points = np.stack([wide * x, deep * y, tall * share], axis=-1).reshape(-1, 3)
    triangles = _triangles(drawn_cells(mesh.z))
    used, compact = np.unique(triangles, return_inverse=True)
    known = share.ravel()[used]
    return Body(points[used], compact.reshape(-1, 3), known, colors.between(field.colors, known))


def solid_of(field: Field, camera: Camera, width: float) -> Body:
    """The relief closed with walls and a floor at z = 0; its longer side is `width`.

    The floor lies BASE below the lowest height of the scale, not of this relief: bodies on one scale can be compared. Holes go
    through the body.
    """
    sheet = sheet_of(field, camera)
    wide, deep, _ = camera.box
    top = sheet.points * (width / max(wide, deep)) + (0, 0, BASE * width)
    count = len(top)
    edges = _rim(sheet.triangles)
    first, second = edges.T
    walls = [np.column_stack([second, first, first + count]), np.column_stack([second, first + count, second + count])]
    floor = sheet.triangles[:, ::-1] + count
    return Body(
        np.concatenate([top, top * (1, 1, 0)]),
        np.concatenate([sheet.triangles, *walls, floor]),
        np.tile(sheet.shares, 2),
        np.tile(sheet.colors, (2, 1)),
    )


def drawn_cells(heights: np.ndarray) -> np.ndarray:
    """(ny, nx) -> (ny - 1, nx - 1) bool: the cells with heights at all four corners, but for a few that would leave a seam.

    Two cells that meet only at a corner would share an edge of a body with two others, and no such body can be printed: one of
    the two is left out.
    """
    known = np.isfinite(heights)
    cells = known[:-1, :-1] & known[:-1, 1:] & known[1:, :-1] & known[1:, 1:]
    while (seams := _seams(cells)).any():
        cells[:-1, :-1] &= ~seams
        cells[:-1, 1:] &= ~seams
    return cells


def _seams(cells: np.ndarray) -> np.ndarray:
    """(n, m) -> (n - 1, m - 1) bool: where of the four cells around a point two are there that do not touch otherwise."""
    one, right, left, other = cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]
    return (one & other & ~left & ~right) | (left & right & ~one & ~other)


def _share(values: np.ndarray) -> np.ndarray:
    """From 0 to 1; divided first, as the difference of two large numbers may be infinite."""
    size = np.abs(values).max()
    near = values / size
    return (near - near[0]) / (near[-1] - near[0])


def _triangles(cells: np.ndarray) -> np.ndarray:
    """(m, 3): two for each cell, by numbers of the points of the grid around the cells."""
    rows, columns = np.nonzero(cells)
    across = cells.shape[1] + 1
    corner = rows * across + columns
    right, above, opposite = corner + 1, corner + across, corner + across + 1
    return np.stack([corner, right, opposite, corner, opposite, above], axis=-1).reshape(-1, 3)


def _rim(triangles: np.ndarray) -> np.ndarray:
    """(k, 2): the sides of triangles that no other triangle shares, in the direction of their own."""
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    size = triangles.max() + 1
    there, back = sides @ (size, 1), sides @ (1, size)
    return sides[~np.isin(there, back)]
