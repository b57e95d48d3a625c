"""Reliefs as triangles, through trimesh: .stl to print, .ply, .obj and .glb to look at.

Owns: axes, units and colours of each format. The shape is that of scene/views/body.py. trimesh is an extra and is loaded here
only; it needs nothing but numpy.

A unit of .glb is a metre, and y is upwards (glTF 2.0, section 3.4). What reads .obj takes y to be upwards too; in .ply and .stl z
is. A unit of .stl is a millimetre, as printers take it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from landscape.errors import LandscapeError, UsageError
from landscape.exporters.relief import ReliefShape, shape_of
from landscape.printable import printable
from landscape.scene import colors
from landscape.scene.views.body import Body, sheet_of, solid_of
from landscape.surfaces.surface import Surface

# Millimetres: the side of a small printer's bed is 180 or more.
WIDTH = 100.0
SMALLEST, LARGEST = 1.0, 10_000.0
# Of the image of a colour map; as many as a picture has colours.
TEXELS, TEXTURE_ROWS = 512, 8


def write_stl(surface: Surface, path: Path, *, width: float = WIDTH, **drawing: Any) -> None:
    """A closed body whose longer side is `width` millimetres."""
    if not SMALLEST <= width <= LARGEST:
        raise UsageError(
            f"width {width:g}: expected {SMALLEST:g} to {LARGEST:g} millimetres of the longer side, such as {WIDTH:g}"
        )
    shape = shape_of(surface, "stl", **drawing)
    solid = solid_of(shape.field, shape.camera, width)
    path.write_bytes(_mesh(solid, solid.points).export(file_type="stl"))


def write_ply(surface: Surface, path: Path, **drawing: Any) -> None:
    """The relief with a colour at each point."""
    shape = shape_of(surface, "ply", **drawing)
    sheet = sheet_of(shape.field, shape.camera)
    path.write_bytes(_mesh(sheet, sheet.points, colored=True).export(file_type="ply"))


def write_obj(surface: Surface, path: Path, **drawing: Any) -> None:
    """The relief with a colour at each point, in the form that most readers know: behind the coordinates."""
    shape = shape_of(surface, "obj", **drawing)
    sheet = sheet_of(shape.field, shape.camera)
    text = _mesh(sheet, _standing(sheet.points), colored=True).export(file_type="obj", header=_said(shape))
    path.write_text(text, encoding="utf-8")


def write_glb(surface: Surface, path: Path, **drawing: Any) -> None:
    """The relief under a picture of its colour map, with the facts of the run as `extras` of the mesh.

    An image and not colours of points: glTF has images in sRGB and colours of points in linear light, which programs mix up or
    leave out; and between two points an image follows the map.
    """
    shape = shape_of(surface, "glb", **drawing)
    sheet = sheet_of(shape.field, shape.camera)
    mesh = _mesh(sheet, _standing(sheet.points))
    mesh.visual = _painted(sheet.shares, shape.field.colors)
    mesh.metadata.update(title=shape.title, notes=list(shape.notes), provenance=surface.provenance)
    path.write_bytes(mesh.export(file_type="glb", include_normals=True))


def _painted(shares: np.ndarray, stops: tuple[str, ...]) -> Any:
    """Points at (n,) shares of a colour map, on an image of it from left to right."""
    from PIL import Image
    from trimesh.visual import TextureVisuals
    from trimesh.visual.material import PBRMaterial

    row = np.rint(255 * colors.between(stops, np.linspace(0, 1, TEXELS))).astype(np.uint8)
    image = Image.fromarray(np.broadcast_to(row, (TEXTURE_ROWS, TEXELS, 3)).copy())
    # from the middle of the first texel to that of the last: at the very edge an image goes on with its other end
    across = (0.5 + shares * (TEXELS - 1)) / TEXELS
    paint = PBRMaterial(baseColorTexture=image, metallicFactor=0.0, roughnessFactor=0.85, doubleSided=True)
    return TextureVisuals(np.column_stack([across, np.full_like(across, 0.5)]), material=paint)


def _mesh(body: Body, points: np.ndarray, *, colored: bool = False) -> Any:
    """The triangles as trimesh has them."""
    try:
        import trimesh
    except ImportError:
        raise LandscapeError("meshes need trimesh: pip install 'nn-landscape[mesh]'") from None
    paint = np.rint(255 * body.colors).astype(np.uint8) if colored else None
    return trimesh.Trimesh(points, body.triangles, vertex_colors=paint, process=False)


def _standing(points: np.ndarray) -> np.ndarray:
    """From z upwards to y upwards, without a mirror."""
    x, y, z = points.T
    return np.column_stack([x, z, -y])


def _said(shape: ReliefShape) -> str:
    """A comment of one line; trimesh puts the sign of one before it."""
    return printable(" · ".join([shape.title, shape.field.label, *shape.notes]))
