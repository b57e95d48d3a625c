"""What the shell prints. Only the first rank prints.

Owns: that a line stays a line: whatever a file says passes through `printable` here, so that it can neither act on the
terminal nor pretend to be a line of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from landscape.printable import printable
from landscape.sweep.launch import launched_rank


def speaks() -> bool:
    return launched_rank() == 0


def say(lines: Iterable[str]) -> None:
    """On stdout, from the first rank."""
    if speaks():
        for line in lines:
            print(printable(line), flush=True)
