"""From where a relief is seen when nobody says it: the same for a still, for a page, and for every kind that has a relief.

Owns: which reliefs the choice looks at. What makes a view clear is in `views/sight.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.scene.holes import DRAWN, holes_of
from landscape.scene.scale import Scale
from landscape.scene.scene import Camera
from landscape.scene.thin import thinned
from landscape.scene.views.mesh import Mesh
from landscape.scene.views.sight import clearest
from landscape.surfaces.surface import Surface


def view_for(
    given: tuple[float, float] | None, surfaces: Sequence[Surface], metrics: Sequence[str], scale: Scale
) -> tuple[float, float]:
    """Elevation and azimuth in degrees: those that are given, else those from which the valleys of all reliefs are seen.

    The reliefs are those of each metric of each surface, on one scale. Flat pictures need it too: their pages show the relief.
    """
    if given is not None:
        return given
    usual = Camera()
    meshes = [_coarse_mesh(surface, metric, scale, usual) for surface in surfaces for metric in metrics]
    found = clearest(meshes, usual)
    return found.elevation, found.azimuth


def _coarse_mesh(surface: Surface, metric: str, scale: Scale, camera: Camera) -> Mesh:
    """The heights at the grid points alone: ridges that hide a valley are seen in them."""
    part = thinned(surface, metric)
    drawn = holes_of(part, metric) == DRAWN
    return Mesh(part.x, part.y, scale.heights(np.where(drawn, part.values[metric], np.nan)), scale, camera)
