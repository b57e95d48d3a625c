"""The relief of a surface as its picture shows it, for formats that hold a shape.

Owns: which surfaces have a relief, and one line on those that have none. What is high, coloured and left out is decided in
scene/. Knows no format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape.errors import LandscapeError, UsageError
from landscape.scene.build import build_scene
from landscape.scene.scene import Camera
from landscape.scene.thin import thinned
from landscape.scene.views.field import Field
from landscape.scene.views.relief import Relief
from landscape.surfaces.barriers import has_paths
from landscape.surfaces.surface import Surface

INSTEAD = "export it as .csv, .npz or .nc"


@dataclass(frozen=True, eq=False)
class ReliefShape:
    """`field` and `camera` of the picture, its `title` and `notes`, and the `surface` on the points of the field."""

    field: Field
    camera: Camera
    title: str
    notes: tuple[str, ...]
    surface: Surface


def shape_of(surface: Surface, form: str, **drawing: Any) -> ReliefShape:
    """The relief of a surface for a format called `form`; `drawing` as in `scene.build.build_scene`.

    Raises:
        UsageError: no plane, or fewer than two points along an axis. LandscapeError: no point that can be drawn.
    """
    who = surface.source or "this surface"
    if has_paths(surface):
        raise UsageError(f"{form}: {who} holds paths between nets, expected a plane; {INSTEAD}")
    if surface.ndim > 2:
        raise UsageError(f"{form}: {who} is a volume, expected a plane; export it as .vtr, .vtu, .csv, .npz or .nc")
    if surface.ndim != 2:
        raise UsageError(f"{form}: {who} has one axis, expected a plane of two; {INSTEAD}")
    if min(surface.shape) < 2:
        count = " x ".join(map(str, reversed(surface.shape)))
        raise UsageError(f"{form}: {who} has {count} points, expected at least two along each axis; {INSTEAD}")
    scene = build_scene(surface, kind="surface", **drawing)
    view = scene.views_as(Relief)[0]
    if not np.isfinite(view.field.mesh.z).any():
        raise LandscapeError(
            f"{form}: no four neighbouring points of {view.field.metric} in {who} can be drawn; {INSTEAD}, or compute more"
        )
    return ReliefShape(view.field, scene.camera, scene.title, view.notes, thinned(surface, view.field.metric))
