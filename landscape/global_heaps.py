"""Damaged global heaps of HDF5, found before its library walks through them.

Owns: the walk through the global heap collections of a file (where HDF5 keeps texts of variable length). The library takes the
length of each object from the file and goes on from its end without a check: an object of length zero holds it there forever.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SIGNATURE = b"GCOL\x01"  # with the only version there is
# Bytes: the head of a collection and of an object in it, where lengths have 8 bytes; no collection is smaller than LEAST.
HEAD, LEAST = 16, 4096
PIECE = 1 << 22


def endless_heap(path: str | Path) -> bool:
    """Whether a global heap of the file would hold the library forever, or lead it out of the heap.

    Only files whose lengths have 8 bytes are understood. A file that was read already is not read again while it is unchanged.
    """
    found = os.stat(path)
    return _endless(os.path.realpath(path), found.st_size, found.st_mtime_ns, found.st_ino)


@functools.lru_cache(maxsize=64)
def _endless(path: str, size: int, *_version: int) -> bool:
    left = size
    with open(path, "rb") as file:
        for place in _places(file):
            file.seek(place + 8)
            declared = int.from_bytes(file.read(8), "little")
            if not LEAST <= declared <= size - place:
                continue  # not a heap, or one that the library refuses by itself
            left -= declared
            # heaps do not overlap; many that do would take long to walk
            if left < 0 or _loops(file, place, declared):
                return True
    return False


def _places(file: BinaryIO) -> Iterator[int]:
    """Where the signature stands; the file may be read elsewhere in between."""
    start, kept = 0, b""
    while True:
        file.seek(start)
        piece = file.read(PIECE)
        if not piece:
            return
        block, begin = kept + piece, start - len(kept)
        found = block.find(SIGNATURE)
        while found >= 0:
            yield begin + found
            found = block.find(SIGNATURE, found + 1)
        start, kept = start + len(piece), block[-(len(SIGNATURE) - 1) :]


def _loops(file: BinaryIO, place: int, size: int) -> bool:
    at = HEAD
    while at + HEAD <= size:
        file.seek(place + at)
        head = file.read(HEAD)
        length = int.from_bytes(head[8:], "little")
        # index 0 is the free space, whose length counts its own head; other lengths are rounded up to 8
        step = length if head[:2] == b"\0\0" else HEAD + (length + 7) // 8 * 8
        if step == 0 or step >= 1 << 63:
            return True
        at += step
    return False
