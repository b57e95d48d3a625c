"""Progress of a run: points done, samples per second, time left.

Owns: the output of the leader on stderr: a progress bar on a terminal, a line every ten seconds in a log file.
"""

from __future__ import annotations

import sys
import time

from landscape.printable import printable
from landscape.wording import worded

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Progress over `total` points, of which `done` are in the file already; a point usually takes `samples` samples.

    `unit`: what is counted, if not points. With 0 samples a point, none are mentioned.
    """

    def __init__(self, total: int, done: int, samples: int, *, label: str, quiet: bool, unit: str = "points"):
        self._total, self._done, self._samples_per_point, self._label = total, done, samples, printable(label)
        self._computed, self._samples = 0, 0.0
        self._started, self._last_line = time.monotonic(), time.monotonic()
        self._quiet, self._bar, self._unit = quiet, None, unit
        if not quiet and sys.stderr.isatty():
            from tqdm import tqdm

            layout = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} " + unit + "{postfix}, {remaining} left"
            self._bar = tqdm(total=total, initial=done, desc=self._label, dynamic_ncols=True, bar_format=layout)

    def update(self, samples: float | None = None, expected: int | None = None, count: int = 1) -> None:
        """Counts one more point, which took `samples`; `expected`: the number of points that will be needed in all."""
        count = min(count, self._total - self._done - self._computed)
        self._computed += count
        self._samples += self._samples_per_point * count if samples is None else samples
        now = time.monotonic()
        seconds = max(now - self._started, 1e-9)
        expected = expected or self._total
        if self._bar is not None:
            self._bar.total = expected
            self._bar.set_postfix_str(self._speed(seconds), refresh=False)
            self._bar.update(count)
        elif not self._quiet and now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            at = self._done + self._computed
            left = max(expected - at, 0) * seconds / self._computed
            grid = "" if expected == self._total else f" of a grid of {self._total}"
            facts = [f"{at}/{expected} {self._unit}{grid}", self._speed(seconds), f"{clock(left)} left"]
            _write(f"{self._label}: {', '.join(filter(None, facts))}\n")

    def _speed(self, seconds: float) -> str:
        return f"{self._samples / seconds:,.0f} samples/s" if self._samples else ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()


def note(text: str, *, label: str, quiet: bool) -> None:
    """Writes a line before or after the points, unless `quiet`."""
    if not quiet:
        _write(f"{label}: {worded(text)}\n")


def _write(line: str) -> None:
    sys.stderr.write(printable(line.rstrip("\n")) + "\n")
    sys.stderr.flush()


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss.

    >>> clock(3725)
    '1:02:05'
    >>> clock(65)
    '1:05'
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
