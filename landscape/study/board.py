"""A board on which the ranks of torch.distributed leave word for each other without waiting: the store of the process group.

Owns: which rank failed first and why, that all ranks have come to a run, and the thread that ends a process whose pass waits for
a rank that has failed. A pass waits inside of a library, for half an hour by torch's default, and cannot be interrupted.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

from landscape.callables import explain
from landscape.errors import Ending, LandscapeError
from landscape.passing import is_passing
from landscape.sweep.meeting import PATIENCE_SECONDS, PeerGone
from landscape.sweep.watch import end_at_once

# How long a rank waits for another one that has not called the same function yet; it may still be reading a large file.
COME_SECONDS = 300.0
POLL_SECONDS = 0.25
# A rank that failed waits this long for the others to fail too (meeting.py); one that is still passing then waits in vain.
GRACE_SECONDS = PATIENCE_SECONDS
FIRST = "first"


class Board:
    """The part of the process group's store that belongs to run `number` of all runs of divided nets."""

    def __init__(self, number: int, rank: int, size: int):
        import torch.distributed as dist

        self._rank, self._size = rank, size
        store = dist.distributed_c10d._get_default_store()
        with contextlib.suppress(RuntimeError, NotImplementedError):
            store = store.clone()  # the other one is busy, and locked, while a process group waits in it
        self._store: Any = dist.PrefixStore(f"landscape/{number}", store)
        self._lost = False  # whoever held the store has ended; torch writes many lines each time it finds that out

    def come(self, seconds: float) -> None:
        """Returns when all ranks have come.

        Raises:
            LandscapeError: one does not come in time.
        """
        self._store.set(f"here/{self._rank}", "1")
        missing, deadline = list(range(self._size)), time.monotonic() + seconds
        while missing := [rank for rank in missing if not self._store.check([f"here/{rank}"])]:
            if time.monotonic() > deadline:
                self._store.delete_key(f"here/{self._rank}")  # or a later call of the others would find it
                raise LandscapeError(
                    f"rank {missing[0]} of {self._size} has not come for {seconds:g} s; a net that is divided among processes "
                    "takes the same call on all of them"
                )
            time.sleep(POLL_SECONDS / 10)

    def report(self, error: BaseException) -> PeerGone | None:
        """Says why this rank fails, unless another one has failed before; returns that one's error."""
        text = str(error) if isinstance(error, (LandscapeError, Ending)) else explain(error)
        with self._asking():
            if not self._lost:
                self._store.compare_set(FIRST, "", f"{self._rank} {text}")
        return self.first()

    def first(self) -> PeerGone | None:
        """The error of the rank that failed first; None if none has, or this one."""
        with self._asking():
            if not self._lost and self._store.check([FIRST]):
                rank, _, text = self._store.get(FIRST).decode().partition(" ")
                return None if int(rank) == self._rank else PeerGone(f"rank {rank} of {self._size}: {text}")
        return None

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError:
            self._lost = True

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Within the block this process is ended, with what was said, when it waits in a pass for a rank that has failed."""
        left = threading.Event()
        thread = threading.Thread(target=self._watch, args=(left,), name="landscape-board", daemon=True)
        thread.start()
        try:
            yield
        finally:
            left.set()
            thread.join(GRACE_SECONDS)  # it may wait for a store whose process is stopped

    def _watch(self, left: threading.Event) -> None:
        read: float | None = None
        while not left.wait(POLL_SECONDS):
            if (error := self.first()) is None:
                continue
            read = read or time.monotonic()
            if is_passing() and time.monotonic() - read > GRACE_SECONDS:
                end_at_once(str(error), 1)
