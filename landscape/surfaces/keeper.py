"""When results in memory reach the disk: often enough that little is lost, seldom enough that writing costs little.

Owns: the pace of writing, the lock of the output, the rescue copy when the disk is full, and that a file which somebody puts in
the place of the output meanwhile is kept. What is written is the business of the file's format.
"""

from __future__ import annotations

import errno
import os
import secrets
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from landscape.atomic import OutputLock, replaceable
from landscape.errors import Notice, SurfaceFileError
from landscape.regular import working_folder

MAX_SECONDS_UNSAVED = 2.0
# Writing takes 2 % of the time, so that fast points do not wear the disk; more where that would leave seconds of work
# unsaved, but never above a fifth, so that a slow disk does not slow the run.
WRITING_SHARE, MAX_WRITING_SHARE = 0.02, 0.2
# File systems keep times of change as coarsely as this, and show finer ones until they have written them.
COARSEST_SECONDS = 2.0


class Keeper:
    """Writes with `write(path)`, whole or not at all; `path` None keeps everything in memory.

    `done` counts the results that a rescue would keep; `lock` is that of `path`, if it is held already. Making one raises
    SurfaceFileError if another process writes the file.
    """

    def __init__(
        self,
        path: Path | None,
        write: Callable[[Path], None],
        done: Callable[[], int],
        what: str = "points",
        lock: OutputLock | None = None,
    ):
        self.path = path
        self._absolute, self._home = Path(os.path.abspath(path)) if path else None, working_folder()
        self._lock = lock or (locked(path) if path else None)
        self._write, self._done, self._what = write, done, what
        self._unsaved = False
        self._saved_at = time.monotonic()
        self._save_seconds = 0.0
        self._left = _state_of(path) if path else None  # how it was read, or the last write left it
        self._aside: Path | None = None

    def changed(self) -> None:
        """There is something new; it is written when a save is due."""
        self._unsaved = True
        waited = time.monotonic() - self._saved_at
        pause = min(MAX_SECONDS_UNSAVED, self._save_seconds / WRITING_SHARE)
        if waited >= max(pause, self._save_seconds / MAX_WRITING_SHARE):
            self.write()

    def later(self) -> None:
        """There is something new that can wait for the next write."""
        self._unsaved = True

    def save(self) -> None:
        """Writes what is not on disk yet; raises as `write`."""
        if self._unsaved:
            self.write()

    def standing(self, done: int, total: int) -> str:
        """As `112 of 1681 points are in noskip.h5`."""
        return f"{done} of {total} {self._what} are in {self.path or 'memory'}"

    def release(self) -> None:
        """Lets others write the file; nothing is written any more."""
        if self._lock is not None:
            self._lock.release()

    def write(self) -> None:
        """Writes everything now.

        Raises:
            SurfaceFileError: the disk is full or gone; the message names the rescue copy, if one could be written.
        """
        started, said = time.monotonic(), None
        if self.path and self._absolute:
            # a user's code may have gone elsewhere; the folder may have been renamed where it has not
            place = self.path if working_folder() == self._home else self._absolute
            try:
                said = self._keep_another(place)
                self._write(place)
                self._left = _state_of(place)
            except OSError as error:
                raise SurfaceFileError(self._rescued(self.path, error)) from error
        self._unsaved = False
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - started
        if said:
            warnings.warn(Notice(said), stacklevel=2)

    def _keep_another(self, path: Path) -> str | None:
        """Moves a file aside that is not the one of the last write, and returns what is to be said of it.

        Raises:
            OSError: something stands there that must not be moved, such as a device, or another program writes there again.
        """
        found = _state_of(path)
        if found is None or self._left is None or _is_same(found, self._left):
            return None
        real = replaceable(path)
        if self._aside is not None:
            raise OSError(
                errno.EBUSY, f"another program keeps writing it (before, {self._aside.name}); give another -o"
            )
        self._aside = real.with_name(f"{real.stem}.other-{secrets.token_hex(4)}{real.suffix}")
        os.rename(real, self._aside)
        return (
            f"{self.path} was changed or replaced by another program during the run; that file ({found[0]:,} bytes) is now "
            f"{self._aside}"
        )

    def _rescued(self, path: Path, error: OSError) -> str:
        reason = f"cannot write {path}: {error.strerror or error}"
        done = self._done()
        if not done:
            return f"{reason}; give another -o"
        rescue = Path(tempfile.gettempdir()) / f"landscape-rescue-{secrets.token_hex(4)}-{path.name}"
        try:
            self._write(rescue)
        except OSError:
            return f"{reason}; the file still holds what was saved before, make room and run the same command again"
        what = f"all {done} {self._what} done are" if done > 1 else f"the one {self._what.rstrip('s')} done is"
        return f"{reason}; {what} kept in {rescue}: make room, move it to {path}, run again"


def _state_of(path: Path) -> tuple[int, float] | None:
    """Size and time of the last change in seconds; None where there is no such file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime


def _is_same(found: tuple[int, float], left: tuple[int, float]) -> bool:
    return found[0] == left[0] and abs(found[1] - left[1]) <= COARSEST_SECONDS


def locked(path: Path) -> OutputLock:
    """The lock of an output.

    Raises:
        SurfaceFileError: another process writes it, or it cannot be written.
    """
    try:
        return OutputLock(path)
    except OSError as error:
        reason = f"{error.strerror or error}"
        wait = "wait for it, or " if error.errno == errno.EWOULDBLOCK else ""
        raise SurfaceFileError(f"cannot write {path}: {reason}; {wait}give another -o") from error
