"""What a file of weights is, by its first bytes.

Owns: files that are no weights at all (empty, a pointer of Git LFS), and the form of a file whose name does not say it. Reads no
tensor.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from landscape.errors import CheckpointError

ZIP, PICKLE, GIT_LFS = b"PK", b"\x80", b"version https://git-lfs"
TORCH, SAFETENSORS = ".pt", ".safetensors"
# Safetensors: the length of a header in eight bytes, then the header, which is JSON.
HEADER = 8


def start_of(path: Path) -> bytes:
    """The first bytes of a file.

    Raises:
        CheckpointError: it is empty, or a pointer to a file that is elsewhere. OSError: it cannot be opened.
    """
    with path.open("rb") as stream:
        start = stream.read(len(GIT_LFS))
    if not start:
        raise CheckpointError(f"checkpoint {path}: is empty (0 bytes); copy or write it again")
    if start == GIT_LFS:
        raise CheckpointError(f"checkpoint {path}: is a Git LFS pointer, not the file itself; run git lfs pull")
    return start


def suffix_of(path: Path) -> str | None:
    """The usual suffix of a file of its content; None where that is no form of weights.

    Raises:
        CheckpointError: see `start_of`.
    """
    try:
        start = start_of(path)
        if start.startswith(ZIP):
            with zipfile.ZipFile(path) as archive:
                return TORCH if any(name.endswith("data.pkl") for name in archive.namelist()) else None
    except (OSError, zipfile.BadZipFile):
        return None
    if start.startswith(PICKLE):
        return TORCH
    return SAFETENSORS if start[HEADER : HEADER + 1] == b"{" else None
