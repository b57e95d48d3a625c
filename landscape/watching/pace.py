"""How fast a run goes, by the times at which its file was written.

Owns: the rate over the last two minutes, and the time left. These are differences of the file's own times, so a clock that
differs from ours, as on a network drive, does no harm.
"""

from __future__ import annotations

from collections import deque

# Seconds that a rate is taken over: long enough that points of different cost even out, short enough to follow a change.
WINDOW = 120.0


class Pace:
    """The pace of whatever is counted; see `seen`."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def seen(self, at: float, done: float) -> None:
        """Counts `done` at the time `at` (seconds). Fewer than before, or an earlier time, is another run."""
        if self._seen and (done < self._seen[-1][1] or at < self._seen[-1][0]):
            self._seen.clear()
        self._seen.append((at, done))
        while len(self._seen) > 2 and self._seen[1][0] < at - WINDOW:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Per second; None until two states with some progress between them are known."""
        if len(self._seen) < 2:
            return None
        (first, before), (last, now) = self._seen[0], self._seen[-1]
        return (now - before) / (last - first) if last > first and now > before else None

    def left(self, total: float | None) -> float | None:
        """Seconds from the last state to the end; None when it is not known."""
        rate = self.rate
        return None if rate is None or total is None else max(total - self._seen[-1][1], 0.0) / rate
