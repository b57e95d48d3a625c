"""What the page shows now, shared by the thread that watches and those that serve.

Owns: the latest state and picture, and waiting for the next. Both are kept as the bytes that are sent.
"""

from __future__ import annotations

import json
import threading
import time

from landscape.watching.painter import Picture
from landscape.watching.state import State


class Board:
    """The number of a state rises with whatever changes on the page; pictures count for themselves."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._state: State | None = None
        self._picture, self._drawn, self._number, self._closed = Picture(b""), 0, 0, False

    def put(self, state: State) -> None:
        """Shows a state, if it differs from the one shown."""
        with self._changed:
            if state != self._state:
                if _another_run(self._state, state):
                    self._picture = Picture(b"")
                    self._drawn += 1
                self._state = state
                self._next()

    def hang(self, picture: Picture) -> None:
        """Shows a picture; one that could not be drawn leaves the last one where it is, with a note."""
        with self._changed:
            if picture.svg:
                self._picture, self._drawn = picture, self._drawn + 1
            else:
                self._picture = Picture(self._picture.svg, picture.note)
            self._next()

    def close(self) -> None:
        """Lets all go who wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def svg(self) -> bytes:
        with self._changed:
            return self._picture.svg

    def wait(self, after: int, seconds: float) -> tuple[int, bytes] | None:
        """(number, JSON) of a state after number `after`, as soon as there is one; None after that time.

        At the end the last state is still given; then None comes at once.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or self._closed, seconds)
            if self._number <= after or self._state is None:
                return None
            facts = self._state.plain(time.time())
            facts |= {"picture": self._drawn, "note": self._picture.note}
            return self._number, json.dumps(facts).encode()

    @property
    def closed(self) -> bool:
        return self._closed

    def _next(self) -> None:
        self._number += 1
        self._changed.notify_all()


def _another_run(before: State | None, now: State) -> bool:
    """Whether a picture of the state before would stand under the name of another run."""
    if before is None or before.reading is None or now.reading is None:
        return False
    return before.reading.run != now.reading.run
