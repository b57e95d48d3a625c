"""What code of the user's reaches beside its arguments and its own module: two threads would share that.

Owns: `Reach`, which looks at the frames of one evaluation, and which files are the user's own. It reads the code and refuses
what it does not know, because two threads that take turns in the middle of a list or a random stream give wrong values without
an error, and seldom where one looks. Constants are numbers, texts, tensors that nothing writes to, and functions and classes
whose own values are constants.
"""

from __future__ import annotations

import contextlib
import dis
import enum
import functools
import inspect
import logging
import os
import re
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# Code that keeps nothing of an evaluation, and parts of the paths of code that is used by many.
LIBRARIES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_STDLIB = (*{sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}, "<frozen ")
_OURS = tuple(str(folder) + os.sep for folder in (Path(torch.__file__).parent, Path(__file__).parents[1]))
_PLAIN = (
    *(int, float, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented)),
    *(enum.Enum, re.Pattern, PurePath),
)
_SAFE = (range, logging.Logger)  # a logger locks for itself
_OF_ARRAYS = (torch.dtype, torch.device, torch.layout, torch.memory_format, np.generic, np.dtype, np.ufunc)
_CODE = (
    *(type, types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType),
    *(types.GenericAlias, property, staticmethod, classmethod, functools.cached_property),
)
_CONSTANTS = (*_PLAIN, *_SAFE, *_OF_ARRAYS, *_CODE)
# Names of what changes something that all threads share, or hides writes to tensors.
_SETTING = frozenset(
    {
        "manual_seed", "seed", "random", "set_rng_state", "get_rng_state", "set_state", "setstate", "fork_rng",
        "default_generator", "set_default_dtype", "set_default_device", "set_num_threads", "set_float32_matmul_precision",
        "use_deterministic_algorithms", "register_forward_hook", "register_forward_pre_hook", "setattr", "delattr", "globals",
        "vars", "__dict__", "__class__", "environ", "data", "numpy", "untyped_storage", "set_",
    }
)  # fmt: skip


def is_known(file: str) -> bool:
    """Whether a file is of torch, of ours, or of Python itself."""
    return file.startswith(_OURS) or (file.startswith(_STDLIB) and not is_library(file))


def is_library(file: str) -> bool:
    return any(part in file for part in LIBRARIES)


