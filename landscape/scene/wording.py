"""Every text of a scene through one function.

Owns: the walk over the plain values of a scene. Texts come from files (names of metrics, layers, models, files), and what may
be shown differs: no picture may get control characters, and what draws pages takes markup for markup.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def reworded(thing: T, change: Callable[[str], str]) -> T:
    """The same value with `change` applied to each text in it, keys of mappings excepted; arrays stay as they are."""
    return _reworded(thing, change)


def _reworded(thing: Any, change: Callable[[str], str]) -> Any:
    if isinstance(thing, str):
        return change(thing)
    if isinstance(thing, (tuple, list)):
        parts = [_reworded(part, change) for part in thing]
        return type(thing)(*parts) if hasattr(thing, "_fields") else type(thing)(parts)
    if isinstance(thing, dict):
        return {key: _reworded(value, change) for key, value in thing.items()}
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing) if field.init}
        return dataclasses.replace(thing, **{name: _reworded(value, change) for name, value in fields.items()})
    return thing
