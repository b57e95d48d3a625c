"""Which points of a relief are seen, and which lie behind a ridge.

Owns: the test along the line of sight, which is parallel to the direction of the camera everywhere: the eye is far away.
"""

from __future__ import annotations

import numpy as np

from landscape.scene.scene import Camera
from landscape.scene.views.light import eye_of
from landscape.scene.views.mesh import Mesh
from landscape.scene.views.traces import heights_at

# Places along the line of sight, which is at most as long as the box is wide and deep; and what a ridge must rise above it,
# as a share of the height of the box.
STEPS, RISE = 400, 0.01


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
