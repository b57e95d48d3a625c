"""What a function or an object of the user's computes, as text: equal in every process, another one for other code or settings.

Owns: what is read of a function (its code, defaults, what it closes over, constants and functions of its file), of a class and
of an object, and whose code is followed. torch's, numpy's, Python's and our own code is known by its name: it changes with the
version. Knows no layers.
"""

from __future__ import annotations

import argparse
import enum
import functools
import hashlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape.installed import INSTALLED
from landscape.subject.code_arrays import DIGITS, HASHED, array_text
from landscape.subject.code_members import slots_of, unwrapped, with_decorated
from landscape.subject.code_names import Names, names_in, words_in
from landscape.subject.code_stores import (
    Lasting,
    Stores,
    by_name,
    closed_over,
    globals_of,
    is_users,
    keys_written,
    written,
)

LONGEST = 24
PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.Size)
# What a class may hold that decides what it computes.
HELD = (*PLAIN, tuple, list, dict, set, frozenset, Tensor, np.ndarray)
# Callables that become methods.
BOUND = (functools.partial, functools.partialmethod, functools.singledispatchmethod)
# What is computed once and kept in the object.
COMPUTED = (functools.cached_property,)
# What a library's configuration says of the file that it was read from, which decides nothing.
OF_FILE = {
    "transformers": ("transformers_version", "model_type", "dtype", "torch_dtype", "architectures", "name_or_path")
}
# Of these only what the code names is read, for they hold much else.
SETTINGS = (ModuleType, SimpleNamespace, argparse.Namespace)
CALLED = ("forward", "__call__")
DEVICE = re.compile(r"(cpu|cuda|mps|xpu)(:\d+)?")


class CodeText:
    """Reads values into short texts. `reads(object)` gives the text of an object that it knows, None for any other.

    `stores`: what other code writes into, which is left out.
    """

    def __init__(self, reads: Callable[[Any], str | None] = lambda value: None, stores: Stores = frozenset()):
        self._reads, self._lasting = reads, Lasting(stores)
        self._known: dict[int, tuple[Any, str]] = {}  # with the object, whose id is taken only while it lives

    def of(self, value: Any) -> str:
        """A text of at most 24 characters; a longer one becomes `#` with its hash."""
        if isinstance(value, PLAIN):
            return shortened(_plain(value))
        if id(value) not in self._known:
            self._known[id(value)] = value, "again"  # an object that leads to itself
            self._known[id(value)] = value, shortened(self._read(value))
        return self._known[id(value)][1]

    def listed(self, values: Iterable[Any]) -> str:
        return f"[{', '.join(map(self.of, values))}]"

    def _read(self, value: Any) -> str:
        """An object may refuse to be looked at, and a net that can be evaluated is not refused for it."""
        if self._lasting.is_void(value):
            return ""
        try:
            return self._reads(value) or self._text(value)
        except Exception:
            return type(value).__qualname__

    def _text(self, value: Any) -> str:
        if isinstance(value, torch.device):
            return "device"
        if isinstance(value, (Tensor, np.ndarray, np.generic)):
            return array_text(value)
        if isinstance(value, Mapping):
            pairs = sorted(self._lasting.of(value, value).items(), key=lambda pair: _order(pair[0]))
            return self.listed(f"{self.of(key)}: {self.of(each)}" for key, each in pairs)
        if isinstance(value, (set, frozenset)):
            return self.listed(sorted(map(self.of, sorted(value, key=_order))))
        if isinstance(value, (list, tuple)):
            return self.listed(self._lasting.of(value, dict(enumerate(value))).values())
        if isinstance(value, CodeType):
            return self.listed([value.co_code, value.co_names, value.co_freevars, value.co_consts])
        if isinstance(value, (functools.partial, functools.partialmethod)):
            return self.listed([value.func, value.args, value.keywords])
        if isinstance(value, functools.singledispatchmethod):
            return self.of({kind.__qualname__: each for kind, each in value.dispatcher.registry.items()})
        if isinstance(value, type):
            return self._class(value)
        if inspect.ismethod(value):
            return self.listed([value.__func__, value.__self__])
        if inspect.isfunction(value):
            return self._function(value)
        if inspect.isroutine(value) and by_name(value):
            return value.__name__
        if isinstance(value, ModuleType):
            return value.__name__
        return self._object(value)

    def _function(self, function: Any) -> str:
        """Its code without the line that documents it, its defaults, and what of the user's it reaches."""
        if by_name(function):
            return function.__qualname__
        code: Any = function.__code__
        if code.co_filename.startswith(INSTALLED) and hasattr(function, "__wrapped__"):
            code = function.__wrapped__  # by a library's decorator, whose code changes with the version
        elif function.__doc__ is not None and code.co_consts[:1] == (function.__doc__,):
            code = code.replace(co_consts=(None, *code.co_consts[1:]))
        names = names_in(function)
        reached = [*closed_over(function, names), *(globals_of(function, names) if is_users(function) else ())]
        outside = []
        for name, value in reached:
            if self._lasting.lacks(function, name) or self._lasting.is_void(value):
                continue
            if written(names, name, value):
                if keys := keys_written(names, name, value):  # what else it reads there is a setting
                    outside += self._read_beside(value, keys, words_in(function))
                continue
            outside.append(f"{name} {self._outside(value, names)}")
        return self.listed([code, function.__defaults__, function.__kwdefaults__, *outside])

    def _read_beside(self, held: dict[Any, Any], keys: frozenset[str], words: frozenset[str]) -> list[str]:
        """Entries of a dictionary whose keys code names, but for those that it writes."""
        lasting = self._lasting.of(held, held)
        return [f"{key} {self.of(lasting[key])}" for key in sorted(words - keys) if key in lasting]

    def _outside(self, value: Any, names: Names) -> str:
        """An object that a function finds outside of itself; of a module and a namespace only what the function names."""
        if not isinstance(value, SETTINGS):
            return self.of(value)
        if isinstance(value, ModuleType) and not is_users(value):
            return value.__name__
        lasting = self._lasting.of(value, vars(value))
        held = {key: lasting[key] for key in sorted(names.used & set(lasting))}
        return self.of(
            {
                key: self._outside(each, names) if isinstance(each, ModuleType) else each
                for key, each in held.items()
                if not written(names, key, each)
            }
        )

    def _class(self, kind: type) -> str:
        """Its own functions and constants, and those of its bases."""
        return self.listed([kind.__qualname__, *(self._members(base) for base in kind.__mro__ if not by_name(base))])

    def _members(self, base: type) -> str:
        found, names = [], _called(base)
        for key, value in sorted(self._lasting.of(base, vars(base)).items()):
            value = unwrapped(value)
            is_held = isinstance(value, HELD) or _computes(value)
            is_constant = is_held and not key.startswith("__") and key not in names.sets
            if inspect.isfunction(value) or (is_constant and not written(names, key, value)):
                found.append(f"{key} {self.of(value)}")
        return self.listed(found)

    def _object(self, value: Any) -> str:
        """Its class and its attributes; of a class that is not the user's, plain and public ones only."""
        if isinstance(value, enum.Enum):
            return f"{type(value).__qualname__}.{value.name}"
        kind, held = type(value), {**slots_of(value), **getattr(value, "__dict__", {})}
        if (inner := inspect.getattr_static(value, "__wrapped__", None)) is not None:  # a function with a cache
            return self.of(inner)
        if is_users(kind):
            held = settings_of(value, held)
        elif held:
            kept, noted = (*PLAIN, Tensor), OF_FILE.get(kind.__module__.partition(".")[0], ())
            public = {key: each for key, each in held.items() if not key.startswith("_") and key not in noted}
            held = {key: each for key, each in public.items() if isinstance(each, kept)}
        else:
            held = {"state": _state(value)}
        name = getattr(value, "__qualname__", kind.__qualname__)  # a repr may hold an address
        return self.listed([name, "" if by_name(kind) else self._class(kind), self._lasting.of(value, held)])


