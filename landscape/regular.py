"""Regular files: the only ones that are read or replaced, and how much may come out of one.

Owns: the refusal of pipes, sockets, devices and folders, which would block a read forever or never end, and the bound on
what a file may declare; and what tells a file or the working directory from another in its place. Knows no format.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

KINDS = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a pipe"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
)
# What a file may declare: this many bytes, or this many times its own size if that is more. Compressed arrays of numbers
# rarely shrink by more than a factor of ten; one that would grow a thousandfold is damaged or was made to fill the memory.
FREE, RATIO = 1 << 27, 64


def odd_kind(path: str | Path) -> str | None:
    """`is a pipe`, ... if a path leads to something else than a regular file; None if it is one or is not there.

    Raises:
        OSError: the path cannot be looked up, such as a name that is too long.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:  # a zero byte
        raise OSError(errno.EINVAL, "the name holds a zero byte") from None
    return next((word for is_kind, word in KINDS if is_kind(mode)), None)


def reason_unreadable(path: str | Path) -> str | None:
    """Why a file cannot be read, in a few words; None if it is a regular file that may be read."""
    try:
        if kind := odd_kind(path):
            return f"{kind}, expected a regular file"
        os.stat(path)
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return None if os.access(path, os.R_OK) else "cannot be read (no permission)"


def expanded(path: str | Path) -> Path:
    """The path with `~` replaced; a home folder that nobody has stays as written."""
    return Path(os.path.expanduser(path))


def is_folder(path: str | Path) -> bool:
    """Whether a path is a folder; false for one that cannot be looked up."""
    try:
        return os.path.isdir(path)
    except ValueError:  # a zero byte
        return False


def most_bytes(path: str | Path) -> int:
    """How many bytes a file may declare."""
    return max(FREE, RATIO * os.path.getsize(path))


def same_file(first: str | Path, second: str | Path) -> bool:
    """Whether two paths lead to one file, by whatever names and links; false where one of them is not there."""
    try:
        return os.path.samefile(first, expanded(second))
    except (OSError, ValueError):
        return False


def working_directory() -> str | None:
    """None where it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return None


def file_state(path: str | Path) -> tuple[int, int, int, int] | None:
    """What tells a file from one that is put in its place: device, number, size and time of change; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def working_folder() -> tuple[int, int]:
    """Device and number of the working directory: the same when it is renamed, and (0, 0) where it cannot be looked up."""
    found = file_state(".") or (0, 0)
    return found[0], found[1]
