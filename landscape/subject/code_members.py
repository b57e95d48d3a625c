"""The functions in the members of a class, which may be wrapped: by Python's own kinds of methods, by caches, by decorators.

Owns: taking them out, and what an object holds in slots of its class. Knows nothing of what functions compute.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable
from typing import Any

HIDDEN = ("__dict__", "__weakref__")


def unwrapped(value: Any) -> Any:
    """The function in a static or class method, a property or a cache; any other value itself."""
    inner: Any
    while not inspect.isfunction(value):
        if isinstance(value, (staticmethod, classmethod)):
            inner = value.__func__
        elif isinstance(value, property):
            inner = value.fget
        elif isinstance(value, functools.cached_property):
            inner = value.func
        else:
            inner = inspect.getattr_static(value, "__wrapped__", None)
        if inner is None:
            break
        value = inner
    return value


def with_decorated(value: Any) -> list[Any]:
    """A member's function, and the one that it decorates, if any; empty for what is no function."""
    found = [unwrapped(value)]
    while (inner := inspect.getattr_static(found[-1], "__wrapped__", None)) is not None:
        found.append(inner)
    return [each for each in found if inspect.isfunction(each)]


def slots_of(value: Any) -> dict[str, Any]:
    """What an object holds in the slots of its classes, by name; not those whose names a class makes its own (`__name`)."""
    names = [name for base in type(value).__mro__ for name in _listed(vars(base).get("__slots__", ()))]
    return {name: getattr(value, name) for name in names if name not in HIDDEN and hasattr(value, name)}


def _listed(names: str | Iterable[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
