"""The text of a watch: lines that stay, and one line of progress.

Owns: how both are written: on a terminal the progress is one line that is written over, elsewhere a new line every ten seconds at
most. Decides no words.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

from landscape.printable import printable
from landscape.sweep.progress import SECONDS_BETWEEN_LINES

# To the first column, and nothing to the right of it.
CLEAR = "\r\x1b[K"


class Terminal:
    """Writes to `stream`, by default what is stdout now."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic):
        self._stream, self._clock = stream or sys.stdout, clock
        self._in_place = self._stream.isatty()
        self._shown, self._at = "", clock() - SECONDS_BETWEEN_LINES

    def say(self, text: str) -> None:
        """A line that stays."""
        kept, self._shown = (self._shown if self._in_place else ""), ""
        self._write((CLEAR if kept else "") + printable(text) + "\n")

    def progress(self, text: str) -> None:
        """The line of progress, if it is another one and its turn has come."""
        text = printable(text)
        if text == self._shown:
            return
        if self._in_place:
            # A line that wraps could not be written over.
            wide = shutil.get_terminal_size().columns - 1
            self._write(CLEAR + (text if len(text) <= wide else text[: max(wide - 1, 0)] + "…"))
        elif self._clock() - self._at >= SECONDS_BETWEEN_LINES:
            self._at = self._clock()
            self._write(text + "\n")
        else:
            return
        self._shown = text

    def close(self) -> None:
        """Ends a line that is still open."""
        if self._in_place and self._shown:
            self._write("\n")
        self._shown = ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
