"""Threads that share whole pieces of work, such as batches, instead of waiting for each other at every layer of a net.

Owns: `Team`, its threads, and how they end. torch's own threads divide each operation; beside other work on the same cores each
of them waits, spinning, until the last one has had its turn, many times per batch. Those of a team meet once per piece.

Knows no net: objective/sharing.py decides whether batches of an objective may be shared, curvature/tapes.py shares products.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import torch

# An error or a signal waits this long for the pieces in progress, which read the weights of the net. Ctrl-C in the shell ends
# the process sooner (sweep/watch.py).
GRACE_SECONDS = 10.0
_TICK = 0.1

T = TypeVar("T")
R = TypeVar("R")


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Within the block each operation is divided among `count` threads of torch."""
    before = torch.get_num_threads()
    if count != before:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


class Team:
    """`size` threads, started when they are first needed; they end with the team."""

    def __init__(self, size: int):
        self.size = size
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._process: int | None = None

    def map(self, work: Callable[[int, T], R], items: Iterable[T], *, inner: int = 1) -> list[R]:
        """`work(thread, item)` for each item, in the order of the items; `thread` is 0 .. size - 1.

        Items are taken from the iterator in the calling thread, each when a thread is free for it. Within a thread each
        operation of torch is divided among `inner` threads.

        Raises:
            What `work` raised, for the first item for which it did: the error that a loop would raise. No further item is
            begun, and those in progress are waited for.
        """
        self._start()
        done: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        begun: list[_Job] = []
        running = 0
        with torch_threads(inner):  # the count is one of the process in some versions of torch, of the thread in others
            try:
                for item in items:
                    begun.append(_Job(work, item, inner, done))
                    self._jobs.put(begun[-1])
                    running += 1
                    if running == self.size:
                        running -= 1
                        if done.get().error is not None:
                            break
                while running and not any(job.error for job in begun):
                    done.get()
                    running -= 1
            finally:
                self._settle(begun)
        for job in begun:
            if job.error is not None:
                raise job.error
        return [job.result for job in begun]

    def _start(self) -> None:
        if self._process == os.getpid():  # a forked child has none of its parent's threads
            return
        self._process, self._jobs = os.getpid(), queue.SimpleQueue()
        # daemons, so that a piece that never ends does not delay the end of the process
        for thread in range(self.size):
            threading.Thread(target=_serve, args=(thread, self._jobs), name="landscape-team", daemon=True).start()
        weakref.finalize(self, _dismiss, self._jobs, self.size)

    def _settle(self, begun: list[_Job]) -> None:
        """Returns when the pieces in progress have ended; a thread that does not answer is left to itself."""
        deadline = time.monotonic() + GRACE_SECONDS
        while pending := next((job for job in begun if not job.ended.is_set()), None):
            with contextlib.suppress(KeyboardInterrupt):  # the first one is being answered
                if not pending.ended.wait(_TICK) and not pending.taken:
                    pending.ended.set()  # the signal came before it was handed over
            if time.monotonic() > deadline:
                _dismiss(self._jobs, self.size)
                self._process = None
                return


class _Job:
    """One item, and what came of it."""

    def __init__(self, work: Callable[[int, Any], Any], item: Any, inner: int, done: queue.SimpleQueue[_Job]):
        self._work, self._item, self._inner, self._done = work, item, inner, done
        self._context = contextvars.copy_context()
        self.taken, self.ended = False, threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, thread: int) -> None:
        self.taken = True
        try:
            if torch.get_num_threads() != self._inner:
                torch.set_num_threads(self._inner)
            self.result = self._context.run(self._work, thread, self._item)
        except BaseException as error:  # also SystemExit: it is the caller's
            self.error = error
        self.ended.set()
        self._done.put(self)


def _serve(thread: int, jobs: queue.SimpleQueue[_Job | None]) -> None:
    while job := jobs.get():
        job.run(thread)
        del job  # and with it the item and its result


def _dismiss(jobs: queue.SimpleQueue[_Job | None], size: int) -> None:
    for _ in range(size):
        jobs.put(None)
