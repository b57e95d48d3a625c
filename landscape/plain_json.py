"""JSON from files, with a bound on its depth and its numbers.

Owns: reading JSON that anyone may have written, so that what follows may walk it without a check of its own. Python's reader
fails on thousands of nested brackets, and so would each function that walks the result. Knows no file.
"""

from __future__ import annotations

import json
from typing import Any

DEEPEST = 40
DIGITS = 21


def parse_json(text: str | bytes) -> Any:
    """The value; a whole number of more than 20 digits, which no setting has, becomes a float.

    Raises:
        ValueError: it is no JSON, or is nested deeper than `DEEPEST`.

    >>> parse_json('{"seed": 3}')
    {'seed': 3}
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        found = json.loads(text, parse_int=_whole)
    except RecursionError:
        raise ValueError("nested too deep") from None
    check_depth(found)
    return found


def check_depth(tree: Any, most: int = 100_000) -> None:
    """Raises ValueError for mappings and lists nested deeper than `DEEPEST`, or with more than `most` entries in all."""
    level, count = [tree], 0
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, (dict, list, tuple)):
                count += len(each)
                if count > most:
                    raise ValueError(f"more than {most:,} entries")
                inner += each.values() if isinstance(each, dict) else each
        if not inner:
            return
        level = inner
    raise ValueError("nested too deep")


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < DIGITS else float(digits)
