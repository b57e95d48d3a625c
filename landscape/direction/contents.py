"""The contents of a direction file, read without its net and without torch.

Owns: the summary that `landscape info` shows.
"""

from __future__ import annotations

from pathlib import Path

import h5py

from landscape.errors import LandscapeError

# in files of landscape, and in those of the original program
GROUPS = ("x", "y", "xdirection", "ydirection")


def contents(path: str | Path) -> dict[str, dict[str, int]] | None:
    """The numbers of tensors and entries of each direction, by group; None when the file is HDF5 of another kind.

    Raises:
        LandscapeError: the file is missing or not HDF5.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            groups = [name for name in GROUPS if isinstance(file.get(name), h5py.Group)]
            return {name: _counted(file[name]) for name in groups} or None
    except OSError as error:
        reason = "no such file" if not path.exists() else "truncated or not HDF5"
        raise LandscapeError(f"{path}: {reason}") from error


def _counted(group: h5py.Group) -> dict[str, int]:
    sizes: list[int] = []
    group.visititems(lambda _, item: sizes.append(item.size) if isinstance(item, h5py.Dataset) else None)
    return {"tensors": len(sizes), "entries": int(sum(sizes))}
