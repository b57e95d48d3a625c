"""The contents of a direction file, read without its net and without torch.

Owns: the summary that `landscape info` shows.
"""

from __future__ import annotations

import math
from pathlib import Path

from landscape.errors import LandscapeError
from landscape.plain_hdf5 import PlainGroup, plain_hdf5

# in files of landscape, and in those of the original program
GROUPS = ("x", "y", "xdirection", "ydirection")


def contents(path: str | Path) -> dict[str, dict[str, int]] | None:
    """The numbers of tensors and entries of each direction, by group; None when the file is HDF5 of another kind.

    Raises:
        LandscapeError: the file is missing or not HDF5.
    """
    with plain_hdf5(path, "file", LandscapeError, "a surface, a spectrum or a direction file") as file:
        there = file.groups()
        return {name: _counted(file.group(name)) for name in GROUPS if name in there} or None


def _counted(group: PlainGroup) -> dict[str, int]:
    shapes = group.arrays().values()
    return {"tensors": len(shapes), "entries": sum(math.prod(shape) for shape in shapes)}
