"""Direction files: ours, and those of the original program of Li et al.

Owns: both HDF5 layouts. Ours: one group per axis with a data set per parameter name. The original's: groups
`xdirection`, `ydirection` with data sets "0", "1", ... in the order of `model.parameters()`, or of the state dict when
BN statistics move too. Files are opened for reading only, whatever they lack.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor, nn

from landscape.direction.direction import Direction
from landscape.errors import LandscapeError
from landscape.layout import Layout

FORMAT = "landscape-directions"
AXES = ("x", "y")


def read_directions(path: str | Path, model: nn.Module, layout: Layout, *, ndim: int) -> list[Direction]:
    """The first `ndim` directions of a file, checked against the net entry by entry.

    Raises:
        LandscapeError: missing or not HDF5, too few directions, or directions of another net.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            ours = file.attrs.get("format") == FORMAT
            groups = AXES if ours else tuple(f"{axis}direction" for axis in AXES)
            lacking = [name for name in groups[:ndim] if name not in file]
            if lacking:
                raise LandscapeError(
                    f"direction file {path}: no group '{lacking[0]}' in it (it has {', '.join(file) or 'nothing'}); "
                    f"{ndim} direction{'s' if ndim > 1 else ''} needed"
                )
            read = _read_ours if ours else _read_original
            return [read(file[name], path, model, layout) for name in groups[:ndim]]
    except OSError as error:
        reason = "no such file" if not path.exists() else "truncated or not HDF5"
        raise LandscapeError(
            f"direction file {path}: {reason}; expected one of landscape or of the original"
        ) from error


def write_directions(path: str | Path, directions: Sequence[Direction]) -> None:
    """Writes our form, atomically."""
    path = Path(path)
    scratch = path.with_name(f".{path.name}.tmp")
    with h5py.File(scratch, "w") as file:
        file.attrs["format"], file.attrs["version"] = FORMAT, 1
        for axis, direction in zip(AXES, directions, strict=False):
            group = file.create_group(axis, track_order=True)
            for name, tensor in direction.vector.items():
                group[name] = tensor.numpy()
            for key, value in direction.provenance.items():
                group.attrs[key] = str(value)
    scratch.replace(path)


def _read_ours(group: h5py.Group, path: Path, model: nn.Module, layout: Layout) -> Direction:
    stored: dict[str, np.ndarray] = {}
    group.visititems(lambda name, item: stored.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    vector = {}
    for entry in layout.entries:
        if entry.name in stored:
            vector[entry.name] = _checked(stored[entry.name], entry.name, entry.shape, path)
        elif not entry.is_buffer:
            raise LandscapeError(f"direction file {path}: is of another net: it has no {entry.name}")
    if unknown := [name for name in stored if name not in dict(model.state_dict())]:
        raise LandscapeError(f"direction file {path}: is of another net: this one has no {unknown[0]}")
    return Direction(vector, {"kind": "file"})


def _read_original(group: h5py.Group, path: Path, model: nn.Module, layout: Layout) -> Direction:
    parameters = [(name, tuple(tensor.shape)) for name, tensor in model.named_parameters()]
    states = [(name, tuple(tensor.shape)) for name, tensor in model.state_dict().items()]
    named = {len(states): states, len(parameters): parameters}.get(len(group))
    if named is None:
        raise LandscapeError(
            f"direction file {path}: is of another net: {len(group)} tensors in it, "
            f"{len(parameters)} parameters and {len(states)} states in the model"
        )
    wanted = set(layout.names)
    vector = {
        name: _checked(group[str(i)][()], name, shape, path, f"entry {i}, ")
        for i, (name, shape) in enumerate(named)
        if name in wanted
    }
    return Direction(vector, {"kind": "file"})


def _checked(array: np.ndarray, name: str, shape: tuple[int, ...], path: Path, where: str = "") -> Tensor:
    if array.shape != shape:
        raise LandscapeError(
            f"direction file {path}: is of another net: {where}{name} has shape {array.shape} in it, {shape} in the model"
        )
    if not np.isfinite(array).all():
        raise LandscapeError(f"direction file {path}: {where}{name} holds NaN or inf; make the directions anew")
    return torch.from_numpy(np.array(array, dtype=np.float32))
