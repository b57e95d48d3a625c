"""What a function or an object of the user's computes, as text: equal in every process, another one for other code or settings.

Owns: what is read of a function (its code, defaults, what it closes over, constants and functions of its file), of a class and
of an object, and whose code is followed. torch's, numpy's, Python's and our own code is known by its name: it changes with the
version. Knows no layers.
"""

from __future__ import annotations

import contextlib
import dis
import enum
import functools
import hashlib
import inspect
import re
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape.data.split import fingerprint_of

DIGITS, LONGEST = 8, 24
PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.Size)
CALLED = ("forward", "__call__")
OUTER = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_ATTR")
FILLING = frozenset(
    ("append", "extend", "insert", "add", "update", "setdefault", "pop", "popleft", "appendleft", "clear")
)
KNOWN_BY_NAME = ("torch", "numpy", "builtins", "landscape", *sys.stdlib_module_names)
INSTALLED = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib")})
DEVICE = re.compile(r"(cpu|cuda|mps|xpu)(:\d+)?")
HASHED = "#"


class CodeText:
    """Reads values into short texts. `reads(object)` gives the text of an object that it knows, None for any other."""

    def __init__(self, reads: Callable[[Any], str | None] = lambda value: None):
        self._reads = reads
        self._known: dict[int, tuple[Any, str]] = {}  # with the object, whose id is taken only while it lives

    def of(self, value: Any) -> str:
        """A text of at most 24 characters; a longer one becomes `#` with its hash."""
        if isinstance(value, PLAIN):
            return shortened(_plain(value))
        if id(value) not in self._known:
            self._known[id(value)] = value, "again"  # an object that leads to itself
            self._known[id(value)] = value, shortened(self._reads(value) or self._text(value))
        return self._known[id(value)][1]

    def listed(self, values: Iterable[Any]) -> str:
        return f"[{', '.join(map(self.of, values))}]"

    def _text(self, value: Any) -> str:
        if isinstance(value, torch.device):
            return "device"
        if isinstance(value, (Tensor, np.ndarray, np.generic)):
            return _array(value)
        if isinstance(value, Mapping):
            return self.listed(sorted(f"{self.of(key)}: {self.of(each)}" for key, each in value.items()))
        if isinstance(value, (set, frozenset)):
            return self.listed(sorted(map(self.of, value)))
        if isinstance(value, (list, tuple)):
            return self.listed(value)
        if isinstance(value, CodeType):
            return self.listed([value.co_code, value.co_names, value.co_freevars, value.co_consts])
        if isinstance(value, functools.partial):
            return self.listed([value.func, value.args, value.keywords])
        if isinstance(value, type):
            return self._class(value)
        if inspect.ismethod(value):
            return self.listed([value.__func__, value.__self__])
        if inspect.isfunction(value):
            return self._function(value)
        if inspect.isroutine(value) and by_name(value):
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
        reached = [*_closed_over(function), *(_globals(function, names) if is_users(function) else ())]
        outside = [f"{name} {self._outside(value, names)}" for name, value in reached if name not in names.filled]
        return self.listed([code, function.__defaults__, function.__kwdefaults__, *outside])

    def _outside(self, value: Any, names: Names) -> str:
        """An object that a function finds outside of itself; of settings and of a module only what the function names."""
        kind = type(value)
        is_settings = (
            hasattr(value, "__dict__") and not callable(value) and not is_users(kind) and self._reads(value) is None
        )
        if not is_settings or isinstance(value, (Tensor, enum.Enum)):
            return self.of(value)
        if isinstance(value, ModuleType) and not is_users(value):
            return value.__name__
        return self.of({key: vars(value)[key] for key in (names.used - names.filled) & set(vars(value))})

    def _class(self, kind: type) -> str:
        """Its own functions and constants, and those of its bases."""
        return self.listed([kind.__qualname__, *(self._members(base) for base in kind.__mro__ if not by_name(base))])

    def _members(self, base: type) -> str:
        found = []
        for key, value in sorted(vars(base).items()):
            value = getattr(value, "__func__", getattr(value, "fget", value))  # of a static or class method, a property
            if inspect.isfunction(value) or (isinstance(value, (*PLAIN, tuple)) and not key.startswith("__")):
                found.append(f"{key} {self.of(value)}")
        return self.listed(found)

    def _object(self, value: Any) -> str:
        """Its class and its attributes; of a class that is not the user's, plain and public ones only."""
        if isinstance(value, enum.Enum):
            return f"{type(value).__qualname__}.{value.name}"
        kind, held = type(value), getattr(value, "__dict__", {})
        if hasattr(value, "__wrapped__"):  # a function with a cache
            return self.of(value.__wrapped__)
        if is_users(kind):
            held = settings_of(value, held)
        else:
            held = {key: each for key, each in held.items() if isinstance(each, PLAIN) and not key.startswith("_")}
        name = getattr(value, "__qualname__", kind.__qualname__)  # a repr may hold an address
        return self.listed([name, "" if by_name(kind) else self._class(kind), held])


