"""Writing HDF5 to a disk that may be full.

Owns: a file that takes what HDF5 writes and remembers the first failure. HDF5 that cannot write fails again on closing, and once
more when Python frees its objects, with tens of lines on stderr; here it never hears of it, and the failure is raised once.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py


@contextlib.contextmanager
def write_hdf5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to fill, written to `path` piece by piece, not held in memory.

    Raises:
        OSError: the disk is full, or the place not writable.
    """
    with _Remembering(path) as stream:
        with h5py.File(stream, "w") as file:
            yield file
        stream.check()


class _Remembering(io.FileIO):
    """After the first failure everything that is written is dropped, and everything that is read is zero."""

    def __init__(self, path: Path):
        super().__init__(path, "r+")
        self.truncate(0)
        self._failure: OSError | None = None

    def check(self) -> None:
        """Raises the first failure."""
        if self._failure is not None:
            raise self._failure

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while len(rest) and self._failure is None:
                rest = rest[super().write(rest) or 0 :]
        except OSError as error:
            self._failure = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self._failure = error
            return size or 0

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        got = (super().readinto(view) or 0) if self._failure is None else 0
        view[got:] = bytes(len(view) - got)
        return len(view)
