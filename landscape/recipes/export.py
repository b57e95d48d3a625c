"""`landscape export`: a surface as a table or in another program's layout. Imports neither torch nor MPI.

Owns: the formats and how a suffix chooses one.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from landscape.errors import LandscapeError, UsageError
from landscape.surfaces import Surface, load_surface
from landscape.surfaces.legacy import write_legacy


def export(surface: Surface | str | Path, out: str | Path, *, format: str | None = None) -> Path:
    """Writes a surface in another form: csv, npz, nc (needs xarray), or li2018, the original program's HDF5 layout.

    `format` None goes by the suffix of `out`.

    Raises:
        UsageError: unknown format. LandscapeError: unreadable input or unwritable output.
    """
    out = Path(out)
    chosen = format or out.suffix.lower().lstrip(".")
    if chosen not in FORMATS:
        raise UsageError(f"export format '{chosen}': expected one of {', '.join(FORMATS)} (by suffix or --format)")
    loaded = surface if isinstance(surface, Surface) else load_surface(surface)
    if not out.parent.is_dir():
        raise LandscapeError(f"output {out}: the folder {out.parent} does not exist; create it or give another name")
    if not isinstance(surface, Surface) and out.exists() and out.samefile(surface):
        raise UsageError(f"output {out} is the file being exported; give another name")
    try:
        FORMATS[chosen](loaded, out)
    except OSError as error:
        raise LandscapeError(f"cannot write {out}: {error.strerror or error}") from error
    return out


def _csv(surface: Surface, out: Path) -> None:
    """One row per point: coordinates, metrics, standard errors, status."""
    names = [axis.name for axis in surface.grid.axes]
    columns = {
        **surface.values,
        **{f"{name}_stderr": array for name, array in surface.stderr.items()},
        **{f"status_{name}": array for name, array in surface.status.items()},
    }
    with out.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*names, *columns])
        for index in range(surface.grid.size):
            row = [array.flat[index].item() for array in columns.values()]
            writer.writerow([*surface.grid.coordinates(index), *row])


def _npz(surface: Surface, out: Path) -> None:
    axes = {axis.name: axis.values for axis in surface.grid.axes}
    errors = {f"{name}_stderr": array for name, array in surface.stderr.items()}
    with out.open("wb") as stream:
        np.savez_compressed(stream, **axes, **surface.values, **errors, provenance=json.dumps(surface.provenance))


def _netcdf(surface: Surface, out: Path) -> None:
    surface.to_xarray().to_netcdf(out)


FORMATS: dict[str, Callable[[Surface, Path], None]] = {
    "csv": _csv,
    "npz": _npz,
    "nc": _netcdf,
    "li2018": write_legacy,
}
