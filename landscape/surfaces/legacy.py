"""Surface files of the original program (github.com/tomgoldstein/loss-landscape), read and written.

Owns: its layout: data sets `xcoordinates`, `ycoordinates`, `train_loss`, `train_acc` (percent), `test_*`, and from its
Hessian script `max_eig`, `min_eig`. Two quirks are undone on reading. Its arrays are declared (nx, ny) but filled row by
row over y, so the flat data are reshaped to (ny, nx). It marks what is not computed by -1.
"""

from __future__ import annotations

import math
from pathlib import Path

import h5py
import numpy as np

from landscape.atomic import whole_file
from landscape.errors import SurfaceFileError, UsageError
from landscape.grid import Axis, Grid
from landscape.plain_hdf5 import plain_hdf5
from landscape.surfaces.hdf5 import EXPECTED, checked_axes, hdf5_image
from landscape.surfaces.surface import DONE, EVALUATION, FAILED, PENDING, Surface

NOT_COMPUTED = -1.0
# theirs -> (ours, factor from theirs to ours)
NAMES = {
    "train_loss": ("train_loss", 1.0),
    "train_acc": ("train_accuracy", 0.01),
    "test_loss": ("test_loss", 1.0),
    "test_acc": ("test_accuracy", 0.01),
    "max_eig": ("hessian_max", 1.0),
    "min_eig": ("hessian_min", 1.0),
}


def is_legacy(path: str | Path) -> bool:
    """Whether the file is a surface of the original program."""
    try:
        with plain_hdf5(path, "", SurfaceFileError, "") as file:
            return "xcoordinates" in file
    except SurfaceFileError:
        return False


def read_legacy(path: str | Path) -> Surface:
    """The surface in one of its files; points that hold -1 in every loss and accuracy are pending.

    Raises:
        SurfaceFileError: truncated, or the arrays do not have as many values as the coordinates say.
    """
    with plain_hdf5(path, "surface file", SurfaceFileError, EXPECTED) as file:
        there = [f"{name}coordinates" for name in "xy" if f"{name}coordinates" in file]
        grid = Grid(checked_axes([Axis(name[0], file.array(name)) for name in there]))
        shapes = file.arrays()
        for theirs in NAMES:
            if theirs in shapes and math.prod(shapes[theirs]) != grid.size:
                count = math.prod(shapes[theirs])
                raise SurfaceFileError(f"surface file {path}: {theirs} has {count} values for {grid.size} points")
        arrays = {theirs: np.asarray(file.array(theirs), dtype=np.float64) for theirs in NAMES if theirs in file}
        name = file.raw_text("dir_file")
    values, absent = {}, []
    for theirs, array in arrays.items():
        ours, factor = NAMES[theirs]
        values[ours] = array.reshape(grid.shape) * factor
        if not theirs.endswith("_eig"):  # an eigenvalue may be -1
            absent.append(array.reshape(grid.shape) == NOT_COMPUTED)
            values[ours][absent[-1]] = np.nan
    missing = np.all(absent, axis=0) if absent else np.full(grid.shape, not arrays)
    status = {EVALUATION: np.where(missing, PENDING, DONE).astype(np.uint8)}
    provenance = {"command": "li2018", "directions": {"kind": "file", "file": name}}
    return Surface(grid, values, {}, status, {}, provenance, str(path))


def write_legacy(surface: Surface, path: str | Path) -> None:
    """Writes the original's layout, atomically; what was not computed becomes -1.

    Raises:
        UsageError: a volume, which the original program does not know.
        OSError: the folder is missing or not writable, or the disk is full.
    """
    if surface.ndim > 2:
        who = surface.source or "this surface"
        raise UsageError(
            f"li2018: {who} is a volume, expected a plane or a line; export it as .vtr, .vtu, .csv, .npz or .nc"
        )
    image = hdf5_image(lambda file: _fill(file, surface))
    with whole_file(Path(path)) as scratch:
        scratch.write_bytes(image)


def _fill(file: h5py.File, surface: Surface) -> None:
    lacking = np.isin(surface.status.get(EVALUATION, np.full(surface.shape, DONE)), (PENDING, FAILED))
    for axis in surface.grid.axes:
        file[f"{axis.name}coordinates"] = axis.values
    for theirs, (ours, factor) in NAMES.items():
        if ours in surface.values:
            array = np.where(lacking, NOT_COMPUTED, surface.values[ours] / factor)
            file[theirs] = array.reshape(tuple(reversed(surface.shape)))
    file["dir_file"] = str(surface.provenance.get("directions", {}).get("file", ""))