@dataclass(frozen=True)
class Names:
    """What code names: all that it `used`, the `loaded` and `stored` globals, the attributes that it `sets`.

    `filled`: the variables and attributes that hold a container into which it writes.
    """

    used: frozenset[str]
    loaded: frozenset[str]
    stored: frozenset[str]
    sets: frozenset[str]
    filled: frozenset[str]


def names_in(*functions: Any) -> Names:
    found: dict[str, set[str]] = {"LOAD_GLOBAL": set(), "STORE_GLOBAL": set(), "STORE_ATTR": set()}
    codes = [code for function in functions for code in _codes(function.__code__)]
    filled: set[str] = set()
    for steps in (list(dis.get_instructions(code)) for code in codes):
        filled |= {step.argval for step in _filled(steps) if step.opname in OUTER}
        for step in steps:
            if step.opname in found:
                found[step.opname].add(step.argval)
    used = frozenset(name for code in codes for name in code.co_names)
    loaded, stored, sets = (frozenset(each) for each in found.values())
    return Names(used, loaded, stored, sets, frozenset(filled))


def _filled(steps: Sequence[dis.Instruction]) -> Iterator[dis.Instruction]:
    """The instructions that load a container which is then written into: by its methods, or at an index."""
    for place, step in enumerate(steps):
        before = place - 1
        if step.opname in ("STORE_SUBSCR", "DELETE_SUBSCR"):
            held = 0
            while before >= 0 and held < 1:  # the index lies above the container on the stack
                held += dis.stack_effect(steps[before].opcode, steps[before].arg, jump=False)
                before -= 1
        elif not (step.opname in ("LOAD_METHOD", "LOAD_ATTR") and step.argval in FILLING):
            continue
        if before >= 0:
            yield steps[before]


def settings_of(value: Any, held: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an object but for those that a call of it changes."""
    functions = [getattr(base, name, None) for base in type(value).__mro__ for name in CALLED if is_users(base)]
    names = names_in(*(each for each in functions if inspect.isfunction(each)))
    return {key: each for key, each in held.items() if key not in names.sets | names.filled}


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST and HASHED not in text[1:] else HASHED + digest(text)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:DIGITS]


def by_name(value: Any) -> bool:
    """Whether a function or class is known by its name: its code belongs to a library whose versions change it."""
    module = getattr(value, "__module__", None)
    return not inspect.isfunction(value) if module is None else module.partition(".")[0] in KNOWN_BY_NAME


def is_users(value: Any) -> bool:
    """Whether a function, class or module is of the user's own files, neither built in nor installed."""
    if isinstance(value, ModuleType):
        file = getattr(value, "__file__", None)
    elif by_name(value):
        return False
    else:
        file = getattr(sys.modules.get(value.__module__), "__file__", "")  # none in a notebook
    name = value.__name__ if isinstance(value, ModuleType) else value.__module__
    return file is not None and not file.startswith(INSTALLED) and name.partition(".")[0] not in KNOWN_BY_NAME


def _plain(value: Any) -> str:
    return "device" if isinstance(value, str) and DEVICE.fullmatch(value) else repr(value)


def _array(value: Tensor | np.ndarray | np.generic) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} {value.dtype}" if value.is_meta else HASHED + fingerprint_of([value])[:DIGITS]
    found = np.ascontiguousarray(value)
    content = repr(found.tolist()) if found.dtype.hasobject else found.tobytes().hex()
    return HASHED + digest(f"{found.shape} {found.dtype} {content}")


def _closed_over(function: Any) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # an empty one
            yield name, cell.cell_contents


def _globals(function: Any, names: Names) -> Iterator[tuple[str, Any]]:
    """What a function of the user's reads of its file, but for what it sets itself."""
    for name in sorted(names.loaded - names.stored):
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)
