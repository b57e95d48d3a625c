"""From the changes of a file to states and lines, tick by tick.

Owns: when a file is read again, and what is said when it comes, changes, vanishes, cannot be read or is done. Waits for nothing
itself: whoever watches calls `tick` as often as it likes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from landscape.errors import LandscapeError
from landscape.watching.identity import Stamp, identity, is_written
from landscape.watching.pace import Pace
from landscape.watching.reading import ResultState, read
from landscape.watching.state import COMPLETE, RUNNING, UNREADABLE, WAITING, State, progress_text

# Reading takes at most one hundredth of a core, but a state is never left unread for longer than this.
READING_SHARE, LONGEST_PAUSE = 0.01, 0.3
NOBODY = "no process writes it; the same command continues the run"


class Watcher:
    """Watches one file or run folder. `clock` counts seconds; `look`, `load` and `written_by` are replaced in tests."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        look: Callable[[Path], Stamp | None] = identity,
        load: Callable[[Path], ResultState] = read,
        written_by: Callable[[Path], bool | None] = is_written,
    ):
        self.path = path
        self.stamp: Stamp | None = None
        self.state = State(str(path), WAITING)
        self._clock, self._look, self._load, self._written_by = clock, look, load, written_by
        self._pace, self._next = Pace(), clock()

    @property
    def began(self) -> bool:
        """Whether there has been something to read."""
        return self.state.reading is not None

    def tick(self) -> list[str]:
        """Looks at the file, reads it if it has changed, and returns what there is to say about that."""
        try:
            stamp = self._look(self.path)
        except LandscapeError as error:
            return self._cannot(str(error))
        if stamp is None:
            return self._absent()
        if stamp == self.stamp:
            return self._alone()
        if self._clock() < self._next:
            return []
        started = self._clock()
        self.stamp = stamp  # of before the reading: what is written meanwhile is read again
        try:
            reading = self._load(self.path)
        except LandscapeError as error:
            return self._cannot(str(error))
        except Exception as error:  # a file of a kind that nobody has thought of must not end the watch
            return self._cannot(f"unexpected {type(error).__name__}")
        finally:
            ended = self._clock()
            self._next = ended + min((ended - started) / READING_SHARE, LONGEST_PAUSE)
        return self._read(reading, stamp)

    def _read(self, reading: ResultState, stamp: Stamp) -> list[str]:
        before = self.state
        other = before.reading is not None and before.reading.run != reading.run
        if other:
            self._pace = Pace()
        if stamp.written is not None:
            self._pace.seen(stamp.written, reading.count.done)
        phase = COMPLETE if reading.count.complete else RUNNING
        self.state = replace(
            before, phase=phase, said="complete" if phase == COMPLETE else "", reading=reading,
            rate=self._pace.rate, left=self._pace.left(reading.count.total), written=stamp.written,
        )  # fmt: skip
        said = []
        if other:
            said.append(f"{self.path}: another run is in it now: {reading.title}")
        elif before.reading is None:
            said.append(f"{self.path}: {reading.title}")
        elif before.phase in (WAITING, UNREADABLE):
            said.append(f"{self.path}: can be read again")
        if phase == COMPLETE and (before.phase != COMPLETE or other):
            said.append(f"{self.path}: complete, {progress_text(reading.count)}")
        return said

    def _absent(self) -> list[str]:
        said = "is gone; waiting for it" if self.began or self.stamp else "not there yet; waiting for it"
        self.stamp = None
        return self._changed(WAITING, said)

    def _cannot(self, message: str) -> list[str]:
        """The message begins with the name of the file, or says which of a folder's files is meant."""
        return self._changed(UNREADABLE, f"cannot be read now: {message}")

    def _changed(self, phase: str, said: str) -> list[str]:
        if (self.state.phase, self.state.said) == (phase, said):
            return []
        self.state = replace(self.state, phase=phase, said=said)
        return [f"{self.path}: {said}"]

    def _alone(self) -> list[str]:
        """Says once that nobody writes a file that is not complete."""
        reading = self.state.reading
        if self.state.phase != RUNNING or reading is None or self.state.said == NOBODY or not self._is_left():
            return []
        self.state = replace(self.state, said=NOBODY)
        return [f"{self.path}: {progress_text(reading.count)}; {NOBODY}"]

    def _is_left(self) -> bool:
        """A writer writes for the last time before it gives its lock back, so the file is looked at after the lock."""
        try:
            return self._written_by(self.path) is False and self._look(self.path) == self.stamp
        except LandscapeError:
            return False
