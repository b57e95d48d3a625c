"""A thread that ends a process whose main thread cannot: after a signal, or after `--stall`.

Owns: the thread, and how long it waits. A signal reaches it at once, also while the main thread is inside a call of a library;
Python itself would wait for the end of the call. Without a signal and without `--stall` it sleeps and costs nothing.

A call that keeps Python's global lock keeps this thread out too. For `--stall` there is a second clock, faulthandler's, which
needs no lock: it writes where every thread is, and exits.
"""

from __future__ import annotations

import contextlib
import faulthandler
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

from landscape.sweep.launch import launched_rank
from landscape.sweep.signals import SIGNALS, Stop, is_ours, name_of

# A signal that is not answered is raised again after this long, and ends the process after the other.
AGAIN_SECONDS, FORCED_SECONDS = 1.0, 5.0
# On a follower later: the leader has received the signal too, saves, and takes the followers with it.
FOLLOWER_SECONDS = 8.0
# The second clock, and the leader's (mpi.py), run a little later, so that the message comes from where the call is.
LEADER_LATER, LAST_LATER = 2.0, 4.0
# A thread that wakes up this late was stopped with its process, which says nothing of what is being done.
STOPPED_SECONDS = 1.0
_WAKE, _CLOSE = 254, 255  # no numbers of signals

End = Callable[[str, int], None]


class Clock:
    """What is being done, and since when; `doing` None is nothing."""

    def __init__(self) -> None:
        self._since: tuple[str | Callable[[], str], float] | None = None

    def start(self, doing: str | Callable[[], str]) -> None:
        self._since = (doing, time.monotonic())

    def stop(self) -> None:
        self._since = None

    @contextlib.contextmanager
    def running(self, doing: str) -> Iterator[None]:
        """Within the block this is being done."""
        self.start(doing)
        try:
            yield
        finally:
            self.stop()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Within the block this rank waits for others; then the clock starts again."""
        before, self._since = self._since, None
        try:
            yield
        finally:
            if before:
                self.start(before[0])

    def over(self, seconds: float, now: float) -> str | None:
        """What has been done for longer than this."""
        since = self._since
        if since is None or now - since[1] <= seconds:
            return None
        return since[0] if isinstance(since[0], str) else since[0]()


SET_UP, POINT = Clock(), Clock()
"""The step before or after the points that is in progress, or the write; and the point that this process is computing."""


class Watch:
    """Around a run, in the main thread. `end(text, status)` ends the process; `forces`: also when a signal is not answered."""

    _open: Watch | None = None

    def __init__(self, stop: Stop, end: End, *, forces: bool):
        self._stop, self._end, self._forces = stop, end, forces
        self._stall: float | None = None
        self._armed = False
        self._received: int = signal.SIGINT
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="landscape-watch", daemon=True)

    def __enter__(self) -> Watch:
        Watch._open = self
        self._before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        signal.set_wakeup_fd(self._before)
        self._tell(_CLOSE)
        self._thread.join()
        self._reader.close()
        self._writer.close()
        Watch._open = None

    @property
    def stall(self) -> float | None:
        """Seconds after which a point or a step of set-up ends the process."""
        return self._stall

    @stall.setter
    def stall(self, seconds: float | None) -> None:
        self._stall = seconds
        self._tell(_WAKE)

    def _tell(self, word: int) -> None:
        with contextlib.suppress(OSError):
            self._writer.send(bytes([word]))

    def _run(self) -> None:
        flagged: float | None = None  # when an unanswered signal came
        while True:
            tick = min(1.0, self._stall / 4) if self._stall else AGAIN_SECONDS if flagged else None
            slept = time.monotonic()
            ready = select.select([self._reader], [], [], tick)[0]
            received, now = self._reader.recv(64) if ready else b"", time.monotonic()
            if _CLOSE in received:
                break
            numbers = [number for number in received if number in SIGNALS]
            self._stop.overheard(numbers)
            if numbers and (flagged is None or not is_ours(self._stop, self._received)):
                flagged, self._received = now, numbers[0]
            elif flagged is not None and not ready:
                flagged = self._insist(flagged, now)
            self._check_stall(now, stopped=tick is not None and now - slept > tick + STOPPED_SECONDS)
        self._arm(None)

    def _insist(self, flagged: float, now: float) -> float | None:
        """Raises an unanswered signal again, and after a while ends the process; returns since when it waits."""
        stop = self._stop
        if stop.answered or not is_ours(stop, self._received) or (stop.patient and stop.name is None):
            return None
        if not stop.writing.acquire(blocking=False):
            return now  # a file is being written
        try:
            if self._forces and now - flagged > (FOLLOWER_SECONDS if launched_rank() else FORCED_SECONDS):
                self._end(stop.text if stop.name else f"stopped by {name_of(self._received)}", 130)
        finally:
            stop.writing.release()
        if stop.name:
            stop.again(self._received)
        return flagged

    def _check_stall(self, now: float, *, stopped: bool) -> None:
        """Not at once after a stop: a launcher may let a stopped process go on only to end it, once another rank has spoken."""
        self._arm(self._stall)
        if self._stall is None or stopped:
            return
        for clock in (POINT, SET_UP):
            if doing := clock.over(self._stall, now):
                self._end(f"{doing} has taken more than {self._stall:g} s (--stall)", 1)

    def _arm(self, seconds: float | None) -> None:
        """Sets the second clock, as long as this thread runs at all; None takes it away, unless it is another's."""
        if seconds is not None:
            faulthandler.dump_traceback_later(seconds + LAST_LATER, exit=True, file=sys.__stderr__ or 2)
        elif self._armed:
            faulthandler.cancel_dump_traceback_later()
        self._armed = seconds is not None


def limit(seconds: float | None) -> float | None:
    """Sets `--stall` for the rest of the watched block; returns the one before."""
    watch = Watch._open
    if watch is None:
        return None
    before, watch.stall = watch.stall, seconds
    return before


def allowed() -> float | None:
    """The `--stall` in force."""
    return Watch._open.stall if Watch._open else None


def end_at_once(text: str, status: int) -> None:
    """Ends the process of the watched block as `Watch` does, from another thread of ours; outside of such a block nothing."""
    if Watch._open is not None:
        Watch._open._end(text, status)