class Reach:
    """What the frames that were looked at reach, in words: `state`, None so far; `wrote`, whether a tensor has changed since."""

    def __init__(self) -> None:
        self.state: str | None = None
        self._seen: set[Any] = set()
        self._tensors: list[tuple[Tensor, int]] = []

    def watch(self, tensor: Tensor) -> None:
        """From here on writes to a tensor count."""
        if tensor.is_inference():
            self.state = self.state or "a tensor of inference mode, whose writes nothing counts"
        else:
            self._tensors.append((tensor, tensor._version))

    @property
    def wrote(self) -> bool:
        return any(tensor._version != before for tensor, before in self._tensors)

    def look(self, frame: types.FrameType) -> None:
        """At the code of a frame that begins."""
        code, held = frame.f_code, frame.f_locals
        owner = held.get(code.co_varnames[0]) if code.co_argcount else None
        cells = {name: held[name] for name in code.co_freevars if name in held}
        key = code, type(owner), tuple(map(id, cells.values()))
        if self.state or key in self._seen:
            return
        self._seen.add(key)
        self.state = next(self._found(code, frame.f_globals, cells, owner), None)

    def _found(self, code: types.CodeType, names: dict[str, Any], cells: dict[str, Any], owner: Any) -> Iterator[str]:
        if odd := _SETTING.intersection(code.co_names):
            yield f"{code.co_name} reads or calls {min(odd)}"
        before, own = None, code.co_argcount > 0 and not isinstance(owner, type)
        for each in dis.get_instructions(code):
            if each.opname in ("STORE_GLOBAL", "DELETE_GLOBAL", "IMPORT_FROM"):
                yield f"{code.co_name} sets or imports {each.argval}"
            elif each.opname == "STORE_DEREF" and each.argval in code.co_freevars:
                yield f"{code.co_name} sets {each.argval} of the function around it"
            elif each.opname in ("STORE_ATTR", "DELETE_ATTR") and not (own and _loads(before, code)):
                yield f"{code.co_name} sets {each.argval} of something else"
            elif each.opname == "LOAD_GLOBAL" and each.argval in names:
                yield from self._of_value(str(each.argval), names[each.argval], code)
            before = each
        for value in _defaults(names, code, owner):
            yield from self._of_attribute(f"a default of {code.co_name}", value)
        for name, value in cells.items():
            if name != "__class__":
                yield from self._of_value(name, value, code)
        if owner is not None:
            yield from self._of_class(type(owner), code)

    def _of_value(self, name: str, value: Any, code: types.CodeType, depth: int = 4) -> Iterator[str]:
        """Of what a name of the code stands for; of modules, classes and functions also the values that they hold."""
        yield from self._of_attribute(name, value)
        if isinstance(value, types.ModuleType):
            own = _is_own(value)
        else:
            own = isinstance(value, (type, types.FunctionType)) and _is_own(inspect.getmodule(value))
        if not own or not depth:
            return
        for attribute in code.co_names:
            held = inspect.getattr_static(value, attribute, None)
            yield from self._of_value(f"{name}.{attribute}", held, code, depth - 1)
        if isinstance(value, types.FunctionType):
            yield from self._of_function(value)

    def _of_function(self, function: types.FunctionType) -> Iterator[str]:
        """Of one that may run for other samples than those that are tried."""
        code = function.__code__
        if code in self._seen:
            return
        self._seen.add(code)
        cells = {}
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # an empty one
                cells[name] = cell.cell_contents
        yield from self._found(code, function.__globals__, cells, None)

    def _of_attribute(self, name: str, value: Any) -> Iterator[str]:
        if type(value) in (Tensor, nn.Parameter):
            self.watch(value)
        elif not isinstance(value, types.ModuleType) and not _is_constant(value):
            yield f"{name}, of type {type(value).__name__}, may change"

    def _of_class(self, kind: type, code: types.CodeType) -> Iterator[str]:
        for each in kind.__mro__:
            if _is_own(inspect.getmodule(each)):
                for name in vars(each).keys() & set(code.co_names):
                    yield from self._of_attribute(f"{each.__name__}.{name}", vars(each)[name])


def _defaults(names: dict[str, Any], code: types.CodeType, owner: Any) -> Iterator[Any]:
    """The default values of the function that runs, as far as it is found by its name."""
    for place in (names.get(code.co_name), inspect.getattr_static(type(owner), code.co_name, None)):
        function = inspect.unwrap(place) if callable(place) else place
        if isinstance(function, types.FunctionType) and function.__code__ is code:
            yield from (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())


def _loads(before: dis.Instruction | None, code: types.CodeType) -> bool:
    """Whether an instruction loads the first argument, so that the next one sets an attribute of it."""
    if before is None or not before.opname.startswith("LOAD_FAST"):
        return False
    name = before.argval[-1] if isinstance(before.argval, tuple) else before.argval
    return bool(name == code.co_varnames[0])


def _is_own(module: types.ModuleType | None) -> bool:
    """Whether it is the user's; that of a notebook has no file."""
    file = getattr(module, "__file__", None)
    if file is None:
        return module is None or module.__name__ not in sys.builtin_module_names
    return not is_known(file) and not is_library(file)


def _is_constant(value: Any) -> bool:
    if isinstance(value, functools.partial):
        return _is_constant(value.func) and all(map(_is_constant, (*value.args, *value.keywords.values())))
    if type(value) in (tuple, frozenset, torch.Size):
        return all(map(_is_constant, value))
    return isinstance(value, _CONSTANTS) or type(value).__module__ == "typing"
