"""Writing a file whole or not at all, by one writer at a time.

Owns: writing through a scratch file that replaces the old file in one step, which files may be replaced, how many were, and
the lock of an output that is written again and again. A kill at any moment leaves the old file or the new one, never half of
one; an error leaves no scratch file behind. Knows no format.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from landscape.errors import LandscapeError
from landscape.regular import is_folder, odd_kind

# A file system allows names of 255 bytes; a longer name than this is cut in the names of scratch files and locks.
LONGEST = 200
_SCRATCH = re.compile(r"\.[0-9a-f]{16}\.tmp$")


_placed = 0


def files_placed() -> int:
    """How many files this process has put in their places."""
    return _placed


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields a scratch path in the same folder; the file written there replaces `path` when the block succeeds.

    The scratch file is new and its name cannot be foreseen, so nothing that somebody laid there is written to. A link is
    followed: what it leads to is replaced, not the link.

    Raises:
        OSError: no space, no permission, no folder, or `path` is not a regular file (a pipe, a device); the old file is
            unchanged and the scratch file is removed.
    """
    global _placed
    if os.path.islink(path) and (missing := missing_folder(Path(path))):
        raise FileNotFoundError(errno.ENOENT, missing, str(path))
    path = replaceable(Path(path))
    scratch = path.with_name(f"{_hidden(path)}.{secrets.token_hex(8)}.tmp")
    _opened(scratch, os.O_CREAT | os.O_EXCL).close()
    try:
        yield scratch
        if os.stat(scratch).st_size == 0:
            raise FileNotFoundError(errno.ENOENT, "nothing was written", str(path))
        _flush(scratch)
        os.replace(scratch, path)
        _placed += 1
    except BaseException as error:
        full = _is_full(scratch) and _hides_its_reason(error)
        with contextlib.suppress(OSError):
            scratch.unlink()
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise


def _is_full(path: Path) -> bool:
    try:
        return os.statvfs(path).f_bavail == 0
    except (AttributeError, OSError):  # no such call on this system
        return False


def _hides_its_reason(error: BaseException) -> bool:
    """Encoders of pictures raise an OSError without a number, and a program that writes a film leaves a broken pipe."""
    found = disk_error(error)
    return found is not None and found.errno in (None, errno.EPIPE)


@contextlib.contextmanager
def disk_named(path: Path, advice: str) -> Iterator[None]:
    """Within: a failure of the disk becomes one line that names `path`.

    Raises:
        LandscapeError: the disk failed, whatever the library made of it.
    """
    try:
        yield
    except LandscapeError:
        raise
    except Exception as error:
        if found := disk_error(error):
            raise LandscapeError(f"cannot write {path}: {found.strerror or found}; {advice}") from error
        raise


def disk_error(error: BaseException | None) -> OSError | None:
    """The failure of the disk behind an error: libraries that compress raise another one when they close a cut-off file."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def replaceable(path: Path) -> Path:
    """Where writing to `path` ends up, links followed.

    Raises:
        OSError: there is something that must not be replaced, such as a pipe, a device or a folder.
    """
    try:
        path = Path(os.path.realpath(path))
    except ValueError:  # a zero byte
        raise OSError(errno.EINVAL, "the name holds a zero byte") from None
    if kind := odd_kind(path):
        raise OSError(errno.EINVAL, f"{kind}, not a regular file")
    return path


def missing_folder(path: Path) -> str | None:
    """Why no file can be written at `path`: its folder, or that of what a link of its name leads to, is not there; else None."""
    if not is_folder(path.parent):
        return f"the folder {path.parent} does not exist"
    try:
        place = Path(os.path.realpath(path))
    except ValueError:  # a zero byte, which is said where it is written
        return None
    return None if is_folder(place.parent) else f"links to {place}, whose folder does not exist"


# The locks of this process by place, each with the process that took it: a fork inherits the table, not the right.
_held: dict[Path, tuple[int, IO[bytes]]] = {}


class OutputLock:
    """The right of this process to write an output, until `release` or its end, whichever comes first.

    Held through `flock`, which the system drops with the process, however it dies: a lock that was left behind blocks
    nobody, and a notebook takes over what an interrupted cell still holds. Where the system or the file system has no such
    locks, there is none.
    """

    def __init__(self, path: Path):
        """Raises OSError, with the error number EWOULDBLOCK, when another process writes this output."""
        path = replaceable(path)
        self._place = lock_of(path)
        process, stream = _held.pop(self._place, (0, None))
        mine = stream is not None and process == os.getpid() and _is_at(stream, self._place)
        self._stream = stream if stream is not None and mine else _acquired(self._place)
        _held[self._place] = os.getpid(), self._stream
        remove_leftovers(path.parent, _hidden(path))

    def release(self) -> None:
        """Gives the right back, unless another lock of this process has taken it over."""
        if _held.get(self._place) == (os.getpid(), self._stream):
            del _held[self._place]
            with contextlib.suppress(OSError):
                self._place.unlink()
            self._stream.close()


def lock_of(path: Path) -> Path:
    """Where the lock of an output lies while a process holds it.

    Raises:
        OSError: as `replaceable`.
    """
    path = replaceable(path)
    return path.with_name(f"{_hidden(path)}.lock")


def _acquired(place: Path) -> IO[bytes]:
    while True:
        stream = _opened(place, os.O_CREAT)
        if not _lock(stream):
            holder = stream.read(20).decode(errors="replace").strip()
            stream.close()
            who = f"process {holder}" if holder.isdigit() else "another process"
            raise BlockingIOError(errno.EWOULDBLOCK, f"{who} is writing it")
        # The one who held it before may have removed the file between our opening and our locking.
        if _is_at(stream, place):
            with contextlib.suppress(OSError):  # a full disk: the number only makes the message to others clearer
                stream.truncate(0)
                stream.write(str(os.getpid()).encode())
            return stream
        stream.close()


def _is_at(stream: IO[bytes], place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.lstat(place))
    except OSError:
        return False


def remove_leftovers(folder: Path, start: str) -> None:
    """Removes the scratch files that killed writers left; `start` is that of their names. For the only writer of these."""
    with contextlib.suppress(OSError):
        for left in folder.iterdir():
            if left.name.startswith(start) and _SCRATCH.search(left.name):
                with contextlib.suppress(OSError):
                    left.unlink()


def _opened(path: Path, flags: int) -> IO[bytes]:
    """Of regular files only, and never through a link."""
    flags |= os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0)


def _lock(stream: IO[bytes]) -> bool:
    """Whether the lock is ours now, or there are none on this system."""
    try:
        import fcntl

        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return True
    return True


def _hidden(path: Path) -> str:
    """The beginning of the names of scratch files and of the lock of an output."""
    long = len(os.fsencode(path.name)) > LONGEST
    return f".{path.name[:40]}.{zlib.crc32(os.fsencode(path.name)):08x}" if long else f".{path.name}"


def _flush(path: Path) -> None:
    """Otherwise a crash of the machine could leave an empty file under the new name."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
