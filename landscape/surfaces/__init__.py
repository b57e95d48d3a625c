"""Surfaces in memory and on disk. numpy and h5py only: viewing needs neither torch nor MPI.

The room is `surfaces`, not `surface`, because `landscape.surface(...)` is a function: a room of that name would replace it as
soon as anything imports from the room. No room may have the name of a public function.
"""

from __future__ import annotations

from pathlib import Path

from landscape.errors import UsageError
from landscape.surfaces.hdf5 import read_surface_file
from landscape.surfaces.legacy import is_legacy, read_legacy
from landscape.surfaces.surface import Surface


def load_surface(path: str | Path) -> Surface:
    """Reads a surface file, ours or the original program's.

    Raises:
        SurfaceFileError: missing, truncated, or neither of the two. UsageError: no name of a file.
    """
    if not isinstance(path, (str, Path)):
        raise UsageError(f"surface of type {type(path).__name__}: expected the name of a file")
    return read_legacy(path) if is_legacy(path) else read_surface_file(path)
