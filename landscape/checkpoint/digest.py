"""The hash of a checkpoint's files, computed while they are read, and one for several hashes.

Owns: the thread that does the first. Unpacking a checkpoint of many tensors keeps one core busy, hashing it another.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

BLOCK = 1 << 20


def joint_digest(hashes: Iterable[str]) -> str:
    """One hash of several, in their order: such as of all nets that a run is made of."""
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()


class Hashing:
    """Use as a context manager; leaving it, also by an error, stops the thread."""

    def __init__(self, files: Sequence[Path]):
        self._files, self._stop = files, threading.Event()
        self._digest = hashlib.sha256()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="hashing", daemon=True)

    def result(self) -> str:
        """The SHA-256 of all files, one after the other, in hexadecimal.

        Raises:
            OSError: one of them cannot be read.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._digest.hexdigest()

    def __enter__(self) -> Hashing:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            for file in self._files:
                with file.open("rb") as stream:
                    while (block := stream.read(BLOCK)) and not self._stop.is_set():
                        self._digest.update(block)
        except OSError as error:
            self._error = error
