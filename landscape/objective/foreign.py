"""Whether the values of the private net follow its own weights, and the module that it was copied from stays as it is.

Owns: four refusals. A function that a net keeps, such as a lambda over `self`, leads the copy back to the caller's layers,
whose weights do not move; so does a loss that reads weights or buffers of the caller's net, or of its own copy of that.
Both are found by value: the first samples are evaluated while every operation on what moves is noted (touched.py), and
where there is one, again with other numbers in its place. What is read without an effect, such as a shape or a device, is
not refused. The second refusal is of a function that writes to the caller's module. The third is of a loss that reads an
object that is a hook: functions are shared with the copy of the net, objects are copied with it, and what they store is in
the copy. The fourth is of a loss that is a module, and so copied, with a container that a hook stores into.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from landscape.copied import copied_tensors, sources_of
from landscape.data.split import copied
from landscape.errors import EvaluationError, LandscapeError
from landscape.members import buffers_in, parameters_in
from landscape.objective.batchnorm import tracking_layers
from landscape.objective.conduct import Values
from landscape.objective.history import functions_of, outside_of
from landscape.objective.loss_modules import callables_of
from landscape.objective.probe import apart, first_samples, values_of
from landscape.objective.steady import Held
from landscape.objective.stored import HOOKS, refuse_stored
from landscape.objective.touched import CHANGES, Memory, Reading
from landscape.printable import listed

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

LISTED = 2


@contextlib.contextmanager
def callers_apart(objective: Objective, *, trained: bool) -> Iterator[None]:
    """Within the block first samples are evaluated; then it is checked that the caller's module had no part in it.

    `trained`: the net is to be trained, which moves the statistics of its batch norm too.

    Raises:
        EvaluationError: values follow weights of the caller's module, or it was changed, and is put back.
    """
    modules, tensors = ([], []) if objective.lent else sources_of(objective.model)
    moving = _moving(objective, trained=trained)
    tensors = [(name, each) for name, each in tensors if name in moving and not (trained and _is_frozen(each))]
    memory = _memory(objective, tensors)
    before = [_Kept(module) for module in modules]
    _refuse_copied_hooks(objective, modules)
    _refuse_copied_stores(objective, modules)
    try:
        yield
    except Exception as error:
        _refuse_changed(before, error)
        if not isinstance(error, LandscapeError) or isinstance(error, EvaluationError):
            _refuse_read(objective, memory, error)
        raise
    _refuse_changed(before, None)
    _refuse_read(objective, memory, None)
    _refuse_arrays(objective, memory)
    _refuse_changed(before, None)
    for module, kept in zip(modules, before, strict=True):
        refuse_stored(objective, module, kept.put_back)


def _memory(objective: Objective, moving: list[tuple[str, Tensor]]) -> Memory:
    """Of the caller's tensors that move, and of the copies of them in losses that are modules, which do not move."""
    own = (*parameters_in(objective.model), *buffers_in(objective.model))
    given = Memory(moving, own)
    if not given:
        return given
    held = [(name, each) for each, first in copied_tensors() if (name := given.name_of(first))]
    return Memory([*moving, *held], own)


def _is_frozen(tensor: Tensor) -> bool:
    """Whether training leaves it as it is."""
    return isinstance(tensor, nn.Parameter) and not tensor.requires_grad


def _moving(objective: Objective, *, trained: bool) -> set[str]:
    """The names of what does not stay as it is in the caller's module."""
    names, model = set(objective.layout.names), objective.model
    if trained or objective.recomputes:
        tracking = set(tracking_layers(model))
        paths = [path for path, layer in model.named_modules() if layer in tracking]
        names |= {_joined(path, key) for path in paths for key in ("running_mean", "running_var")}
    return names


