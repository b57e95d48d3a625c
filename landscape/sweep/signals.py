"""Ctrl-C and SIGTERM during a run.

Owns: turning both into one exception on the leader, so that it saves its results before it exits. The other ranks
ignore both signals and wait for the leader's decision.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from landscape.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def interruptible(*, leads: bool) -> Iterator[None]:
    """Within the block the leader raises `Interrupted` at either signal, and followers ignore both.

    Has no effect outside the main thread, where Python delivers no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        for other in SIGNALS:  # a second signal must not interrupt the saving
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted("stopped by " + ("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name))

    before = {number: signal.signal(number, interrupt if leads else signal.SIG_IGN) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
