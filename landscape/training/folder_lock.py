"""The lock on a run folder: one process writes there, and in it one writer.

Owns: `FolderLock`. It is one of the system (flock), which ends with the process; where there is none, nothing is locked.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class FolderLock:
    """A lock that `take` gets and `release` gives back, as does the end of the object or of the process."""

    def __init__(self, path: Path) -> None:
        self._path, self._held, self._owner = path, -1, 0

    def take(self) -> bool:
        """Whether the folder, which must exist, is ours now; False if another holds it."""
        try:
            import fcntl
        except ImportError:
            return True
        held = os.open(self._path, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            return False
        except BaseException:
            os.close(held)
            raise
        self._held, self._owner = held, os.getpid()
        return True

    def release(self) -> None:
        """Unlocks the folder, also for processes that were forked while it was held; these keep it locked."""
        held, self._held = self._held, -1
        if held < 0:
            return
        if self._owner == os.getpid():
            import fcntl

            with contextlib.suppress(OSError):
                fcntl.flock(held, fcntl.LOCK_UN)
        os.close(held)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # at the end of the interpreter
            self.release()
