"""The layout of a surface file: HDF5, format `landscape-surface`, version 1 (docs/surface-file.md).

Owns: writing a `Surface` as a whole, so that a kill at any moment leaves the old file or the new one, and reading it
back. Knows nothing of runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from landscape.atomic import whole_file
from landscape.errors import SurfaceFileError
from landscape.grid import Axis, Grid
from landscape.plain_hdf5 import PlainGroup, plain_hdf5
from landscape.plain_json import parse_json
from landscape.quantity import quantity_named
from landscape.surfaces.surface import DONE, FAILED, INTERPOLATED, PENDING, Surface, Trail

FORMAT, VERSION = "landscape-surface", 1
HASH_BYTES = 32
# Coordinates beyond this are damage: pictures are made of float32.
FARTHEST = 1e30
EXPECTED = "a file that landscape surface, line or spectrum wrote, or one of the original program"


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
    if surface.trails:
        trails = file.create_group("trails", track_order=True)
        for name, trail in surface.trails.items():
            _write_trail(trails.create_group(_escaped(name)), trail)
    for name, points in surface.drawn.items():
        _write_drawn(file.create_group(f"drawn/{_escaped(name)}"), points)


def _write_drawn(group: h5py.Group, points: Mapping[int, np.ndarray]) -> None:
    numbers = sorted(points)
    group["points"] = np.array(numbers, np.int64)
    group["lengths"] = np.array([len(points[number]) for number in numbers], np.int64)
    group["values"] = np.concatenate([points[number] for number in numbers])


def _write_trail(group: h5py.Group, trail: Trail) -> None:
    for key in ("x", "y", "step", "residual"):
        if getattr(trail, key) is not None:
            group[key] = np.asarray(getattr(trail, key), dtype=np.float64)
    for key, array in trail.metrics.items():
        group[f"metrics/{_escaped(key)}"] = array
    group.attrs["labels"] = json.dumps(list(trail.labels))
    if trail.status is not None:
        group["status"] = trail.status.astype(np.uint8)
        if trail.nets:
            group["nets"] = _bytes_of(trail.nets)
        group.attrs["clock"] = trail.clock
        if trail.ended:
            group.attrs["ended"] = trail.ended


def read_surface_file(path: str | Path) -> Surface:
    """A surface file of ours.

    Raises:
        SurfaceFileError: missing, truncated, not HDF5, another kind of HDF5 file, or one that leads out of itself.
    """
    path = Path(path)
    with plain_hdf5(path, "surface file", SurfaceFileError, EXPECTED) as file:
        if file.facts().get("format") != FORMAT:
            raise SurfaceFileError(
                f"surface file {path}: is HDF5, but not a surface of landscape or of the original program "
                f"(it holds {', '.join(file.names()[:6]) or 'nothing'})"
            )
        if int(file.number("version")) > VERSION:
            raise SurfaceFileError(f"surface file {path}: is of version {file.number('version')}; update landscape")
        return _read(file, str(path))


def _read(file: PlainGroup, source: str) -> Surface:
    grid = _grid(file.group("axes"))
    arrays = {}
    for folder in ("values", "stderr", "status"):
        group = file.group(folder)
        arrays[folder] = {_plain(name): group.array(name, grid.shape) for name in group.names()}
    values = {name: _numbers(array) for name, array in arrays["values"].items()}
    stderr = {name: _numbers(array) for name, array in arrays["stderr"].items()}
    trails = file.group("trails") if "trails" in file else None
    found = {_plain(name): _read_trail(trails.group(name)) for name in trails.names()} if trails else {}
    stored = {_plain(name): file.group("values").facts(name) for name in file.group("values").names()}
    provenance = parse_json(file.text("provenance"))
    if not isinstance(provenance, dict):
        raise ValueError("its provenance is not a mapping")
    quantities = {name: quantity_named(name, facts) for name, facts in stored.items()}
    status = {name: _codes(name, array) for name, array in arrays["status"].items()}
    parts = file.group("drawn") if "drawn" in file else None
    drawn = {_plain(name): _read_drawn(parts.group(name), grid.size) for name in parts.names()} if parts else {}
    return Surface(grid, values, stderr, status, found, provenance, source, quantities, drawn)


def _read_drawn(group: PlainGroup, size: int) -> dict[int, np.ndarray]:
    """By point number, for `size` points."""
    points, lengths, values = group.array("points"), group.array("lengths"), group.array("values")
    whole = all(array.ndim == 1 for array in (points, lengths, values)) and points.shape == lengths.shape
    if not whole or points.dtype.kind not in "iu" or lengths.dtype.kind not in "iu":
        raise ValueError("the samples drawn are not rows of one length with whole numbers of points")
    if (lengths < 0).any() or lengths.sum() != len(values) or (points < 0).any() or (points >= size).any():
        raise ValueError("the samples drawn are not those of points of this grid")
    return dict(zip(points.tolist(), np.split(values, np.cumsum(lengths)[:-1]), strict=True)) if len(points) else {}


def _grid(group: PlainGroup) -> Grid:
    """One to three axes, with finite coordinates in rising order, as every run makes them."""
    names = sorted(group.names())
    if names not in (["x"], ["x", "y"], ["x", "y", "z"]):
        raise ValueError(f"its axes are called {', '.join(names) or 'nothing'}, expected x, or x and y, or x, y and z")
    axes = []
    for name in names:
        values, facts = group.array(name), group.facts(name)
        if values.ndim != 1 or not len(values):
            raise ValueError(f"axis {name} has shape {values.shape}, expected a row of coordinates")
        axes.append(Axis(name, values, str(facts["label"]), str(facts["kind"])))
    return Grid(checked_axes(axes))


def checked_axes(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """The axes; raises ValueError unless the coordinates of each are finite and rise."""
    for axis in axes:
        if (
            axis.values.ndim != 1
            or not np.isfinite(axis.values).all()
            or not (axis.values[1:] > axis.values[:-1]).all()
        ):
            raise ValueError(f"the coordinates of axis {axis.name} are not finite and rising")
    return tuple(axes)


def _numbers(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64, copy=False)


def _codes(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "iu" or not np.isin(array, (PENDING, DONE, FAILED, INTERPOLATED)).all():
        raise ValueError(f"status '{name}' holds other codes than 0 to 3")
    return array.astype(np.uint8, copy=False)


def _read_trail(group: PlainGroup) -> Trail:
    """Rows of one length."""
    names = group.names()
    x = group.array("x")
    if x.ndim != 1:
        raise ValueError(f"a trail has x of shape {x.shape}, expected a row")
    y, step, residual = (
        _numbers(group.array(key, x.shape)) if key in names else None for key in ("y", "step", "residual")
    )
    metrics = group.group("metrics") if "metrics" in names else None
    found = {_plain(key): _numbers(metrics.array(key, x.shape)) for key in metrics.names()} if metrics else {}
    labels = parse_json(group.text("labels"))
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError("the labels of a trail are not a list of texts")
    trail = Trail(_numbers(x), y, step, residual, metrics=found, labels=tuple(labels))
    if "status" not in names:
        return trail
    whole = replace(trail, **_path_facts(group, x.shape))
    needed = [whole.x, y, step, *([residual] if whole.nets else [])]
    if not all(each is not None and (np.abs(each) < FARTHEST).all() for each in needed):
        raise ValueError("a path lies at places that are missing, not finite, or too far away to be drawn")
    return whole


def _path_facts(group: PlainGroup, shape: tuple[int, ...]) -> dict[str, Any]:
    """Of the trail of a training run, or of an optimizer on a formula, which has no nets."""
    status, ended = _codes("trail", group.array("status", shape)), group.facts().get("ended", "")
    return {"status": status, "nets": _hashes(group, shape), "clock": group.text("clock"), "ended": str(ended)}


def _hashes(group: PlainGroup, shape: tuple[int, ...]) -> tuple[str, ...]:
    if "nets" not in group.names():
        return ()
    hashes = group.array("nets", (*shape, HASH_BYTES))
    if hashes.dtype != np.uint8:
        raise ValueError("the hashes of the nets of a trail are not bytes")
    return tuple(row.tobytes().hex() for row in hashes)


def _bytes_of(hashes: Sequence[str]) -> np.ndarray:
    """(n, 32) of hexadecimal SHA-256."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, HASH_BYTES)


def _escaped(name: str) -> str:
    """A metric may be called `loss/boxes` beside `loss`; to HDF5 the slash would be a folder."""
    return name.replace("%", "%25").replace("/", "%2F")


def _plain(name: str) -> str:
    return name.replace("%2F", "/").replace("%25", "%")
