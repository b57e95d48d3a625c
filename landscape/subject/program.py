"""A hash of what a module computes with its weights: two nets may hold the same tensors, and be two functions.

Owns: which parts of a module decide that: its layers, their plain settings, and the code of their classes and of functions
among their settings. What that calls elsewhere is known by name only. Knows no weights.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType
from typing import Any

import torch
from torch import nn

DIGITS = 8
PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size)


def program_digest(module: nn.Module) -> str:
    """The same for a copy, in any mode; another one where a layer, a setting or the code of a class of the user's differs."""
    text = "\n".join(line for name, layer in module.named_modules() for line in _lines(name, layer))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def _lines(name: str, layer: nn.Module) -> Iterator[str]:
    kind = type(layer)
    yield f"{name} {kind.__module__}.{kind.__qualname__}"
    for base in kind.__mro__:
        if _is_torch(base):
            continue
        yield from (f"{key} {_text(value)}" for key, value in sorted(vars(base).items()) if inspect.isfunction(value))
    settings = {key: value for key, value in vars(layer).items() if not key.startswith("_") and key != "training"}
    yield from (f"{key} {_text(settings[key])}" for key in sorted(settings))


def _text(value: Any) -> str:
    if isinstance(value, PLAIN):
        return repr(value)
    if isinstance(value, CodeType):
        return f"{value.co_code.hex()} {value.co_names} {value.co_freevars} {_listed(value.co_consts)}"
    if isinstance(value, Mapping):
        return _listed(sorted(f"{_text(key)}: {_text(each)}" for key, each in value.items()))
    if isinstance(value, (set, frozenset)):
        return _listed(sorted(map(_text, value)))
    if isinstance(value, (list, tuple)):
        return _listed(value)
    if isinstance(value, functools.partial):
        return _listed([value.func, value.args, value.keywords])
    name = getattr(value, "__qualname__", type(value).__qualname__)  # a repr may hold an address
    return f"{name} {_function(value)}" if inspect.isfunction(value) or inspect.ismethod(value) else name


def _is_torch(value: Any) -> bool:
    """Its code changes with the version."""
    return str(value.__module__).partition(".")[0] == "torch"


def _function(value: Any) -> str:
    """Its code, and the plain values that it was made with."""
    value = inspect.unwrap(value)
    if _is_torch(value):
        return ""
    cells = [each for each in _cells(value) if isinstance(each, PLAIN)]
    return _listed([value.__code__, value.__defaults__, value.__kwdefaults__, cells])


def _cells(function: Any) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # an empty one
            yield cell.cell_contents


def _listed(values: Iterable[Any]) -> str:
    return f"[{', '.join(map(_text, values))}]"
