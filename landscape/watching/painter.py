"""Pictures of a watched file, each drawn when the file has changed.

Owns: when a picture is due, and the process that draws (painting.py), which is started with the first one and again if it dies.
A state is drawn at once where the last drawing was quick; drawing takes at most a fifth of a core, and of a core that has other
work to do next to nothing, because the process has the lowest priority.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from landscape.watching.identity import Stamp

DRAWING_SHARE = 0.2
# Seconds that the end of the process is waited for.
LAST = 2.0
ENDED = "the process that draws has ended; it is started again with the next state"
Draw = Callable[[], tuple[bytes, str]]


@dataclass(frozen=True)
class Picture:
    """An SVG, or the `note` that says why there is none."""

    svg: bytes
    note: str = ""


class PaintingThread:
    """Draws by `draw` in a thread of its own, one picture at a time; `show` gets each."""

    def __init__(self, draw: Draw, show: Callable[[Picture], None], clock: Callable[[], float] = time.monotonic):
        self._draw, self._show, self._clock = draw, show, clock
        self._drawn: Stamp | None = None
        self._next = clock()
        self._thread: threading.Thread | None = None

    def tick(self, stamp: Stamp | None) -> bool:
        """Begins a picture of a new state if one is due; returns whether it did."""
        busy = self._thread is not None and self._thread.is_alive()
        if stamp is None or stamp == self._drawn or busy or self._clock() < self._next:
            return False
        self._drawn = stamp
        self._thread = threading.Thread(target=self._work, name="landscape-picture", daemon=True)
        self._thread.start()
        return True

    def finish(self) -> None:
        """Waits for the picture in the making."""
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        started = self._clock()
        picture = Picture(*self._draw())
        ended = self._clock()
        self._next = ended + (ended - started) * (1 / DRAWING_SHARE - 1)
        self._show(picture)


class Process:
    """The process that draws one file."""

    def __init__(
        self,
        path: Path,
        kind: str | None,
        metric: str | None,
        start: Callable[[], subprocess.Popen] | None = None,
    ):
        self._asked = json.dumps({"path": str(path), "kind": kind, "metric": metric}).encode() + b"\n"
        self._start = start or start_painting
        self._process: subprocess.Popen | None = None

    def draw(self) -> tuple[bytes, str]:
        """(SVG, "") or (nothing, why)."""
        try:
            if self._process is None or self._process.poll() is not None:
                self._process = self._start()
            asks, answers = self._process.stdin, self._process.stdout
            assert asks is not None and answers is not None
            asks.write(self._asked)
            asks.flush()
            return _answer(answers)
        except (OSError, ValueError):
            return b"", ENDED

    def close(self) -> None:
        """Ends it."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LAST)
        if self._process.poll() is None:
            self._process.kill()


def _answer(answers: IO[bytes]) -> tuple[bytes, str]:
    facts: dict[str, Any] = json.loads(answers.readline())  # ValueError for an empty line, at the end of the process
    picture = answers.read(facts["bytes"])
    if len(picture) < facts["bytes"]:
        raise ValueError("a picture that was cut off")
    return picture, facts["note"]


def start_painting() -> subprocess.Popen:
    """With our own places of modules, and apart from the terminal's Ctrl-C."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from landscape.watching.painting import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
