"""How far the run is: points done, samples per second, time left.

Owns: what is shown on stderr by the leading process: a moving bar on a terminal, a line every ten seconds in a log file.
"""

from __future__ import annotations

import sys
import time

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Of `total` points, `done` are there already; each takes `samples` samples, unless `update` is told otherwise."""

    def __init__(self, total: int, done: int, samples: int, *, label: str, quiet: bool):
        self._total, self._done, self._each, self._label = total, done, samples, label
        self._computed, self._samples = 0, 0.0
        self._started, self._said = time.monotonic(), time.monotonic()
        self._quiet, self._bar = quiet, None
        if not quiet and sys.stderr.isatty():
            from tqdm import tqdm

            layout = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} points{postfix}, {remaining} left"
            self._bar = tqdm(total=total, initial=done, desc=label, dynamic_ncols=True, bar_format=layout)

    def update(self, samples: float | None = None, expected: int | None = None) -> None:
        """One more point is done, with so many samples; `expected` points are now thought to be needed in all."""
        self._computed += 1
        self._samples += self._each if samples is None else samples
        now = time.monotonic()
        seconds = max(now - self._started, 1e-9)
        speed, expected = f"{self._samples / seconds:,.0f} samples/s", expected or self._total
        if self._bar is not None:
            self._bar.total = expected
            self._bar.set_postfix_str(speed, refresh=False)
            self._bar.update(1)
        elif not self._quiet and now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            at = self._done + self._computed
            left = max(expected - at, 0) * seconds / self._computed
            grid = "" if expected == self._total else f" of a grid of {self._total}"
            _write(f"{self._label}: {at}/{expected} points{grid}, {speed}, {clock(left)} left\n")

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception) -> None:
        if self._bar is not None:
            self._bar.close()


def note(text: str, *, label: str, quiet: bool) -> None:
    """A line about what is going on before or after the points."""
    if not quiet:
        _write(f"{label}: {text}\n")


def _write(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()


def clock(seconds: float) -> str:
    """
    >>> clock(3725)
    '1:02:05'
    >>> clock(65)
    '1:05'
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
