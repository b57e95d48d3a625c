"""Writing a file whole or not at all.

Owns: writing through a scratch file that replaces the old file in one step. A kill at any moment leaves the old file
or the new one, never half of one; an error leaves no scratch file behind. Knows no format.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields a scratch path in the same folder; the file written there replaces `path` when the block succeeds.

    Raises:
        OSError: no space, no permission or no folder; the old file is unchanged and the scratch file is removed.
    """
    scratch = path.with_name(f".{path.name}.tmp")
    try:
        yield scratch
        with scratch.open("rb+") as stream:
            os.fsync(stream.fileno())  # otherwise a crash of the machine could leave an empty file under the new name
        os.replace(scratch, path)
    except BaseException:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise
