"""What there is to say about a watched file at one moment.

Owns: `State`, the words of its progress, and its plain form, which the page gets as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from landscape.scene.text import short
from landscape.sweep.progress import clock
from landscape.watching.counting import Count
from landscape.watching.reading import ResultState

# A file that is not there (yet, or any more), that cannot be read, that grows, that is done.
WAITING, UNREADABLE, RUNNING, COMPLETE = "waiting", "unreadable", "running", "complete"


@dataclass(frozen=True)
class State:
    """`said` is one sentence on it; `reading` the last that could be read.

    `rate` is per second and `left` in seconds, None while unknown. `written`: seconds since the epoch.
    """

    file: str
    phase: str
    said: str = ""
    reading: ResultState | None = None
    rate: float | None = None
    left: float | None = None
    written: float | None = None

    @property
    def line(self) -> str:
        """The state on one line."""
        if self.phase not in (RUNNING, COMPLETE) or self.reading is None:
            return f"{self.file}: {self.said}"
        words = [self.said] if self.said else self.pace
        return ", ".join([f"{self.file}: {progress_text(self.reading.count)}", *words])

    @property
    def pace(self) -> list[str]:
        """Rate and time left in words, as far as they are known; nothing of a run that is done."""
        if self.phase != RUNNING or self.reading is None or self.rate is None:
            return []
        unit = self.reading.count.unit
        slow = self.rate < 1 / 60
        rate = f"{short(self.rate * 3600)} {unit} per hour" if slow else f"{short(self.rate)} {unit} per second"
        most = "at most " if self.reading.count.at_most else ""
        return [rate, *([f"{most}{clock(self.left)} left"] if self.left is not None else [])]

    def plain(self, now: float) -> dict[str, Any]:
        """Texts and numbers for the page; `now` in seconds since the epoch."""
        found = self.reading
        return {
            "file": self.file,
            "phase": self.phase,
            "said": self.said,
            "age": None if self.written is None else round(max(0.0, now - self.written), 1),
            "title": found.title if found else "",
            "share": share_of(found.count) if found else None,
            "progress": progress_text(found.count) if found else "",
            "pace": ", ".join(self.pace),
            "columns": list(found.columns) if found else [],
            "rows": [list(row) for row in found.rows] if found else [],
            "facts": list(found.facts) if found else [],
        }


def progress_text(count: Count) -> str:
    """How much is done, such as "1,204 of 2,601 points (46 %), 1 failed"."""
    failed = f", {count.failed:,} failed" if count.failed else ""
    done, share = _number(count.done), share_of(count)
    if count.total is None or share is None:
        return f"{done} {count.unit}{failed}"
    most = "at most " if count.at_most else ""
    # Only what is complete is said to be 100 %.
    percent = int(100 * share) if not count.complete else 100
    return f"{done} of {most}{_number(count.total)} {count.unit} ({percent} %){failed}"


def share_of(count: Count) -> float | None:
    """0 to 1; None when the total is not known."""
    if count.complete:
        return 1.0
    return min(count.done / count.total, 1.0) if count.total else None


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:,.2f}"
