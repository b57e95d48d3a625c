"""The fine mesh that a smooth picture is drawn from.

Owns: `Mesh`: refined heights, and the light that falls on them, computed when a relief asks for it: maps need none, and it takes
longer than all else of a view. How heights are refined and lit is decided in refine.py and light.py.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from landscape.scene.scale import Scale
from landscape.scene.scene import Camera
from landscape.scene.views.light import light
from landscape.scene.views.refine import refine

# What is cut off casts no shade, but the slope at the cut is that of what goes on beyond it.
BEYOND = 0.05


@dataclass(frozen=True, eq=False)
class Mesh:
    """The heights between the grid points, for smooth display: z (my, mx) passes through every grid point.

    Beyond the ends of the scale it goes on, by the height of the range at most, and is not drawn there.

    `shade` (my, mx) is the brightness of the relief, 1 on level ground; see `palettes.lit`.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    scale: Scale
    camera: Camera

    @functools.cached_property
    def shade(self) -> np.ndarray:
        low, high = self.scale.low, self.scale.high
        beyond = BEYOND * (high - low)
        return light(self.x, self.y, np.clip(self.z, low - beyond, high + beyond), low, high, self.camera)


def mesh_of(x: np.ndarray, y: np.ndarray, heights: np.ndarray, scale: Scale, camera: Camera) -> Mesh:
    """The mesh through heights (ny, nx), lit as seen from the camera."""
    fine_x, fine_y, z = refine(x, y, heights)
    return Mesh(fine_x, fine_y, z, scale, camera)