def settings_of(value: Any, held: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an object but for those that a call of it changes, and values that are computed once and kept."""
    names = _called(type(value))
    kept = {key for base in type(value).__mro__ for key, each in vars(base).items() if isinstance(each, COMPUTED)}
    return {key: each for key, each in held.items() if key not in names.sets | kept and not written(names, key, each)}


def _called(kind: type) -> Names:
    """Of what a call of an object runs: `forward` or `__call__`, and the methods that these lead to."""
    methods = {
        key: functions
        for base in reversed(kind.__mro__) if is_users(base)
        for key, each in vars(base).items() if (functions := with_decorated(each))
    }  # fmt: skip
    run = set(CALLED) & set(methods)
    while more := set(names_in(*(function for each in run for function in methods[each])).used) & set(methods) - run:
        run |= more
    return names_in(*(function for each in sorted(run) for function in methods[each]))


def _computes(value: Any) -> bool:
    """Whether it is a class, an object of the user's, or another callable, as a class may hold it in place of a method."""
    kind = value if isinstance(value, type) else type(value)
    return isinstance(value, BOUND) or inspect.isroutine(value) or is_users(kind)


def _state(value: Any) -> Any:
    """What a value without attributes is copied from, such as the ends of a range; None where it cannot be."""
    try:
        _, arguments, *more = value.__reduce_ex__(2)
    except Exception:  # the copy is a plain name, or, like a lock, the value cannot be copied
        return None
    kind = type(value)
    rest = [list(each) if isinstance(each, Iterator) else each for each in more]
    return [[each for each in arguments if each is not kind], rest]


def _order(value: Any) -> tuple[str, str]:
    """Sorts the members of a set, whose own order is another one in each process."""
    named = getattr(value, "__qualname__", "")
    return type(value).__qualname__, repr(value) if isinstance(value, PLAIN) else str(named)


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST and HASHED not in text[1:] else HASHED + digest(text)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:DIGITS]


def _plain(value: Any) -> str:
    return "device" if isinstance(value, str) and DEVICE.fullmatch(value) else repr(value)
