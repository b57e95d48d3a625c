"""Ctrl-C and SIGTERM during a run.

Owns: turning both into one exception on the leading process, so that what was computed is saved on the way out; the
other ranks leave the decision to the leader.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

from landscape.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def interruptible(*, leads: bool) -> Iterator[None]:
    """Within: the leader raises `Interrupted` at either signal, followers ignore both.

    Outside the main thread, where Python delivers no signals, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame) -> None:
        for other in SIGNALS:  # a second signal must not break the saving that follows
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted("stopped by " + ("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name))

    before = {number: signal.signal(number, interrupt if leads else signal.SIG_IGN) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
