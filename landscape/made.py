"""What belongs to one run, and is another in the next: objects that classes and functions made, files as they were first read.

Owns: both for the run under way. An object may keep something from call to call, such as a count of steps, which belongs to one
run. A file that another program replaces meanwhile is not the one that the run began with. Knows nothing of specs and formats.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any


class _Run:
    """Objects by the id of what made them, beside it, so that the id stays its own."""

    made: dict[int, tuple[Any, Any]] = {}
    read: dict[str, Any] | None = None
    """How files were first found, by their places; None outside of any run."""


@contextlib.contextmanager
def one_run() -> Iterator[None]:
    """Within the block objects are made that no other block has."""
    before, _Run.made, _Run.read = (_Run.made, _Run.read), {}, {}
    try:
        yield
    finally:
        _Run.made, _Run.read = before


def has_changed(place: str, found: Any) -> bool:
    """Whether this run has found a file otherwise before; outside of a run nothing is remembered.

    >>> has_changed("net.pt", 1), has_changed("net.pt", 2)
    (False, False)
    >>> with one_run():
    ...     [has_changed("net.pt", found) for found in (1, 1, 2)]
    [False, False, True]
    """
    return _Run.read is not None and _Run.read.setdefault(place, found) != found


def made_once(maker: Any, make: Callable[[], Any]) -> Any:
    """What `make` returned in this run for the same maker.

    >>> with one_run():
    ...     first = made_once(list, list)
    ...     assert made_once(list, list) is first
    >>> with one_run():
    ...     assert made_once(list, list) is not first
    """
    if id(maker) not in _Run.made:
        _Run.made[id(maker)] = maker, make()
    return _Run.made[id(maker)][1]
