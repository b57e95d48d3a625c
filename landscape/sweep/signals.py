"""Ctrl-C and SIGTERM, from the first line of a run to its last save.

Owns: turning both into one request to stop. It is raised as `Interrupted` in the main thread, once; it waits while a file is
being written; and it is not lost when a library swallows the exception, as Python does inside callbacks and `__del__`: it is
raised again every second until our own code has seen it, and the loops ask for it between two points. A process whose main
thread is inside a call that does not return is ended by watch.py.

A second Ctrl-C changes nothing: the first is being answered.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType

from landscape.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def name_of(number: int) -> str:
    """What messages call a signal."""
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


class Stop:
    """The request to stop of this process; `name` is that of the signal, None while there was none."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.answered = False
        """Our own code has seen the request, and ends the run."""
        self.raises = True
        """Whether a signal is raised at once; otherwise only `check` raises it."""
        self.patient = False
        """The first signal is answered in another way, as in training, which finishes its step."""
        self.saves: Callable[[], None] | None = None
        """Writes what is computed; called from another thread when the main thread does not answer."""
        self.handled: list[int] = []
        """The signals that come here."""
        self.writing = threading.RLock()
        self._held, self._again = 0, False

    @property
    def pending(self) -> bool:
        """Whether there is a request that nobody has answered."""
        return self.name is not None and not self.answered

    @property
    def text(self) -> str:
        return f"stopped by {self.name}"

    def check(self) -> None:
        """Raises Interrupted if there is a request that nobody has answered; takes signals back that a user's code has taken."""
        for number in self.handled if not self.patient else ():
            if not is_ours(self, number) and threading.current_thread() is threading.main_thread():
                signal.signal(number, self.on_signal)
        if self.pending:
            raise Interrupted(self.text)

    def overheard(self, numbers: Iterable[int]) -> None:
        """Signals of this process, from another thread: one that a user's code handles in its own way is a request as well."""
        for number in numbers:
            if number in self.handled and not (self.patient or is_ours(self, number)):
                self.name = self.name or name_of(number)

    def answer(self) -> None:
        """From here on the request is not raised again: what is left to do is to save and to leave."""
        self.answered = self.answered or self.name is not None

    def elsewhere(self, text: str) -> Interrupted:
        """The error for a signal that another rank received. A launcher sends it to all, and here it would come too late."""
        self.name, self.answered = self.name or "another rank", True
        return Interrupted(text)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Within the block a signal waits; after it, it is raised. One that waits in vain, for another rank, ends the process
        (watch.py)."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        self.late()

    def hold(self) -> None:
        """From here on a file is written: a signal waits, and does not end the process. A context manager would take its share of
        a tiny net's point."""
        self._held += 1
        self.writing.acquire()

    def let_go(self) -> None:
        """It is written; `late` raises what has come."""
        self.writing.release()
        self._held -= 1

    def late(self) -> None:
        """Raises a signal that came within the block."""
        if self.raises and not self._held:
            self.check()

    def again(self, number: int) -> None:
        """Raises an unanswered request by this signal once more in the main thread; called from another thread."""
        self._again = True
        signal.pthread_kill(threading.main_thread().ident or 0, number)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        repeated, self._again = self._again, False
        if not repeated and self.name:
            return
        self.name = self.name or name_of(number)
        if self.raises and not self._held and not _torch_starts():  # then it is raised again a second later
            self.check()


def _torch_starts() -> bool:
    """Whether torch is being imported: parts of it are C++ that does not survive an exception from a signal."""
    return bool(getattr(getattr(sys.modules.get("torch"), "__spec__", None), "_initializing", False))


_current: Stop | None = None


def current() -> Stop:
    """The request of the `interruptible` block that we are in; one that never comes, outside of any and in other threads."""
    here = threading.current_thread() is threading.main_thread()
    return _current if _current is not None and here else Stop()


@contextlib.contextmanager
def interruptible(
    *, watched: Callable[[Stop], contextlib.AbstractContextManager] | None = None, raises: bool = True
) -> Iterator[Stop]:
    """Within the block either signal stops the run. Inside another such block it is the same request.

    `watched` runs around the block, which it may end. Outside the main thread Python delivers no signals, and none is handled.
    Without `raises` signals are only remembered, until the block sets `Stop.raises`.
    """
    global _current
    if threading.current_thread() is not threading.main_thread():
        yield Stop()
        return
    if _current is not None:
        yield _current
        return
    _forget_in_children()
    stop, before = Stop(), {}
    stop.raises = False  # a signal raised here would leave the handlers behind
    try:
        for number in heeded():
            before[number] = signal.signal(number, stop.on_signal)
        stop.handled = list(before)
        _current = stop
        with watched(stop) if watched else contextlib.nullcontext():
            stop.raises = raises
            stop.late()
            yield stop
            raises, stop.raises = stop.raises, False
    finally:
        stop.raises, stop.handled, _current = False, [], None
        for number, handler in reversed(before.items()):  # SIGINT last: Python raises it at once
            signal.signal(number, handler)
    if raises:
        stop.check()


def heeded() -> list[int]:
    """Both signals but those that whoever started the process has it ignore, as a script does for a job in its background."""
    return [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def is_ours(stop: Stop, number: int) -> bool:
    """Whether this signal still reaches the request: a user's code, or training, may handle it in its own way."""
    return signal.getsignal(number) == stop.on_signal


@functools.cache
def _forget_in_children() -> None:
    """A forked child, such as a worker of a data loader, answers signals itself, and not through the parent's descriptor."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget)


def _forget() -> None:
    global _current
    if _current is not None:
        _current = None
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            if getattr(signal.getsignal(number), "__func__", None) is Stop.on_signal:
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
