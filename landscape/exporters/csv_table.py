"""A surface as a table with commas: one row per point, with coordinates, metrics, standard errors and status.

Of paths between nets and of flatness also names of nets and barriers (beside.py). NaN is `nan`; what is not known is empty.
"""

from __future__ import annotations

import csv
from pathlib import Path

from landscape.errors import UsageError
from landscape.exporters.beside import columns_beside
from landscape.surfaces.surface import Surface


def write(surface: Surface, path: Path) -> None:
    """Raises UsageError where two columns would have one name."""
    axes = [axis.name for axis in surface.grid.axes]
    beside = columns_beside(surface)
    columns = {
        **surface.values,
        **{f"{name}_stderr": array for name, array in surface.stderr.items()},
        **{f"status_{name}": array for name, array in surface.status.items()},
    }
    if twice := next((name for name in columns if name in beside or name in axes), None):
        raise UsageError(f"csv: two columns would be called '{twice}'; rename the metric, or export as .npz")
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*axes, *beside, *columns])
        for index in range(surface.grid.size):
            row = [array.flat[index].item() for array in columns.values()]
            writer.writerow([*surface.grid.coordinates(index), *(each[index] for each in beside.values()), *row])
