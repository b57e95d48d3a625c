"""The progress report of a training run, and its graceful stop.

Owns: a progress bar on a terminal, a line every ten seconds in a log file, and a line for each row of the log; and the
handling of Ctrl-C and SIGTERM, after which the run stops between two steps.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

from landscape.sweep.progress import SECONDS_BETWEEN_LINES, clock
from landscape.sweep.signals import current, heeded, name_of

SHOWN = {"train_loss": "loss", "train_accuracy": "accuracy", "test_loss": "test loss", "test_accuracy": "test accuracy"}


class Reporter:
    """Progress over `steps` steps, of which `done` are done; `work(step)`: the cost of the steps before, in any unit."""

    def __init__(self, steps: int, done: int, work: Callable[[int], float], *, label: str, quiet: bool) -> None:
        self._steps, self._first, self._work, self._label, self._quiet = steps, done, work, label, quiet
        self._started = self._last_report = time.monotonic()
        self._samples, self._bar = 0, None
        if not quiet and sys.stderr.isatty():
            from tqdm import tqdm

            layout = "{desc}: {percentage:3.0f}%|{bar}| step {n_fmt}/{total_fmt}{postfix}"
            self._bar = tqdm(total=steps, initial=done, desc=label, dynamic_ncols=True, bar_format=layout)

    def is_due(self) -> bool:
        """Whether to report now; a report waits for the device, because it reads the sums there."""
        pause = 1.0 if self._bar else SECONDS_BETWEEN_LINES
        return not self._quiet and time.monotonic() - self._last_report >= pause

    def step(self, samples: int) -> None:
        self._samples += samples
        if self._bar is not None:
            self._bar.update(1)

    def report(self, step: int, epoch: float, sums: Mapping[str, Any], lr: float) -> None:
        """Reports the progress, with means since the last row."""
        self._last_report = now = time.monotonic()
        seconds = max(now - self._started, 1e-9)
        total, here, first = (self._work(k) for k in (self._steps, step, self._first))
        left = (total - here) * seconds / max(here - first, 1e-9)
        means = {f"train_{k}": float(v) / sums["samples"] for k, v in sums.items() if k in ("loss", "accuracy")}
        text = f"epoch {epoch:.2f}, {shown(means)}, lr {lr:.3g}, {self._samples / seconds:,.0f} samples/s, {clock(left)} left"
        if self._bar is not None:
            self._bar.set_postfix_str(text)
        else:
            _write(f"{self._label}: {text}\n")

    def report_row(self, row: Mapping[str, Any]) -> None:
        """Reports a row of the log."""
        if self._quiet:
            return
        self._last_report = time.monotonic()
        line = f"{self._label}: epoch {row['epoch']:.4g} done: {shown(row)}"
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            _write(line + "\n")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def shown(values: Mapping[str, Any]) -> str:
    """Losses and accuracies in words.

    >>> shown({"train_loss": 0.12345, "test_accuracy": 0.9})
    'loss 0.1235, test accuracy 90.0 %'
    """
    parts = []
    for name, label in SHOWN.items():
        if name in values:
            value = values[name]
            parts.append(f"{label} {100 * value:.1f} %" if "accuracy" in name else f"{label} {value:.4g}")
    return ", ".join(parts)


class StopRequest:
    """A request to stop; `name` is that of the signal, or None while there was none."""

    name: str | None = None


@contextlib.contextmanager
def graceful_stop() -> Iterator[StopRequest]:
    """Within the block the first Ctrl-C or SIGTERM only sets the name of the request; a second one acts at once."""
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in heeded()}
    outer = current()
    outer.patient = True

    def note(number: int, frame: FrameType | None) -> None:
        stop.name = name_of(number)
        for other, handler in before.items():
            signal.signal(other, handler)

    for number in before:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        outer.patient = False
        for number, handler in before.items():
            signal.signal(number, handler)


def _write(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()
