"""Memory of tensors that lie in a mapped file: which these are, and giving it back after reading.

Owns: finding mapped files among the memory of this process, and the call that drops their pages. A page that is dropped is read
again from the file when somebody needs it, so values stay what they are as long as nobody writes to the tensor. Elsewhere than on
Linux no tensor counts as mapped, and nothing is given back.
"""

from __future__ import annotations

import bisect
import ctypes
import functools
import mmap
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from landscape.errors import LandscapeError

MAPS = Path("/proc/self/maps")
# Who asks for one page gets its neighbours too, at most those of a huge page.
AROUND = 2 << 20


class Mapped(NamedTuple):
    """The private mapping of a file: its first address, the one after its last, and the path."""

    start: int
    end: int
    path: str


def in_files(tensors: Mapping[str, Tensor]) -> dict[str, Mapped]:
    """The contiguous CPU tensors that lie as a whole in the mapping of a file, with that."""
    try:
        ranges = _private_files(MAPS.read_text())
    except OSError:
        return {}
    starts, found = [each.start for each in ranges], {}
    for name, tensor in tensors.items():
        if tensor.device.type == "cpu" and tensor.is_contiguous() and tensor.numel():
            first = tensor.data_ptr()
            number = bisect.bisect_right(starts, first) - 1
            if number >= 0 and first + tensor.nbytes <= ranges[number].end:
                found[name] = ranges[number]
    return found


class Unchanged:
    """Files whose mappings are in use: writing into one would change what is read from it, and shortening one end the process."""

    def __init__(self, paths: Iterable[str]):
        self._known = {path: _state(path) for path in set(paths)}

    def add(self, paths: Iterable[str]) -> None:
        """Checks these from here on, too."""
        self._known |= {path: _state(path) for path in {*paths} - self._known.keys()}

    def check(self, paths: Iterable[str] | None = None) -> None:
        """Raises LandscapeError if one of `paths`, by default of all, was written to.

        One that was replaced by another or deleted is kept by its mapping.
        """
        for path in self._known if paths is None else paths:
            before = self._known[path]
            now = _state(path)
            if now and before and now != before and now[0] == before[0]:
                raise LandscapeError(
                    f"{path} was written to while it was read from; restore it and start again, on a copy that nobody changes"
                )


def _state(path: str) -> tuple[tuple[int, int], int, int] | None:
    """(which file it is, size, time of its last change)."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns


def give_back(part: Tensor, within: Mapped) -> None:
    """Drops the pages of a mapping that reading a part of a tensor brought into memory.

    The mapping must be that of `in_files`, in use: memory of another kind would be lost.
    """
    first = part.data_ptr() // mmap.PAGESIZE * mmap.PAGESIZE
    start, end = max(within.start, first - AROUND), min(within.end, part.data_ptr() + part.nbytes + AROUND)
    _advise()(start, end - start, mmap.MADV_DONTNEED)


def give_back_freed() -> None:
    """Returns to the system what was freed in this process and kept for its next objects, where the C library can do that."""
    if not MAPS.exists():  # Windows has no such library by that name
        return
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def _private_files(maps: str) -> list[Mapped]:
    """Of a table of memory, in their order."""
    found = []
    for line in maps.splitlines():
        places, permissions, _, _, inode, *path = line.split(None, 5)
        if permissions[2:] == "-p" and inode != "0" and path:
            start, _, end = places.partition("-")
            found.append(Mapped(int(start, 16), int(end, 16), path[0].strip()))
    return sorted(found)


@functools.cache
def _advise() -> Callable[[int, int, int], int]:
    advise = ctypes.CDLL(None, use_errno=True).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return advise
