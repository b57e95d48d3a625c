"""Volumes for ParaView, PyVista and meshio: the computed points with every metric as float64.

Owns: what is an array of the points, and how holes are left out: hidden in a grid, absent from cells. The form of the files is
vtk_xml.py's.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from landscape.errors import UsageError
from landscape.exporters.vtk_xml import write_hexahedra, write_rectilinear
from landscape.scene.holes import DRAWN, holes_of
from landscape.surfaces.surface import Surface

GHOSTS, HIDDEN_POINT, HIDDEN_CELL = "vtkGhostType", 2, 32
# The corners of a cell in VTK's order, as offsets in z, y and x.
CORNERS = ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0))


def write_grid(surface: Surface, path: Path, *, metric: str | None = None) -> None:
    """.vtr: a grid at exactly the coordinates, in which points and cells at holes of the metric are hidden."""
    name = _checked(surface, "vtr", metric)
    hole = holes_of(surface, name) != DRAWN
    cell = ~_whole(~hole)
    write_rectilinear(
        path,
        {axis.name: axis.values for axis in surface.grid.axes},
        point_data={**_arrays(surface), GHOSTS: (HIDDEN_POINT * hole).astype(np.uint8)},
        cell_data={GHOSTS: (HIDDEN_CELL * cell).astype(np.uint8)},
        texts={"provenance": json.dumps(surface.provenance)},
        scalars=name,
    )


def write_cells(surface: Surface, path: Path, *, metric: str | None = None) -> None:
    """.vtu: one hexahedron for each cell without a hole of the metric, and the points that are none."""
    name = _checked(surface, "vtu", metric)
    drawn = holes_of(surface, name) == DRAWN
    numbers = (np.cumsum(drawn.ravel()) - 1).reshape(drawn.shape)
    first = np.argwhere(_whole(drawn))
    cells = numbers[tuple(np.moveaxis(first[:, None] + np.array(CORNERS), -1, 0))]
    x, y, z = (axis.values for axis in surface.grid.axes)
    depth, rows, columns = np.meshgrid(z, y, x, indexing="ij")
    points = np.stack([columns, rows, depth], axis=-1)[drawn]
    write_hexahedra(
        path, points, cells, point_data={each: array[drawn] for each, array in _arrays(surface).items()}, scalars=name
    )


def _checked(surface: Surface, form: str, metric: str | None) -> str:
    if surface.ndim != 3:
        who, axes = surface.source or "this surface", "one axis" if surface.ndim == 1 else "two axes"
        raise UsageError(
            f"{form}: {who} has {axes}, expected the three of a volume; export a plane as .vts or .vtp, any as .csv"
        )
    return surface.metric(metric)


def _whole(drawn: np.ndarray) -> np.ndarray:
    """(nz - 1, ny - 1, nx - 1): whether all eight corners of a cell are drawn."""
    nz, ny, nx = (size - 1 for size in drawn.shape)
    return np.logical_and.reduce([drawn[k : k + nz, j : j + ny, i : i + nx] for k, j, i in CORNERS])


def _arrays(surface: Surface) -> dict[str, np.ndarray]:
    """(nz, ny, nx) each: values, standard errors and status."""
    groups = [
        surface.values,
        {f"{name}_stderr": array for name, array in surface.stderr.items()},
        {f"status_{name}": np.asarray(array, dtype=np.uint8) for name, array in surface.status.items()},
    ]
    names = [name for group in groups for name in group]
    if twice := next((name for name in names if names.count(name) > 1 or name == GHOSTS), None):
        raise UsageError(f"vtr, vtu: two arrays would be called '{twice}'; rename the metric, or export as .csv or .nc")
    return {name: array for group in groups for name, array in group.items()}
