"""Whether a result has changed on disk, without opening it.

Owns: `Stamp`, which differs whenever a file was written again, and the look at the lock that its writer holds. Results are
written whole and renamed, so a new state is a new file. Nothing is opened or locked here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from landscape.atomic import lock_of
from landscape.errors import LandscapeError
from landscape.regular import is_folder
from landscape.surfaces.run_log import CONFIG, LOG

# The last net of a training run, which is written when the run ends.
FINAL = "final.pt"


@dataclass(frozen=True)
class Stamp:
    """Of each file its name, inode, time of writing in nanoseconds and size; for a run folder, of those it has of three."""

    files: tuple[tuple[str, int, int, int], ...]

    @property
    def written(self) -> float | None:
        """Seconds since the epoch when it was last written; None for an empty folder."""
        return max((time for _, _, time, _ in self.files), default=0) / 1e9 or None


def identity(path: Path) -> Stamp | None:
    """The stamp of a file or run folder; None where there is nothing.

    Raises:
        LandscapeError: the place cannot be looked up, such as for lack of permission.
    """
    try:
        found = _stamp_of(path, "")
        if found is None:
            return None
        if not is_folder(path):
            return Stamp((found,))
        parts = (_stamp_of(path / name, name) for name in (CONFIG, LOG, FINAL))
        return Stamp(tuple(part for part in parts if part))
    except (OSError, ValueError) as error:
        raise LandscapeError(f"{path}: cannot be looked up ({getattr(error, 'strerror', None) or error})") from None


def _stamp_of(path: Path, name: str) -> tuple[str, int, int, int] | None:
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return name, found.st_ino, found.st_mtime_ns, found.st_size


def is_written(path: Path) -> bool | None:
    """Whether some process holds the right to write a file; None for a folder, whose lock leaves nothing to look at."""
    try:
        return None if is_folder(path) else os.path.lexists(lock_of(path))
    except OSError:
        return None