class _Kept:
    """The attributes, buffers and modes of a module as they are now, with what its containers hold."""

    def __init__(self, model: nn.Module):
        self._held = Held(model)
        self._attributes = [(name, layer, dict(vars(layer))) for name, layer in model.named_modules()]
        self._contents = [
            (_joined(name, key), value, type(value)(value))
            for name, layer, attributes in self._attributes
            for key, value in attributes.items()
            if type(value) in (list, dict, set)
        ]

    def put_back(self) -> list[str]:
        """The names of what has changed."""
        found = self._held.changed()
        if found:
            self._held.put_back()
        for name, layer, before in self._attributes:
            own = vars(layer)
            if changed := [key for key in own.keys() | before.keys() if own.get(key) is not before.get(key)]:
                found += [_joined(name, key) for key in changed]
                own.clear()
                own.update(before)
        for name, value, before in self._contents:
            if not _same_parts(value, before):
                found.append(name)
                value.clear()
                value.extend(before) if isinstance(value, list) else value.update(before)
        return sorted(set(found))


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _same_parts(one: Any, other: Any) -> bool:
    if len(one) != len(other):
        return False
    if isinstance(one, set):  # whose order is not that of a copy
        return set(map(id, one)) == set(map(id, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(one[key] is other[key] for key in one)
    return all(a is b for a, b in zip(one, other, strict=True))


def _refuse_copied_hooks(objective: Objective, modules: list[nn.Module]) -> None:
    kept = {id(each) for each in _owners(objective.model)}
    copied = {id(each): each for module in modules for each in _owners(module) if id(each) not in kept}
    if not copied:
        return
    kinds = {type(each) for each in copied.values()}
    held = dict(_held_by_modules(objective.measure))  # which are copied with what they hold
    for name, value in [*_read_by(objective.measure), *held.items()]:
        if id(value) in copied or (name in held and type(value) in kinds):
            raise EvaluationError(
                f"the loss reads {name} ({type(value).__name__}), a hook of the net, which is copied with it, so what it stores "
                "of the copy is not found there; register a function that stores into a dictionary, or let the loss take "
                "(model, batch) and read what a layer keeps"
            )


def _refuse_copied_stores(objective: Objective, modules: list[nn.Module]) -> None:
    """A loss that is a module is copied, and so is a container of its that a function stores into, which is a hook."""
    reached = (each for module in modules for hook in _hooks(module) for each in _reached(hook))
    stores = {id(each) for each in reached if isinstance(each, (dict, list, set))}
    for each in callables_of(objective.measure):
        sources = sources_of(each)[0] if stores and isinstance(each, nn.Module) else []
        held = [
            (name, value) for source in sources for layer in source.modules() for name, value in vars(layer).items()
        ]
        if names := [name for name, value in held if id(value) in stores]:
            raise EvaluationError(
                f"the loss {type(each).__name__} keeps {listed(names, LISTED)}, into which a hook of the net stores; a loss that "
                "is a module is copied with what it keeps, so what is stored is not found there; give a function as loss, or "
                "let the module take what is stored when it is called"
            )


def _reached(function: Any, depth: int = 3) -> Iterator[Any]:
    """What a function or a `functools.partial` is given, closes over or names, also through other functions."""
    if isinstance(function, functools.partial):
        found = [function.func, *function.args, *function.keywords.values()]
    elif inspect.isfunction(inner := inspect.unwrap(function)):
        found = [*(inner.__defaults__ or ()), *outside_of(inner).values()]
    else:
        return
    for each in found:
        yield each
        if depth and callable(each):
            yield from _reached(each, depth - 1)


def _read_by(measure: Any) -> Iterator[tuple[str, Any]]:
    """What a loss and metrics of the user's are, hold or name outside of themselves."""
    for each in callables_of(measure):
        owner = getattr(each, "__self__", each)
        yield "itself", owner
        yield from getattr(owner, "__dict__", {}).items()
    for function in functions_of(measure):
        yield from outside_of(function).items()


def _held_by_modules(measure: Any) -> Iterator[tuple[str, Any]]:
    """What losses and metrics that are modules hold, also in lists and dictionaries."""
    for each in callables_of(measure):
        owner = getattr(each, "__self__", each)
        for layer in owner.modules() if isinstance(owner, nn.Module) else ():
            for name, value in vars(layer).items():
                yield from ((name, part) for part in _parts(value, 1))


def _owners(model: nn.Module) -> list[Any]:
    """The objects, other than functions and modules, that are hooks or whose methods are."""
    owners = [getattr(hook, "__self__", hook) for hook in _hooks(model)]
    return [each for each in owners if not inspect.isroutine(each) and not isinstance(each, nn.Module)]


def _hooks(model: nn.Module) -> list[Any]:
    return [hook for layer in model.modules() for table in HOOKS for hook in vars(layer).get(table, {}).values()]


def _refuse_changed(before: list[_Kept], error: Exception | None) -> None:
    if changed := [name for each in before for name in each.put_back()]:
        raise EvaluationError(
            f"evaluating a copy of the net changes the net that was given ({listed(changed, LISTED)}): a function that it keeps, "
            "such as a hook that is a lambda over self, leads back to it; make it a method, which a copy has of its own"
        ) from error


def _refuse_read(objective: Objective, memory: Memory, error: Exception | None) -> None:
    """`error`: the evaluation that failed, if it did."""
    if not memory:
        return
    batch = copied(first_samples(objective, next(iter(objective.splits.values()))))
    seen = Reading(memory, objective.model)
    found = _values(objective, batch, seen)
    if not seen.names or (
        error is None
        and not any(_differ(objective, batch, found, Reading(memory, objective.model, change)) for change in CHANGES)
    ):
        return
    names = listed(list(seen.names), LISTED)
    if seen.by_net:
        raise EvaluationError(
            f"the net computes with {names} of the module that it was copied from, which does not move: a function or an object "
            "that it keeps, such as a lambda over self, leads there; make it a method, or call layers through self in forward"
        ) from error
    raise _misled(names) from error


def _misled(names: str) -> EvaluationError:
    return EvaluationError(
        f"the loss computes with {names} of the net that was given, which does not move: it is a copy that is evaluated; let the "
        "loss take (model, batch) and use its model, give --l2 (in Python l2=) for a penalty of weights, or, for a net that is "
        "to rest, use copy.deepcopy of it in the loss"
    )


def _refuse_arrays(objective: Objective, memory: Memory) -> None:
    """Arrays of numpy, whose use torch does not see."""
    found = [value for _, value in _read_by(objective.measure)]
    for value in [*found, *(inner for each in found for inner in _reached(each))]:
        for each in _parts(value):
            if isinstance(each, np.ndarray) and (name := memory.name_of_array(each)):
                raise _misled(f"an array that shares its memory with {name}")


def _parts(value: Any, depth: int = 3) -> Iterator[Any]:
    """A value, and what is in it if it is a container."""
    yield value
    if depth and type(value) in (list, tuple, set, dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _parts(each, depth - 1)


def _differ(objective: Objective, batch: Any, found: Values | None, other: Reading) -> bool:
    values = _values(objective, batch, other)
    return found is not None and values is not None and apart(found, values, None) is not None


def _values(objective: Objective, batch: Any, reading: Reading) -> Values | None:
    """None where the evaluation fails, which is said elsewhere."""
    with contextlib.suppress(Exception), reading.followed():
        return values_of(objective, objective.model, batch)
    return None
