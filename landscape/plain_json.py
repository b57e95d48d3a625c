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
        ValueError: it is not JSON, or is nested deeper than `DEEPEST`.

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
    """Raises ValueError for mappings and lists nested deeper than `DEEPEST`, or with more than `most` entries in all.

    An entry counts as often as it is reached: a pickle of a few bytes can hold one list in many places.
    """
    level, count = [tree], 0
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for each in level:
            count += len(each) if isinstance(each, (dict, list, tuple)) else 0
            if count > most:
                raise ValueError(f"more than {most:,} entries")
            values = each.values() if isinstance(each, dict) else each if isinstance(each, (list, tuple)) else ()
            inner += [value for value in values if isinstance(value, (dict, list, tuple))]
        if not inner:
            return
        level = inner
    raise ValueError("nested too deep")


def tamed(tree: Any) -> Any:
    """A copy with texts as keys and no endless numbers, which can be printed and stored as JSON; other leaves stay.

    Raises:
        ValueError: see `check_depth`.
    """
    check_depth(tree)
    return _tamed(tree)


def _tamed(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key if isinstance(key, str) else str(_tamed(key)): _tamed(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(map(_tamed, tree)) if type(tree) in (list, tuple) else list(map(_tamed, tree))
    if isinstance(tree, int) and tree.bit_length() > 64:
        return float("inf") if tree.bit_length() > 1000 else float(tree)
    return tree


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < DIGITS else float(digits)
