"""What a rank does with what it is told, however it is told: deals in, results out.

Owns: the loop of a rank, and the thread in which the leader's own points are computed. MPI is not known here: a follower
gets the same by messages (mpi.py).
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable

from landscape.sweep.hand import Hand, do_deal
from landscape.sweep.parts import Work

# To a rank: something to do; a wish that it give some of it back; go home. From a rank: deals done; an error; what it
# gives back.
TASK, ASK, STOP = 1, 2, 3
RESULT, FAILURE, GIVEN = 4, 5, 6
# The leader's main thread waits at most about so long for Python code of its compute thread, each time it looks.
SWITCH_SECONDS = 0.0005


class Stop(BaseException):
    """The leader lets a rank go; no Exception, so that it passes through an evaluation in progress."""

    def __init__(self, message: str | None, interrupted: bool):
        self.message, self.interrupted = message, interrupted


def serve(work: Work, incoming: Callable[[bool], Iterable[tuple]], outgoing: Callable[[int, object], None]) -> None:
    """Does what comes in until `Stop`; `incoming(wait)` gives (tag, content), after waiting for some if told so."""
    hand = Hand()

    def listen(wait: bool = False) -> None:
        for tag, content in incoming(wait):
            if tag == STOP:
                raise Stop(*content)
            if tag == TASK:
                hand.take(content)
            else:
                outgoing(GIVEN, hand.give(content, time.perf_counter()))

    while True:
        listen(wait=not hand)
        if not hand:
            continue
        done, failed = do_deal(hand, work, listen)
        if failed:
            hand.drop()
            outgoing(FAILURE, (done.tasks, failed))
        else:
            outgoing(RESULT, tuple(done))


class ComputeThread:
    """The leader's own evaluations: what a follower gets and sends as messages. A daemon: it never blocks an exit."""

    def __init__(self, work: Work):
        self._in: queue.SimpleQueue = queue.SimpleQueue()
        self._out: queue.SimpleQueue = queue.SimpleQueue()
        self._work = work
        # Python code in an evaluation would hold up each message by so long
        self._interval_before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._thread = threading.Thread(target=self._run, name="landscape-compute", daemon=True)
        self._thread.start()

    def give(self, tag: int, content) -> None:
        self._in.put((tag, content))

    def take(self, timeout: float) -> tuple:
        """The next (tag, content); raises queue.Empty when there is none in time."""
        return self._out.get(timeout=timeout) if timeout else self._out.get_nowait()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self, content) -> None:
        """After the chunk in hand, if any."""
        sys.setswitchinterval(self._interval_before)
        self.give(STOP, content)

    def _run(self) -> None:
        with contextlib.suppress(Stop):
            serve(self._work, self._incoming, lambda tag, content: self._out.put((tag, content)))

    def _incoming(self, wait: bool):
        if wait:
            yield self._in.get()
        while not self._in.empty():
            yield self._in.get()
