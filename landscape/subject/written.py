"""What evaluating the first samples writes into, of all that the code of a net and of its losses reaches: it sets nothing.

Owns: finding it by value, whatever code writes: a hook, a helper of it, a method of the net, a loss. What these hold is looked at
before and after. An object that is copied with the net is known by its place in it. A constant that is written again and again
looks like a setting: code_stores.py reads the plainest ways to write one. Knows no texts.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import pickle
import random
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import CellType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landscape.members import OF_TORCH
from landscape.objective.functions import is_known
from landscape.objective.loss_modules import callables_of
from landscape.objective.measure import Measure
from landscape.objective.objective import Objective
from landscape.objective.stored import HOOKS
from landscape.options.groups import LossOptions
from landscape.subject.code_arrays import array_text
from landscape.subject.code_facts import code_facts
from landscape.subject.code_members import slots_of
from landscape.subject.code_names import names_in
from landscape.subject.code_stores import WHOLE, Stores, is_users
from landscape.subject.program import Program, program_of
from landscape.surfaces.provenance import CodeFacts

# Values that are the same where they are equal.
PLAIN = (bool, int, float, complex, str, bytes, type(None))
COUNTS = (int, float)
# What random numbers are drawn of.
DRAWING = (random.Random, np.random.Generator, np.random.RandomState, torch.Generator)
# Of longer collections only the length is looked at.
MOST_OBJECTS = 20_000


class Watched:
    """A net and its losses as they were given, before an objective is made of them."""

    def __init__(self, module: nn.Module, measure: Measure):
        losses = callables_of(measure)
        hooked = any(vars(layer).get(table) for layer in module.modules() for table in HOOKS)
        wanted = hooked or not all(map(is_known, losses))
        self._given = Holdings(module, *losses) if wanted else None
        self._copied: Holdings | None = None

    def copied(self, objective: Objective) -> None:
        """Looks at the copies of both, before the first samples are evaluated."""
        if self._given is not None:
            self._copied = Holdings(objective.model, *callables_of(objective.measure))

    def stores(self) -> Stores:
        """What has been written into since; of a copy, the same of what was given."""
        if self._given is None or self._copied is None:
            return frozenset()
        return frozenset((*self._given.changed(), *self._copied.changed(self._given)))


def without(program: Program, module: nn.Module, stores: Stores) -> Program:
    """The program of a module with nothing of what is written into; evaluations may have changed other parts of it since."""
    now, lasting = program_of(module), program_of(module, stores=stores)

    def kept(name: str) -> dict[str, str]:
        before, with_stores, found = (getattr(each, name) for each in (program, now, lasting))
        same = {key: text for key, text in before.items() if with_stores.get(key) == found.get(key)}
        return same | {key: text for key, text in found.items() if with_stores.get(key) != text}

    settings = kept("settings")
    there = frozenset(settings)
    return replace(
        program, settings=settings, classes=kept("classes"), unread=program.unread & there, resting=program.resting & there,
        shown=program.shown & there, stores=program.stores | stores,
    )  # fmt: skip


def lasting_code(
    stores: Stores, program: Program | None, module: nn.Module, loss: LossOptions
) -> tuple[Program | None, CodeFacts]:
    """The program of a module, and its code with that of its loss, without what has been written into, the `stores`.

    `program`: the module's, before.
    """
    lasting = without(program, module, stores) if program and stores else program
    return lasting, code_facts(lasting, loss, stores)


class Holdings:
    """What objects hold, and what that holds, by the place where it is found."""

    def __init__(self, *roots: Any):
        self._at: dict[tuple[Any, ...], tuple[Any, Mapping[Any, Any]]] = {}
        known = set[int]()
        waiting = deque[tuple[tuple[Any, ...], Any]](((number,), root) for number, root in enumerate(roots))
        while waiting and len(known) < MOST_OBJECTS:
            place, value = waiting.popleft()
            if isinstance(value, PLAIN) or id(value) in known:
                continue
            known.add(id(value))
            with contextlib.suppress(Exception):  # an object may refuse to be looked at
                self._at[place] = value, (held := _held_by(value))
                waiting.extend(((*place, key), each) for key, each in itertools.chain(held.items(), _beside(value)))

    def places(self) -> Iterator[tuple[Any, ...]]:
        """Where something has changed: the number of the root, then what leads there."""
        for place, (value, before) in self._at.items():
            with contextlib.suppress(Exception):
                yield from ((*place, key) for key in _changed(value, before))

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        """After the block counts are as they were, so that calls within it do not count as steps; see `put_back_counts`."""
        try:
            yield
        finally:
            self.put_back_counts()

    def put_back_counts(self) -> None:
        """Gives attributes, entries and variables that were numbers and still are their old values.

        All else stays: what was built meanwhile may be known elsewhere as built.
        """
        for value, before in self._at.values():
            with contextlib.suppress(Exception):  # an object may refuse
                for key in _changed(value, before):
                    if type(before.get(key)) in COUNTS and type(_held_by(value).get(key)) in COUNTS:
                        _set(value, key, before[key])

    def changed(self, like: Holdings | None = None) -> Iterator[tuple[int, Any]]:
        """(id, key) of what has changed, with the ids of the objects that are at the same places in `like`."""
        for place, (value, before) in self._at.items():
            owner = id(_owner(value if like is None else like._at.get(place, (value, {}))[0]))
            with contextlib.suppress(Exception):
                yield from ((owner, key) for key in _changed(value, before))


def _set(value: Any, key: Any, old: Any) -> None:
    """Into where `_held_by` finds it."""
    if isinstance(value, CellType):
        value.cell_contents = old
    elif isinstance(value, (dict, list)):
        value[key] = old
    elif inspect.isfunction(value):
        value.__globals__[key] = old
    elif isinstance(value, (type, ModuleType, nn.Module)) or hasattr(value, "__dict__") or hasattr(value, key):
        setattr(value, key, old)


def _changed(value: Any, before: Mapping[Any, Any]) -> list[Any]:
    now = _held_by(value)
    if isinstance(value, (list, deque)) and len(now) != len(before):
        return [WHOLE]
    return [
        key
        for key in now.keys() | before.keys()
        if key not in now or key not in before or not _same(now[key], before[key])
    ]


def _same(one: Any, other: Any) -> bool:
    return one is other or (isinstance(one, PLAIN) and type(one) is type(other) and one == other)


def _owner(value: Any) -> Any:
    """Whose entries the variables are that a function names."""
    return value.__globals__ if inspect.isfunction(value) else value


def _held_by(value: Any) -> dict[Any, Any]:
    """What may be written into, by its key, name or place; WHOLE: its contents."""
    if isinstance(value, (dict, list, deque, set)) and len(value) > MOST_OBJECTS:
        return {WHOLE: len(value)}
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, (list, deque)):
        return dict(enumerate(value))
    if isinstance(value, (set, bytearray)):
        return {WHOLE: len(value)}
    if isinstance(value, np.ndarray):
        return {WHOLE: array_text(value)}
    if isinstance(value, Iterator):  # such as a count
        return {WHOLE: repr(value.__reduce__()[1:])}
    if isinstance(value, CellType):
        return {WHOLE: _content(value)}
    if isinstance(value, Tensor):
        return {} if isinstance(value, nn.Parameter) or value.is_inference() else {WHOLE: value._version}
    if isinstance(value, nn.Module):
        return {key: each for key, each in vars(value).items() if key not in OF_TORCH}
    if inspect.isfunction(value):
        names = names_in(value).loaded | names_in(value).stored if is_users(value) else ()
        return {name: value.__globals__[name] for name in names if name in value.__globals__}
    if isinstance(value, (type, ModuleType)):
        return {key: each for key, each in vars(value).items() if not key.startswith("__")} if is_users(value) else {}
    if isinstance(value, DRAWING):
        return {WHOLE: pickle.dumps(value.get_state() if isinstance(value, torch.Generator) else value)}
    held = isinstance(value, (SimpleNamespace, threading.local)) or is_users(type(value))
    return {**slots_of(value), **getattr(value, "__dict__", {})} if held else {}


def _beside(value: Any) -> Iterator[tuple[Any, Any]]:
    """What a value leads to that is not written into."""
    if isinstance(value, tuple):
        yield from enumerate(value)
    elif isinstance(value, functools.partial):
        yield from (("func", value.func), ("args", value.args), ("keywords", value.keywords))
    elif inspect.ismethod(value):
        yield from (("__func__", value.__func__), ("__self__", value.__self__))
    elif inspect.isfunction(value):
        yield from ((("cell", number), cell) for number, cell in enumerate(value.__closure__ or ()))
        yield "__wrapped__", getattr(value, "__wrapped__", None)
        yield from (("__defaults__", value.__defaults__), ("__kwdefaults__", value.__kwdefaults__))
    elif isinstance(value, nn.Module):
        yield from value._modules.items()
        yield from ((table, hooks) for table in HOOKS if (hooks := vars(value).get(table)))
    if is_users(type(value)):
        yield "__class__", type(value)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # an empty one
        return None
