"""Arrays from npz files.

Owns: reading named arrays of plain numbers, after a check that they are no larger than a file of this size may declare. Knows
no data set.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from landscape.callables import first_line
from landscape.errors import DataError
from landscape.regular import most_bytes, reason_unreadable


def npz_names(path: Path) -> list[str]:
    """The names of the arrays.

    Raises:
        DataError: the file is missing, no regular file, or no npz.
    """
    return list(_sizes(path))


def read_npz(path: Path, names: Sequence[str], purpose: str) -> list[np.ndarray]:
    """The arrays of these names; `purpose` is what they are for, in the message that one is not there.

    Raises:
        DataError: one is not there, holds objects, or is larger than the file may declare; or see `npz_names`.
    """
    sizes = _sizes(path)
    if missing := [name for name in names if name not in sizes]:
        raise DataError(
            f"data npz:{path}: no '{missing[0]}' in it for {purpose} (it has {', '.join(sizes) or 'nothing'})"
        )
    if sum(sizes[name] for name in names) > most_bytes(path):
        raise DataError(
            f"data npz:{path}: declares more than a file of its size can hold; write it again with numpy.savez"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            found = [file[name] for name in names]
    except Exception as error:  # damaged files raise OSError, ValueError, zip and zlib errors
        raise _damaged(path, error) from error
    if odd := [name for name, array in zip(names, found, strict=True) if not isinstance(array, np.ndarray)]:
        raise DataError(f"data npz:{path}: '{odd[0]}' is not an array; write it again with numpy.savez")
    return found


def _sizes(path: Path) -> dict[str, int]:
    """Bytes of each array by name."""
    if reason := reason_unreadable(path):
        raise DataError(f"data npz:{path}: {reason}")
    try:
        with zipfile.ZipFile(path) as archive:
            return {entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.infolist()}
    except Exception as error:  # an .npy file is not a zip either
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"data npz:{path}: truncated or not an npz of plain arrays ({first_line(error)[:120]})")
