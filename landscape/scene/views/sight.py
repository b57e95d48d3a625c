"""Which points of a relief are seen, and which lie behind a ridge; and from which side most of its lowest points are seen.

Owns: the test along the line of sight, which is parallel to the direction of the camera everywhere: the eye is far away. And how
high a pin must be to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.scene.scene import Camera
from landscape.scene.views.light import eye_of
from landscape.scene.views.mesh import Mesh
from landscape.scene.views.traces import heights_at

# Places along the line of sight, which is at most as long as the box is wide and deep; and what a ridge must rise above it,
# as a share of the height of the box.
STEPS, RISE = 400, 0.01
# Views in the order in which they are tried, as degrees from the usual one, upwards and around: the first that shows this share
# of the lowest points is taken, which are those up to this percentile.
UPWARDS, AROUND = (0.0, 14.0, 28.0), (0.0, 90.0, -90.0, 180.0)
ENOUGH, LOWEST = 0.35, 5.0


def in_sight(mesh: Mesh, camera: Camera, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(n,) whether nothing of the mesh is between the points (x, y, height z), each (n,), and the eye.

    What lies above the drawn range is cut off, and hides nothing.
    """
    scale = mesh.scale
    spans = np.array([np.ptp(mesh.x), np.ptp(mesh.y), scale.high - scale.low])
    step = eye_of(camera) * spans / np.array(camera.box)
    reach = np.hypot(*camera.box[:2])
    seen = np.ones(len(x), dtype=bool)
    for t in np.linspace(0, reach, STEPS)[1:]:
        there = heights_at(mesh, x + t * step[0], y + t * step[1])
        seen &= ~((there - (z + t * step[2]) > RISE * spans[2]) & (there <= scale.high))
    return seen


def height_in_sight(mesh: Mesh, camera: Camera, x: float, y: float, z: float) -> float:
    """The least height above the place (x, y), `z` or more, from which nothing of the mesh is between it and the eye."""
    scale = mesh.scale
    spans = np.array([np.ptp(mesh.x), np.ptp(mesh.y), scale.high - scale.low])
    step = eye_of(camera) * spans / np.array(camera.box)
    t = np.linspace(0, np.hypot(*camera.box[:2]), STEPS)[1:]
    there = heights_at(mesh, x + t * step[0], y + t * step[1])
    needed = np.where(there <= scale.high, there - t * step[2], np.nan)
    return float(np.nanmax([z, *needed]))


def clearest(meshes: Sequence[Mesh], camera: Camera) -> Camera:
    """The camera, or another where ridges hide the valleys of a mesh from it: they are what a reader looks for."""
    tried: list[tuple[float, Camera]] = []
    for up in UPWARDS:
        for around in AROUND:
            moved = replace(camera, elevation=camera.elevation + up, azimuth=_turned(camera.azimuth, around))
            seen = _lowest_seen(meshes, moved)
            if seen >= ENOUGH:
                return moved
            tried.append((seen, moved))
    return max(tried, key=lambda each: each[0])[1]


def _lowest_seen(meshes: Sequence[Mesh], camera: Camera) -> float:
    """The share of the lowest points that are seen, the least of all meshes."""
    shares = [1.0]
    for mesh in meshes:
        known = np.isfinite(mesh.z)
        if known.any():
            rows, columns = np.nonzero(known & (mesh.z <= np.percentile(mesh.z[known], LOWEST)))
            x, y, z = mesh.x[columns], mesh.y[rows], mesh.z[rows, columns]
            shares.append(float(in_sight(mesh, camera, x, y, z).mean()))
    return min(shares)


def _turned(azimuth: float, side: float) -> float:
    """Degrees from -180 to 180."""
    return (azimuth + side + 180.0) % 360.0 - 180.0
