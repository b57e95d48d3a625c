"""How far the run is: points done, samples per second, time left.

Owns: what is shown on stderr by the leading process: a moving bar on a terminal, a line every ten seconds in a log file.
"""

from __future__ import annotations

import sys
import time

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Of `total` points, `done` are there already; each takes `samples` samples."""

    def __init__(self, total: int, done: int, samples: int, *, label: str, quiet: bool):
        self._total, self._done, self._samples, self._label = total, done, samples, label
        self._computed, self._started, self._said = 0, time.monotonic(), time.monotonic()
        self._quiet, self._bar = quiet, None
        if not quiet and sys.stderr.isatty():
            from tqdm import tqdm

            layout = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} points{postfix}, {remaining} left"
            self._bar = tqdm(total=total, initial=done, desc=label, dynamic_ncols=True, bar_format=layout)

    def update(self) -> None:
        """One more point is done."""
        self._computed += 1
        now = time.monotonic()
        rate = self._computed / max(now - self._started, 1e-9)
        if self._bar is not None:
            self._bar.set_postfix_str(f"{rate * self._samples:,.0f} samples/s", refresh=False)
            self._bar.update(1)
        elif not self._quiet and now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            at = self._done + self._computed
            left = (self._total - at) / rate
            sys.stderr.write(
                f"{self._label}: {at}/{self._total} points, {rate * self._samples:,.0f} samples/s, {clock(left)} left\n"
            )
            sys.stderr.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception) -> None:
        if self._bar is not None:
            self._bar.close()


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
