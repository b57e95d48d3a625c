"""Direction files: landscape's own, and those of the original program of Li et al.

Owns: both HDF5 layouts. Own files have one group per axis with a data set per parameter name. The original's have the
groups `xdirection`, `ydirection` with data sets "0", "1", ... in the order of `model.parameters()`, or of the state dict
when BN statistics move too. A file that is read is never written to.
"""

from __future__ import annotations

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
from landscape.members import named_parameters, state_of
from landscape.plain_hdf5 import PlainGroup, plain_hdf5
from landscape.stream_hdf5 import write_hdf5

FORMAT = "landscape-directions"
AXES = ("x", "y", "z")
# Kinds of directions for which a figure names more than the file.
COMPUTED_KINDS = ("hessian", "gradient", "pca")
EXPECTED = "a direction file of landscape or of the original program"


def read_directions(path: str | Path, model: nn.Module, layout: Layout, *, ndim: int) -> list[Direction]:
    """The first `ndim` directions of a file, checked against the net entry by entry.

    Raises:
        LandscapeError: the file is missing or not HDF5, or has too few directions or those of another net.
    """
    path = Path(path)
    with plain_hdf5(path, "direction file", LandscapeError, EXPECTED) as file:
        own = file.facts().get("format") == FORMAT
        groups = AXES if own else tuple(f"{axis}direction" for axis in AXES)
        there = file.groups()
        lacking = [name for name in groups[:ndim] if name not in there]
        if lacking:
            raise LandscapeError(
                f"direction file {path}: no group '{lacking[0]}' in it (it has {', '.join(file.names()) or 'nothing'}); "
                f"{ndim} direction{'s' if ndim > 1 else ''} needed"
            )
        read = _read_own if own else _read_original
        found = [read(file.group(name), path, model, layout) for name in groups[:ndim]]
        return [_with_facts(each, file.facts(name)) for each, name in zip(found, groups, strict=False)]


def held(stored: str | Path | Sequence[Direction]) -> tuple[str | None, frozenset[str]]:
    """(what moves along stored directions, as recorded; its tensors); (None, none) where all of the net moves."""
    if not isinstance(stored, (str, Path)):
        only = [each.provenance["only"] for each in stored if "only" in each.provenance]
        return (only[0], frozenset(stored[0].vector)) if only else (None, frozenset())
    facts = stored_facts(stored)
    if not facts or "only" not in facts[0]:
        return None, frozenset()
    with plain_hdf5(stored, "direction file", LandscapeError, EXPECTED) as file:
        return facts[0]["only"], frozenset(file.group(AXES[0]).arrays())


def write_directions(path: str | Path, directions: Sequence[Direction]) -> None:
    """Writes a direction file of landscape, atomically.

    Raises:
        LandscapeError: the folder is missing or not writable, or the disk is full.
    """
    path = Path(path)
    try:
        with whole_file(path) as scratch, write_hdf5(scratch) as file:
            _fill(file, directions)
    except OSError as error:
        raise LandscapeError(f"cannot write {path}: {error.strerror or error}") from error


def stored_facts(path: str | Path) -> list[dict[str, str]]:
    """The attributes of each direction in a file of landscape; empty for any other file."""
    try:
        with plain_hdf5(path, "direction file", LandscapeError, EXPECTED) as file:
            if file.facts().get("format") != FORMAT:
                return []
            return [{key: str(value) for key, value in file.facts(axis).items()} for axis in AXES if axis in file]
    except LandscapeError:
        return []


def _fill(file: h5py.File, directions: Sequence[Direction]) -> None:
    file.attrs["format"], file.attrs["version"] = FORMAT, 1
    for axis, direction in zip(AXES, directions, strict=False):
        group = file.create_group(axis, track_order=True)
        for name, tensor in direction.vector.items():
            exact = tensor if tensor.dtype == torch.float64 else tensor.float()  # numpy has no bfloat16
            group[name] = exact.cpu().numpy()
        for key, value in direction.provenance.items():
            group.attrs[key] = str(value)


def _with_facts(direction: Direction, attributes: Mapping[str, Any]) -> Direction:
    """The direction, with the file's attributes as provenance if it is one of COMPUTED_KINDS."""
    if str(attributes.get("kind")) not in COMPUTED_KINDS:
        return direction
    facts = {
        key: str(attributes[key])
        for key in ("kind", "which", "eigenvalue", "norm", "ignore", "shares", "walk")
        if key in attributes
    }
    return replace(direction, provenance=facts)


def _read_own(stored: PlainGroup, path: Path, model: nn.Module, layout: Layout) -> Direction:
    """The name and the shape of each tensor are compared with the net before its numbers are read."""
    there, vector = stored.arrays(), {}
    for entry in layout.entries:
        if entry.name in there:
            vector[entry.name] = _checked(stored, entry.name, entry.name, entry.shape, path)
        elif not entry.is_buffer:
            raise LandscapeError(f"direction file {path}: is of another net: it has no {entry.name}")
    if unknown := [name for name in there if name not in state_of(model)]:
        raise LandscapeError(f"direction file {path}: is of another net: this one has no {unknown[0]}")
    return Direction(vector, {"kind": "file"})


def _read_original(stored: PlainGroup, path: Path, model: nn.Module, layout: Layout) -> Direction:
    parameters = [(name, tuple(tensor.shape)) for name, tensor in named_parameters(model)]
    states = [(name, tuple(tensor.shape)) for name, tensor in state_of(model).items()]
    # the torch version of the original program had no batch counter in BN
    uncounted = [(name, shape) for name, shape in states if not name.endswith("num_batches_tracked")]
    there = stored.arrays()
    named = {len(uncounted): uncounted, len(states): states, len(parameters): parameters}.get(len(there))
    if named is None:
        raise LandscapeError(
            f"direction file {path}: is of another net: {len(there)} tensors in it, "
            f"{len(parameters)} parameters and {len(states)} states in the model"
        )
    if missing := [str(i) for i in range(len(named)) if str(i) not in there]:
        raise LandscapeError(f"direction file {path}: its data sets are not numbered: no '{missing[0]}' among them")
    wanted = set(layout.names)
    vector = {
        name: _checked(stored, str(i), name, shape, path, f"entry {i}, ")
        for i, (name, shape) in enumerate(named)
        if name in wanted
    }
    return Direction(vector, {"kind": "file"})


def _checked(stored: PlainGroup, key: str, name: str, shape: tuple[int, ...], path: Path, where: str = "") -> Tensor:
    found, kind = stored.about(key)
    if found != shape or kind.kind not in "fiu":
        raise LandscapeError(
            f"direction file {path}: is of another net: {where}{name} is {kind} of shape {found} in it, "
            f"{shape} in the model"
        )
    array = stored.array(key, shape)
    if not np.isfinite(array).all():
        raise LandscapeError(f"direction file {path}: {where}{name} holds NaN or inf; compute the directions again")
    return torch.from_numpy(np.array(array, dtype=np.float64 if array.dtype == np.float64 else np.float32))


def directions_path(out: str | Path) -> Path:
    """Where the directions of a surface file are kept: FILE.directions.h5."""
    return Path(out).with_suffix(".directions.h5")
