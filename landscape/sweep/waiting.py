"""How a rank waits for messages: the pauses between polls, and how long the leader may stay silent.

Owns: both, as plain numbers of seconds; mpi.py polls and sends. A follower that has nothing to do may wait for as long as others
compute, so that waiting says nothing. Under `--stall` it asks the leader, whose main thread answers within milliseconds.
"""

from __future__ import annotations

import time

from landscape.errors import LandscapeError
from landscape.sweep.watch import LAST_LATER

POLL_SECONDS = 0.002
# Ranks wait a second longer each, up to this, so that one of them ends the job before the next complains.
MOST_LATER = 3


def patience_of(rank: int, stall: float) -> float:
    """Seconds that a rank waits for one that is stopped: `stall` for its work, as long for its answer, and more, as it may be
    about to end the job itself."""
    return 2 * stall + LAST_LATER + min(rank, MOST_LATER)


class Backoff:
    """The time to sleep before the next poll: doubled each time, up to POLL_SECONDS."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._next = POLL_SECONDS / 32

    def next(self) -> float:
        now, self._next = self._next, min(2 * self._next, POLL_SECONDS)
        return now


class Silence:
    """Since when a follower that waits has not heard from the leader; `stall` None asks for nothing.

    Asked after `stall` seconds, the leader has as long again to answer, for it may be writing; see `patience_of`.
    """

    def __init__(self, stall: float | None, rank: int):
        self._stall, self._rank = stall, rank
        self.broken()

    def broken(self) -> None:
        """The leader has sent something."""
        self._since, self._asked = time.monotonic(), False

    def asks(self) -> bool:
        """Whether to ask the leader now.

        Raises:
            LandscapeError: it was asked, and is silent.
        """
        if self._stall is None:
            return False
        silent = time.monotonic() - self._since
        if self._asked and silent > patience_of(self._rank, self._stall):
            raise LandscapeError(f"rank 0 has not answered for {silent:.3g} s (--stall); it is stopped or stuck")
        self._asked, before = self._asked or silent > self._stall, self._asked
        return self._asked and not before
