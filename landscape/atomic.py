"""Writing a file whole or not at all.

Owns: the one way in which files of ours reach the disk. A kill at any moment leaves the old file or the new one, never
half of one, and an error leaves nothing behind. Knows no format.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A scratch path in the same folder; what is written there replaces `path` when the block ends well.

    Raises:
        OSError: no room, no permission, no folder; the old file is as it was and the scratch file is gone.
    """
    scratch = path.with_name(f".{path.name}.tmp")
    try:
        yield scratch
        with scratch.open("rb+") as stream:
            os.fsync(stream.fileno())  # else a crash of the machine could leave the new name with no content
        os.replace(scratch, path)
    except BaseException:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise
