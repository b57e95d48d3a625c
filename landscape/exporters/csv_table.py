"""A surface as a table with commas: one row per point, with coordinates, metrics, standard errors and status."""

from __future__ import annotations

import csv
from pathlib import Path

from landscape.surfaces.surface import Surface


def write(surface: Surface, path: Path) -> None:
    names = [axis.name for axis in surface.grid.axes]
    columns = {
        **surface.values,
        **{f"{name}_stderr": array for name, array in surface.stderr.items()},
        **{f"status_{name}": array for name, array in surface.status.items()},
    }
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*names, *columns])
        for index in range(surface.grid.size):
            row = [array.flat[index].item() for array in columns.values()]
            writer.writerow([*surface.grid.coordinates(index), *row])
