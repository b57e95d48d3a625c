"""Whose a function or class is, what a function finds outside of itself, and what of that code writes into: it sets nothing.

Owns: `Stores`, the places that are written into, as far as code says so (written.py finds them by value), and `Lasting`, what is
left without them. Knows no texts.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np
from torch import Tensor

from landscape.installed import INSTALLED, KNOWN_BY_NAME
from landscape.subject.code_names import Names, names_in

# What code writes into: the id of an object with a key, attribute, variable or place of it, or with WHOLE: its contents.
Stores = frozenset[tuple[int, Any]]
WHOLE = ""
# What may be a setting in a dictionary that code writes into.
SETTING = (bool, int, float, str)
CONTAINERS = (dict, list, deque)


class Lasting:
    """What objects hold that is not written into."""

    def __init__(self, stores: Stores = frozenset()):
        self._stores, self._owners = stores, {owner for owner, _ in stores}
        self._open = set[int]()

    def of(self, owner: Any, held: Mapping[Any, Any]) -> Mapping[Any, Any]:
        """`held`: its contents by key, attribute or place. Of what is written into as a whole, its settings."""
        if not self._stores:
            return held
        whole = (id(owner), WHOLE) in self._stores
        return {
            key: each
            for key, each in held.items()
            if (id(owner), key) not in self._stores
            and not self.is_void(each)
            and (isinstance(each, SETTING) or not whole)
        }

    def is_void(self, value: Any) -> bool:
        """Whether nothing of it lasts."""
        whole = (id(value), WHOLE) in self._stores
        if not self._stores or not isinstance(value, CONTAINERS) or (whole and not isinstance(value, dict)):
            return whole
        if id(value) in self._open:  # one that leads to itself
            return False
        self._open.add(id(value))
        try:
            lasting = self.of(value, value if isinstance(value, dict) else dict(enumerate(value)))
        finally:
            self._open.discard(id(value))
        return not lasting and (bool(value) or id(value) in self._owners)

    def lacks(self, function: Any, name: str) -> bool:
        """Whether a variable of a function, or of its file, is set by other code."""
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        places = {(id(function.__globals__), name), *([(id(cells[name]), WHOLE)] if name in cells else [])}
        return bool(self._stores & places)


def stored_by(function: Any) -> Stores:
    """The places outside of it that a function writes into: objects, and variables of its file."""
    if inspect.ismethod(function):
        return frozenset(((id(function.__self__), WHOLE),))
    if not inspect.isfunction(function) or not is_users(function):
        return frozenset()
    names = names_in(function)
    reached = [*closed_over(function, names), *globals_of(function, names)]
    filled = [
        (id(value), key)
        for name, value in reached if written(names, name, value)
        for key in (keys_written(names, name, value) or (WHOLE,))
    ]  # fmt: skip
    return frozenset((*filled, *((id(function.__globals__), name) for name in names.stored)))


def keys_written(names: Names, name: str, value: Any) -> frozenset[str] | None:
    """The keys of a dictionary of a name at which code writes into it; None where it may write anywhere."""
    return names.keys_of(name) if isinstance(value, dict) else None


def written(names: Names, name: str, value: Any) -> bool:
    """Whether code writes into the value of a name, so that the value is what it has done."""
    if isinstance(value, (ModuleType, type)) or inspect.isroutine(value):
        return False
    return name in names.changed or (name in names.filled and not isinstance(value, (Tensor, np.ndarray)))


def closed_over(function: Any, names: Names) -> Iterator[tuple[str, Any]]:
    """The outer variables that a function reads, but for those that it sets itself."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if name in names.stored:
            continue
        with contextlib.suppress(ValueError):  # an empty one
            yield name, cell.cell_contents


def globals_of(function: Any, names: Names) -> Iterator[tuple[str, Any]]:
    """What a function of the user's reads of its file, but for what it sets itself."""
    for name in sorted(names.loaded - names.stored):
        if name in function.__globals__:
            yield name, function.__globals__[name]


def by_name(value: Any) -> bool:
    """Whether a function or class is known by its name: its code belongs to a library whose versions change it."""
    module = getattr(value, "__module__", None)
    return not inspect.isfunction(value) if not module else module.partition(".")[0] in KNOWN_BY_NAME


def is_users(value: Any) -> bool:
    """Whether a function, class or module is of the user's own files, neither built in nor installed."""
    if isinstance(value, ModuleType):
        file = getattr(value, "__file__", None)
    elif by_name(value):
        return False
    else:
        file = getattr(sys.modules.get(value.__module__ or ""), "__file__", "")  # none in a notebook
    name = value.__name__ if isinstance(value, ModuleType) else value.__module__ or ""
    return file is not None and not file.startswith(INSTALLED) and name.partition(".")[0] not in KNOWN_BY_NAME
