"""What the shell prints. Only the first rank prints."""

from __future__ import annotations

from collections.abc import Iterable

from landscape.sweep.launch import launched_rank


def speaks() -> bool:
    return launched_rank() == 0


def say(lines: Iterable[str]) -> None:
    """On stdout, from the first rank."""
    if speaks():
        for line in lines:
            print(line, flush=True)
