"""What the classes and functions made that specs name as loss or metric: one object in a run, and another in the next.

Owns: the objects of the run under way. An object may keep something from call to call, such as a count of steps, which belongs to
one run. Knows nothing of specs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any


class _Run:
    """Objects by the id of what made them, beside it, so that the id stays its own."""

    made: dict[int, tuple[Any, Any]] = {}


@contextlib.contextmanager
def one_run() -> Iterator[None]:
    """Within the block objects are made that no other block has."""
    before, _Run.made = _Run.made, {}
    try:
        yield
    finally:
        _Run.made = before


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
