"""A net by its modules: those without a moving part are called once for each batch.

Owns: `OfModules`, the way (kept.py) for nets without a program. A module without moving parts that is given what it was given
before gives what it gave. What it is given is compared: the result of an earlier call by being that object, all else bit by
bit. Which modules, calls and results count is found in a rehearsal (rehearsal.py). A result that nothing reads but recalled
calls is not kept; something hollow takes its place.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

from landscape.data.structure import batch_length, mapped
from landscape.installed import is_installed
from landscape.objective.calls import Hollow, NotPlain, flat, identical, intercepted
from landscape.objective.conduct import parts_of
from landscape.objective.rehearsal import Place, Rehearsal, resting_modules

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

Values = Mapping[str, Any]
# Samples of the rehearsal: another number than that of trial.py, as a net may remember the number of the last batch.
FEW = 3
# How often a rehearsal may find a module that cannot be taken as one.
ROUNDS = 8


class Done(NamedTuple):
    """A call: `given` is its arguments without their tensors, `inputs`; of the outputs some tensors may be hollow."""

    name: str
    given: Any
    inputs: list[Tensor]
    outputs: Any


@dataclass
class Memory:
    """The calls of a pass, by their numbers."""

    done: dict[int, Done] = field(default_factory=dict)
    failed: bool = False


@dataclass(frozen=True)
class OfModules:
    """`names`: the modules that are watched; `calls`: the numbers, in a pass, of their calls that are recalled.

    `needed`: the results that other code reads.
    """

    names: tuple[str, ...]
    calls: frozenset[int]
    needed: frozenset[Place]
    layers: int
    of: int

    def record(self, net: Any, run: Callable[[Any], Values]) -> tuple[Values, Memory | None]:
        recording = _Recording(self)
        with intercepted(net, self.names, recording):
            values = run(net)
        return values, None if recording.memory.failed else recording.memory

    def replay(self, net: Any, kept: Memory, run: Callable[[Any], Values]) -> Values | None:
        playing = _Playing(self, kept)
        kept.failed = False
        try:
            with intercepted(net, self.names, playing):
                values = run(net)
        except Exception:  # what is wrong with the net itself shows when it is passed as a whole
            return None
        return None if kept.failed else values

    def tensors(self, kept: Memory) -> list[Any]:
        return [(done.inputs, done.outputs) for done in kept.done.values()]


class _Recording:
    """Calls the modules, and remembers what they give."""

    def __init__(self, way: OfModules):
        self._way, self._number = way, -1
        self.memory = Memory()
        # id of a result -> it, as long as it lives, and what stands for it
        self._results: dict[int, tuple[weakref.ref[Tensor], Tensor]] = {}

    def __call__(self, name: str, forward: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
        self._number += 1
        outputs = forward(*args, **kwargs)
        if self._number in self._way.calls and not self.memory.failed:
            try:
                self._remember(name, (args, kwargs), outputs)
            except NotPlain:
                self.memory.failed = True
        return outputs

    def _remember(self, name: str, arguments: Any, outputs: Any) -> None:
        inputs: list[Tensor] = []
        given = flat(arguments, inputs)
        results: list[Tensor] = []
        flat(outputs, results)
        inputs = [self._standing_for(each) for each in inputs]
        standing = []
        for number, each in enumerate(results):
            known = self._standing_for(each)
            if Place(self._number, number) in self._way.needed:
                known = each
            elif known is each:  # not the result of an earlier call that is passed on
                known = Hollow(each, self.memory)
            self._results[id(each)] = weakref.ref(each), known
            standing.append(known)
        rest = iter(standing)
        self.memory.done[self._number] = Done(name, given, inputs, mapped(outputs, lambda tensor: next(rest)))

    def _standing_for(self, tensor: Tensor) -> Tensor:
        found = self._results.get(id(tensor))
        return tensor if found is None or found[0]() is not tensor else found[1]


class _Playing:
    """Gives what was remembered."""

    def __init__(self, way: OfModules, memory: Memory):
        self._way, self._memory, self._number = way, memory, -1

    def __call__(self, name: str, forward: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
        self._number += 1
        if self._number not in self._way.calls or self._memory.failed:
            return forward(*args, **kwargs)
        done = self._memory.done.get(self._number)
        if done is None or done.name != name or not _is_given(done, (args, kwargs)):
            self._memory.failed = True
            return forward(*args, **kwargs)
        return mapped(done.outputs, lambda tensor: tensor)


def _is_given(done: Done, arguments: Any) -> bool:
    inputs: list[Tensor] = []
    try:
        given = flat(arguments, inputs)
    except NotPlain:
        return False
    if given != done.given or len(inputs) != len(done.inputs):
        return False
    return all(
        one is other or not (isinstance(one, Hollow) or isinstance(other, Hollow)) and identical(one, other)
        for one, other in zip(inputs, done.inputs, strict=True)
    )


def of_modules(objective: Objective, moves: Callable[[Tensor], bool]) -> OfModules | None:
    """How the net of an objective is recalled, within `Objective.numbers`; None where no module with weights can be."""
    net, measure = objective.model, objective.measure
    if any("forward" in vars(module) for module in net.modules()):  # put there by someone else
        return None
    # A user's code may let a module that rests depend on what moves, by an attribute or by a step that no trial meets
    if not all(is_installed(type(module)) for module in net.modules()):
        return None
    batch = _few(objective)
    unfit: set[str] = set()
    for _ in range(ROUNDS):
        names = resting_modules(net, moves, unfit)
        if not names:
            return None
        heard = Rehearsal(net, names, moves, batch)
        with intercepted(net, names, heard), heard:
            measure(net, batch)
        if not heard.unfit - unfit:
            return _way(net, names, heard, moves)
        unfit |= heard.unfit
    return None


def _way(net: Any, names: tuple[str, ...], heard: Rehearsal, moves: Callable[[Tensor], bool]) -> OfModules | None:
    once = {name for name in names if name in heard.recalled.values()}
    holders = [name for name, module in net.named_modules() if module._parameters]
    layers = sum(any(f"{name}.".startswith(f"{each}.") for each in once) for name in holders)
    calls = frozenset(heard.recalled)
    return OfModules(names, calls, frozenset(heard.needed), layers, len(holders)) if layers else None


def _few(objective: Objective) -> Any:
    """A few samples of the first batch, or all of it where it cannot be cut."""
    batch: Any = next(iter(next(iter(objective.splits.values())).batches(objective.batch_size)))
    length = batch_length(batch)
    return next(iter(parts_of(batch, length, FEW)), (batch, length))[0]
