"""Surfaces for ParaView and PyVista: the computed points themselves, with every metric as float64.

Owns: what is an array of the points, of the cells, and of the whole file, and how holes are left out. The form of the files is
vtk_xml.py's. Nothing between the grid points is made up: the mesh is the grid, not the smooth one of a picture.

x and y are the coordinates of the plane. z is the height of the chosen metric on its scale, times a factor that gives the relief
the proportions of the picture; the file says which (`z`), and the array `height` has the heights themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from landscape.errors import UsageError
from landscape.exporters.relief import ReliefShape, shape_of
from landscape.exporters.vtk_xml import write_polygons, write_structured
from landscape.scene.views.field import worst_corner
from landscape.scene.views.mesh import Mesh
from landscape.scene.views.traces import heights_at
from landscape.surfaces.surface import MINIMA, NETS, Surface, Trail

HEIGHT, GHOSTS, PART = "height", "vtkGhostType", "part"
# What VTK calls a point and a cell that are there but not shown (vtkDataSetAttributes).
HIDDEN_POINT, HIDDEN_CELL = 2, 32
RELIEF = 0


def write_grid(surface: Surface, path: Path, **drawing: Any) -> None:
    """.vts: a structured grid, in which points and cells at holes are hidden."""
    shape = shape_of(surface, "vts", **drawing)
    hole = np.isnan(shape.field.heights)
    cell = worst_corner(hole.astype(np.uint8))
    write_structured(
        path,
        _points(shape),
        point_data={**_arrays(shape), GHOSTS: (HIDDEN_POINT * hole).astype(np.uint8)},
        cell_data={GHOSTS: (HIDDEN_CELL * cell).astype(np.uint8)},
        texts=_texts(shape),
        scalars=shape.field.metric,
    )


def write_cells(surface: Surface, path: Path, **drawing: Any) -> None:
    """.vtp: one polygon for each cell without a hole, paths as lines, named nets as single points.

    The array `part` of the cells says which is which: 0 is the relief, and the others are numbered as in the text `parts`. At the
    points of paths all metrics of the grid are NaN, and `trail:NAME` are the numbers of the trail.
    """
    shape = shape_of(surface, "vtp", **drawing)
    corners, known = _cells(shape.field.heights)
    parts = list(_parts(shape, surface))
    arrays = {name: array.ravel()[known] for name, array in _arrays(shape).items()}
    starts = np.cumsum([known.size, *(len(part.points) for part in parts)])
    verts, lines, of_verts, of_lines = [], [], [], []
    for number, (start, part) in enumerate(zip(starts, parts, strict=False), RELIEF + 1):
        for run in part.runs:
            alone = part.named or len(run) == 1
            verts += [np.array([start + place]) for place in run] if alone else []
            lines += [] if alone else [start + run]
            of_verts += [number] * len(run) * alone
            of_lines += [number] * (not alone)
    write_polygons(
        path,
        np.concatenate([_points(shape).reshape(-1, 3)[known], *(part.points for part in parts)]),
        verts=verts,
        lines=lines,
        polygons=corners,
        point_data=_joined(arrays, known.size, parts),
        cell_data={PART: np.array([*of_verts, *of_lines, *[RELIEF] * len(corners)], dtype=np.int32)},
        texts={**_texts(shape), "parts": "\n".join(["relief", *(part.name for part in parts)])},
        scalars=shape.field.metric,
    )


class _Trail(NamedTuple):
    """A trail: its points (n, 3), what is known there, and the stretches of it that lie on the relief, as numbers of points."""

    name: str
    named: bool
    points: np.ndarray
    numbers: dict[str, np.ndarray]
    runs: list[np.ndarray]


def _parts(shape: ReliefShape, surface: Surface) -> Iterator[_Trail]:
    field = shape.field
    plain = Mesh(field.x, field.y, field.heights, field.scale, shape.camera)
    for name, trail in surface.trails.items():
        x, y = trail.places.T
        heights = heights_at(plain, x, y) if len(x) else np.zeros(0)
        seen = np.flatnonzero(np.isfinite(heights))
        runs = np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1) if len(seen) else []
        z = np.nan_to_num(_z(shape, heights))
        yield _Trail(name, name in (NETS, MINIMA), np.column_stack([x, y, z]), _numbers(trail), runs)


def _numbers(trail: Trail) -> dict[str, np.ndarray]:
    own = {"step": trail.step, "residual": trail.residual, **trail.metrics}
    return {name: np.asarray(array, dtype=np.float64) for name, array in own.items() if array is not None}


def _joined(arrays: dict[str, np.ndarray], count: int, parts: list[_Trail]) -> dict[str, np.ndarray]:
    """Each array over all points, with what is not known NaN, or 0 where it counts."""
    places = sum(len(part.points) for part in parts)
    found = {name: np.concatenate([array, _unknown(places, array.dtype)]) for name, array in arrays.items()}
    for name in dict.fromkeys(name for part in parts for name in part.numbers):
        pieces = [part.numbers.get(name, _unknown(len(part.points), np.dtype("f8"))) for part in parts]
        found[f"trail:{name}"] = np.concatenate([_unknown(count, np.dtype("f8")), *pieces])
    return found


def _unknown(count: int, kind: np.dtype) -> np.ndarray:
    return np.full(count, np.nan if kind.kind == "f" else 0, dtype=kind)


def _arrays(shape: ReliefShape) -> dict[str, np.ndarray]:
    """(ny, nx) each: values, standard errors and status at the points, and the heights."""
    surface, field = shape.surface, shape.field
    groups: list[dict[str, np.ndarray]] = [
        {field.metric: np.asarray(field.values, dtype=np.float64), **surface.values},
        {f"{name}_stderr": array for name, array in surface.stderr.items()},
        {f"status_{name}": np.asarray(array, dtype=np.uint8) for name, array in surface.status.items()},
        {HEIGHT: field.heights},
    ]
    names = [name for group in groups for name in group]
    if twice := next((name for name in names if names.count(name) > 1 or name == GHOSTS), None):
        raise UsageError(f"vts, vtp: two arrays would be called '{twice}'; rename the metric, or export as .csv or .nc")
    return {name: array for group in groups for name, array in group.items()}


def _points(shape: ReliefShape) -> np.ndarray:
    """(ny, nx, 3); a hole lies at the lowest height and is hidden, as readers stumble over points that are nowhere."""
    x, y = np.meshgrid(shape.field.x, shape.field.y)
    return np.stack([x, y, np.nan_to_num(_z(shape, shape.field.heights))], axis=-1)


def _z(shape: ReliefShape, heights: np.ndarray) -> np.ndarray:
    scale = shape.field.scale
    return (heights - scale.low) * _factor(shape)


def _factor(shape: ReliefShape) -> float:
    """Units of z for one of height."""
    field, box = shape.field, shape.camera.box
    longer = max(field.x[-1] - field.x[0], field.y[-1] - field.y[0])
    return float(box[2] * longer / (field.scale.high - field.scale.low))


def _cells(heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(corners (m, 4) by number among the known points, known (n,) numbers of these points in the grid)."""
    number = np.arange(heights.size).reshape(heights.shape)
    corners = np.stack([number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]], axis=-1)
    whole = corners[worst_corner(np.isnan(heights).astype(np.uint8)) == 0]
    known, compact = np.unique(whole, return_inverse=True)
    return compact.reshape(-1, 4), known


def _texts(shape: ReliefShape) -> dict[str, str]:
    surface, field = shape.surface, shape.field
    x, y = surface.grid.axes
    scale = {"kind": field.scale.kind, "vmin": field.scale.vmin, "vmax": field.scale.vmax, "unit": field.scale.unit}
    z: dict[str, Any] = {"metric": field.metric, "scale": scale, "height at z = 0": field.scale.low}
    return {
        "title": shape.title,
        "axes": json.dumps({axis.name: axis.label or f"{axis.name} direction" for axis in (x, y)}),
        "z": json.dumps({**z, "z of one unit of height": _factor(shape)}),
        "notes": "\n".join(shape.notes),
        "provenance": json.dumps(surface.provenance),
    }
