"""What lies on the plane: its centre, named nets, and paths.

Owns: `Trace`, the traces of a picture and their heights on the relief. Knows the trails of a surface and the fine mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape.grid import COORDINATE
from landscape.scene.views.mesh import Mesh
from landscape.surfaces.surface import MINIMA, NETS, VALID, Surface, Trail

# The kind of a closed line around a part of the plane.
OUTLINE = "outline"
# The kind of a path of nets, or of an optimizer.
PATH = "path"
# The kinds of the best point of a plane, and of the mean over several.
BEST, BEST_MEAN = "best", "best mean"
# Points on each of its sides: on a relief it follows the ground.
SIDE = 40
# From this share of the width on, names stand to the left of their points, where there is room for them.
NAMES_TURN = 0.7


@dataclass(frozen=True, eq=False)
class Trace:
    """Something that lies in the plane: the centre, named nets, passes or a path; x, y and heights z have shape (n,).

    `kind` is "center", "nets", "saddles", "path", "outline", "best" or "best mean"; `labels` name the points: one each ("" for
    none), or none. `readings` are what hovering over each point shows. `color` "" is that of ink. `sides` (n, 2) are where the
    labels stand beside their points: right (1) or left (-1), above (1) or below (-1); none: all to the upper right. `dashed`: a
    path whose colour another one has. NaN interrupts an outline.
    """

    kind: str
    name: str
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    labels: tuple[str, ...] = ()
    readings: tuple[str, ...] = ()
    color: str = ""
    sides: np.ndarray | None = None
    dashed: bool = False


def traces_of(surface: Surface, mesh: Mesh) -> tuple[Trace, ...]:
    """Paths first, then named points; the centre is marked when no net stands on it, and where there is a net."""
    named = (NETS, MINIMA)
    outlines = [_outline(surface.trails[VALID], mesh)] if VALID in surface.trails else []
    paths = [_trace(PATH, name, trail, mesh) for name, trail in surface.trails.items() if name not in (*named, VALID)]
    nets = [_trace("nets", name, trail, mesh) for name, trail in surface.trails.items() if name in named]
    occupied = any(((t.x == 0) & (t.y == 0)).any() for t in nets)
    formula = any(axis.kind == COORDINATE for axis in surface.grid.axes)
    return (*outlines, *paths, *nets, *([] if occupied or formula else _center(mesh)))


def heights_at(mesh: Mesh, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n,) heights of the mesh at points, bilinear; NaN outside and in holes."""
    column = np.clip(np.searchsorted(mesh.x, x, side="right") - 1, 0, len(mesh.x) - 2)
    row = np.clip(np.searchsorted(mesh.y, y, side="right") - 1, 0, len(mesh.y) - 2)
    right = (x - mesh.x[column]) / (mesh.x[column + 1] - mesh.x[column])
    down = (y - mesh.y[row]) / (mesh.y[row + 1] - mesh.y[row])
    total = np.zeros(len(x))
    for step_y, weight_y in ((0, 1 - down), (1, down)):
        for step_x, weight_x in ((0, 1 - right), (1, right)):
            weight = weight_y * weight_x
            # A corner of no weight may be a hole.
            total += np.where(weight == 0, 0.0, weight * mesh.z[row + step_y, column + step_x])
    outside = (x < mesh.x[0]) | (x > mesh.x[-1]) | (y < mesh.y[0]) | (y > mesh.y[-1])
    return np.where(outside, np.nan, total)


def _trace(kind: str, name: str, trail: Trail, mesh: Mesh) -> Trace:
    x, y = trail.places.T
    if kind == PATH:
        return Trace(kind, name, x, y, heights_at(mesh, x, y), tuple(trail.labels))
    beyond = mesh.x[0] + NAMES_TURN * (mesh.x[-1] - mesh.x[0])
    sides = np.column_stack([np.where(x > beyond, -1.0, 1.0), np.ones(len(x))])
    return Trace(kind, name, x, y, heights_at(mesh, x, y), tuple(trail.labels), sides=sides)


def _outline(trail: Trail, mesh: Mesh) -> Trace:
    """Without the sides that lie on the edge of the plane, which bound the picture and not the part."""
    shares = np.arange(SIDE)[None, :, None] / SIDE
    corners = trail.places
    sides = corners[:-1, None] * (1 - shares) + corners[1:, None] * shares
    x, y = np.concatenate([sides.reshape(-1, 2), corners[-1:]]).T
    edge = [np.abs(each - end) <= 1e-9 * abs(ends[-1] - ends[0]) for each, ends in ((x, mesh.x), (y, mesh.y))
            for end in (ends[0], ends[-1])]  # fmt: skip
    cut = np.flatnonzero(np.any([each[:-1] & each[1:] for each in edge], axis=0)) + 1
    x, y = np.insert(x, cut, np.nan), np.insert(y, cut, np.nan)
    return Trace(OUTLINE, VALID, x, y, heights_at(mesh, x, y))


def _center(mesh: Mesh) -> list[Trace]:
    if not (mesh.x[0] <= 0 <= mesh.x[-1] and mesh.y[0] <= 0 <= mesh.y[-1]):
        return []
    zero = np.zeros(1)
    return [Trace("center", "centre", zero, zero, heights_at(mesh, zero, zero))]
