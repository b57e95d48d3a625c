"""How far the run is: points done, samples per second, time left.

Owns: the one line on stderr, shown by the leading process only.
"""

from __future__ import annotations

import sys

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """A bar over `total` points of which `done` are there already; each point takes `samples` samples."""

    def __init__(self, total: int, done: int, samples: int, *, label: str, quiet: bool):
        self._samples = samples
        self._bar = None
        if not quiet:
            from tqdm import tqdm

            # in a log file a moving bar is noise: one line every ten seconds
            interval = 0.2 if sys.stderr.isatty() else SECONDS_BETWEEN_LINES
            self._bar = tqdm(
                total=total,
                initial=done,
                desc=label,
                unit="point",
                mininterval=interval,
                maxinterval=interval,
                dynamic_ncols=True,
                bar_format="{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} points{postfix}, {remaining} left",
            )

    def update(self) -> None:
        """One more point is done."""
        if self._bar is None:
            return
        elapsed = self._bar.format_dict["elapsed"]
        computed = self._bar.n + 1 - self._bar.initial
        if elapsed > 0:
            self._bar.set_postfix_str(f"{computed * self._samples / elapsed:,.0f} samples/s", refresh=False)
        self._bar.update(1)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception) -> None:
        if self._bar is not None:
            self._bar.close()
