"""Direction files: landscape's own, and those of the original program of Li et al.

Owns: both HDF5 layouts. Own files have one group per axis with a data set per parameter name. The original's have the
groups `xdirection`, `ydirection` with data sets "0", "1", ... in the order of `model.parameters()`, or of the state dict
when BN statistics move too. A file that is read is never written to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor, nn

from landscape.atomic import whole_file
from landscape.direction.direction import Direction
from landscape.errors import LandscapeError
from landscape.layout import Layout

FORMAT = "landscape-directions"
AXES = ("x", "y")
# Kinds of directions for which a figure names more than the file.
LOSS_KINDS = ("hessian", "gradient")


def read_directions(path: str | Path, model: nn.Module, layout: Layout, *, ndim: int) -> list[Direction]:
    """The first `ndim` directions of a file, checked against the net entry by entry.

    Raises:
        LandscapeError: the file is missing or not HDF5, or has too few directions or those of another net.
    """
    path = Path(path)
    if not path.exists():
        raise LandscapeError(f"direction file {path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            own = file.attrs.get("format") == FORMAT
            groups = AXES if own else tuple(f"{axis}direction" for axis in AXES)
            lacking = [name for name in groups[:ndim] if not isinstance(file.get(name), h5py.Group)]
            if lacking:
                raise LandscapeError(
                    f"direction file {path}: no group '{lacking[0]}' in it (it has {', '.join(file) or 'nothing'}); "
                    f"{ndim} direction{'s' if ndim > 1 else ''} needed"
                )
            read = _read_own if own else _read_original
            found = [read(_datasets(file[name]), path, model, layout) for name in groups[:ndim]]
            return [_with_facts(direction, file[name].attrs) for direction, name in zip(found, groups, strict=False)]
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise LandscapeError(
            f"direction file {path}: truncated or not HDF5 ({reason}); "
            "expected a direction file of landscape or of the original program"
        ) from error


def write_directions(path: str | Path, directions: Sequence[Direction]) -> None:
    """Writes a direction file of landscape, atomically.

    Raises:
        LandscapeError: the folder is missing or not writable, or the disk is full.
    """
    path = Path(path)
    try:
        with whole_file(path) as scratch:
            _write_own(scratch, directions)
    except (OSError, RuntimeError) as error:  # h5py reports a full disk on close as RuntimeError
        found = re.search(r"error message = '([^']*)'", str(error))  # the message of HDF5 has several lines
        reason = found[1] if found else getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise LandscapeError(f"cannot write {path}: {reason}") from error


def stored_facts(path: str | Path) -> list[dict[str, str]]:
    """The attributes of each direction in a file of landscape; empty for any other file."""
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                return []
            return [{key: str(value) for key, value in file[axis].attrs.items()} for axis in AXES if axis in file]
    except OSError:
        return []


def _write_own(path: Path, directions: Sequence[Direction]) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["version"] = FORMAT, 1
        for axis, direction in zip(AXES, directions, strict=False):
            group = file.create_group(axis, track_order=True)
            for name, tensor in direction.vector.items():
                exact = tensor if tensor.dtype == torch.float64 else tensor.float()  # numpy has no bfloat16
                group[name] = exact.cpu().numpy()
            for key, value in direction.provenance.items():
                group.attrs[key] = str(value)


def _with_facts(direction: Direction, attributes: Mapping[str, Any]) -> Direction:
    """The direction, with the file's attributes as provenance if it is one of LOSS_KINDS."""
    if str(attributes.get("kind")) not in LOSS_KINDS:
        return direction
    facts = {
        key: str(attributes[key]) for key in ("kind", "which", "eigenvalue", "norm", "ignore") if key in attributes
    }
    return replace(direction, provenance=facts)


def _datasets(group: h5py.Group) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    group.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def _read_own(stored: dict[str, np.ndarray], path: Path, model: nn.Module, layout: Layout) -> Direction:
    vector = {}
    for entry in layout.entries:
        if entry.name in stored:
            vector[entry.name] = _checked(stored[entry.name], entry.name, entry.shape, path)
        elif not entry.is_buffer:
            raise LandscapeError(f"direction file {path}: is of another net: it has no {entry.name}")
    if unknown := [name for name in stored if name not in model.state_dict()]:
        raise LandscapeError(f"direction file {path}: is of another net: this one has no {unknown[0]}")
    return Direction(vector, {"kind": "file"})


def _read_original(stored: dict[str, np.ndarray], path: Path, model: nn.Module, layout: Layout) -> Direction:
    parameters = [(name, tuple(tensor.shape)) for name, tensor in model.named_parameters()]
    states = [(name, tuple(tensor.shape)) for name, tensor in model.state_dict().items()]
    # the torch version of the original program had no batch counter in BN
    uncounted = [(name, shape) for name, shape in states if not name.endswith("num_batches_tracked")]
    named = {len(uncounted): uncounted, len(states): states, len(parameters): parameters}.get(len(stored))
    if named is None:
        raise LandscapeError(
            f"direction file {path}: is of another net: {len(stored)} tensors in it, "
            f"{len(parameters)} parameters and {len(states)} states in the model"
        )
    if missing := [str(i) for i in range(len(named)) if str(i) not in stored]:
        raise LandscapeError(f"direction file {path}: its data sets are not numbered: no '{missing[0]}' among them")
    wanted = set(layout.names)
    vector = {
        name: _checked(stored[str(i)], name, shape, path, f"entry {i}, ")
        for i, (name, shape) in enumerate(named)
        if name in wanted
    }
    return Direction(vector, {"kind": "file"})


def _checked(array: np.ndarray, name: str, shape: tuple[int, ...], path: Path, where: str = "") -> Tensor:
    array = np.asarray(array)
    if array.shape != shape or array.dtype.kind not in "fiu":
        raise LandscapeError(
            f"direction file {path}: is of another net: {where}{name} is {array.dtype} of shape {array.shape} in it, "
            f"{shape} in the model"
        )
    if not np.isfinite(array).all():
        raise LandscapeError(f"direction file {path}: {where}{name} holds NaN or inf; compute the directions again")
    return torch.from_numpy(np.array(array, dtype=np.float64 if array.dtype == np.float64 else np.float32))


def directions_path(out: str | Path) -> Path:
    """Where the directions of a surface file are kept: FILE.directions.h5."""
    return Path(out).with_suffix(".directions.h5")
