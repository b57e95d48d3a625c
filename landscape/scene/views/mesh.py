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


@dataclass(frozen=True, eq=False)
class Mesh:
    """The heights between the grid points, for smooth display: z (my, mx) passes through every grid point.

    `shade` (my, mx) multiplies the colour and `gloss` (my, mx) adds white: the light that falls on the relief.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    scale: Scale
    camera: Camera

    @property
    def shade(self) -> np.ndarray:
        return self._light[0]

    @property
    def gloss(self) -> np.ndarray:
        return self._light[1]

    @functools.cached_property
    def _light(self) -> tuple[np.ndarray, np.ndarray]:
        return light(self.x, self.y, self.z, self.scale.low, self.scale.high, self.camera)


def mesh_of(x: np.ndarray, y: np.ndarray, heights: np.ndarray, scale: Scale, camera: Camera) -> Mesh:
    """The mesh through heights (ny, nx), lit as seen from the camera."""
    fine_x, fine_y, z = refine(x, y, heights)
    return Mesh(fine_x, fine_y, z, scale, camera)
