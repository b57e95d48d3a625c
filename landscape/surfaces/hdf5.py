"""The layout of a surface file: HDF5, format `landscape-surface`, version 1 (docs/surface-file.md).

Owns: writing a `Surface` as a whole, so that a kill at any moment leaves the old file or the new one, and reading it
back. Knows nothing of runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from landscape.atomic import whole_file
from landscape.errors import SurfaceFileError
from landscape.grid import Axis, Grid
from landscape.quantity import quantity_named
from landscape.surfaces.surface import Surface, Trail

FORMAT, VERSION = "landscape-surface", 1


def write_surface_file(surface: Surface, path: Path) -> None:
    """Writes a surface as a whole, atomically: readers and kills see the old file or the new one.

    Raises:
        OSError: no room, no permission, no folder; the old file is left as it was and no scratch file stays.
    """
    image = hdf5_image(lambda file: _fill(file, surface))
    with whole_file(path) as scratch:
        scratch.write_bytes(image)


def hdf5_image(fill: Callable[[h5py.File], None]) -> bytes:
    """The bytes of a file that `fill` fills in memory: HDF5 that hits a full disk half-way may fail again on closing."""
    with h5py.File("in memory", "w", driver="core", backing_store=False) as file:
        fill(file)
        file.flush()
        return file.id.get_file_image()


def _fill(file: h5py.File, surface: Surface) -> None:
    file.attrs.update(format=FORMAT, version=VERSION, provenance=json.dumps(surface.provenance))
    for axis in surface.grid.axes:
        data = file.create_dataset(f"axes/{axis.name}", data=axis.values)
        data.attrs.update(label=axis.label, kind=axis.kind)
    for folder, arrays in (("values", surface.values), ("stderr", surface.stderr), ("status", surface.status)):
        group = file.create_group(folder, track_order=True)
        for name, array in arrays.items():
            group[_escaped(name)] = array
            if folder == "values":
                group[_escaped(name)].attrs.update(surface.quantity(name).facts())
    for name, trail in surface.trails.items():
        _write_trail(file.create_group(f"trails/{_escaped(name)}"), trail)


def _write_trail(group: h5py.Group, trail: Trail) -> None:
    for key in ("x", "y", "step", "residual"):
        if getattr(trail, key) is not None:
            group[key] = np.asarray(getattr(trail, key), dtype=np.float64)
    for key, array in trail.metrics.items():
        group[f"metrics/{_escaped(key)}"] = array
    group.attrs["labels"] = json.dumps(list(trail.labels))


def read_surface_file(path: str | Path) -> Surface:
    """A surface file of ours.

    Raises:
        SurfaceFileError: missing, truncated, not HDF5, or another kind of HDF5 file.
    """
    path = Path(path)
    if not path.exists():
        raise SurfaceFileError(f"surface file {path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise SurfaceFileError(
                    f"surface file {path}: is HDF5, but not a surface of landscape or of the original program "
                    f"(it holds {', '.join(list(file)[:6]) or 'nothing'})"
                )
            if int(file.attrs["version"]) > VERSION:
                raise SurfaceFileError(f"surface file {path}: is of version {file.attrs['version']}; update landscape")
            return _read(file, str(path))
    except SurfaceFileError:
        raise
    except Exception as error:  # h5py answers a damaged file with errors of five types
        reason = str(error).splitlines()[0]
        raise SurfaceFileError(f"surface file {path}: truncated or not HDF5 ({reason}); compute it again") from error


def _read(file: h5py.File, source: str) -> Surface:
    axes = [
        Axis(name, item[()], str(item.attrs["label"]), str(item.attrs["kind"]))
        for name, item in sorted(file["axes"].items())
    ]
    arrays = {
        folder: {_plain(name): item[()] for name, item in file[folder].items()}
        for folder in ("values", "stderr", "status")
    }
    trails = {_plain(name): _read_trail(group) for name, group in file["trails"].items()} if "trails" in file else {}
    grid = Grid(tuple(axes))
    for folder, found in arrays.items():
        for name, array in found.items():
            if array.shape != grid.shape:
                raise ValueError(f"{folder}/{name} has shape {array.shape}, the axes say {grid.shape}")
    stored = {
        _plain(name): {key: _python(fact) for key, fact in item.attrs.items()} for name, item in file["values"].items()
    }
    quantities = {name: quantity_named(name, facts) for name, facts in stored.items()}
    provenance = json.loads(file.attrs["provenance"])
    if not isinstance(provenance, dict):
        raise ValueError("its provenance is not a mapping")
    return Surface(grid, **arrays, trails=trails, provenance=provenance, source=source, quantities=quantities)


def _read_trail(group: h5py.Group) -> Trail:
    known = {key: group[key][()] for key in ("x", "y", "step", "residual") if key in group}
    metrics = {_plain(key): item[()] for key, item in group["metrics"].items()} if "metrics" in group else {}
    return Trail(**known, metrics=metrics, labels=tuple(json.loads(group.attrs["labels"])))


def _python(value: Any) -> Any:
    """A number or text as Python has it; h5py returns numpy's own."""
    return value.item() if isinstance(value, np.generic) else value


def _escaped(name: str) -> str:
    """A metric may be called `loss/boxes` beside `loss`; to HDF5 the slash would be a folder."""
    return name.replace("%", "%25").replace("/", "%2F")


def _plain(name: str) -> str:
    return name.replace("%2F", "/").replace("%25", "%")
