"""What a loss that is a module keeps from step to step: part of a run's state, and kept beside each net for those who measure it.

Owns: `LossState`, its form in a checkpoint, and the same loss as training left it. A training has copies of such losses, so the
caller's are as they were, and a second training with them begins as the first did.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from landscape.copied import copied_whole
from landscape.data.structure import mapped
from landscape.members import OF_TORCH
from landscape.objective.functions import is_known
from landscape.objective.loss_modules import callables_of, module_behind, with_module

PLAIN = (bool, int, float, str, bytes, type(None))
BUFFERS, PARAMETERS, ATTRIBUTES = "buffers", "parameters", "attributes"


class LossState:
    """Buffers, parameters and plain attributes (numbers, texts, tensors, lists and dicts of these) of losses that are modules."""

    def __init__(self, callables: Sequence[Callable]) -> None:
        self._losses = [None if is_known(each) else module_behind(each) for each in callables]

    @classmethod
    def of(cls, measure: Any) -> LossState:
        """Of all losses and metrics of a measure."""
        return cls(callables_of(measure))

    @classmethod
    def of_loss(cls, measure: Any) -> LossState:
        """Of its loss alone."""
        found = getattr(measure, "function", None) or measure.functions.get("loss")
        return cls([] if found is None else [found])

    def __bool__(self) -> bool:
        return any(each is not None for each in self._losses)

    @property
    def is_whole(self) -> bool:
        """Whether it is all that the modules hold, so that those with the same state compute the same."""
        return not any(
            isinstance(part, torch.jit.ScriptModule) or vars(part).keys() - OF_TORCH - _kept_of(part)[ATTRIBUTES].keys()
            for part in self._parts()
        )

    def state(self) -> list[dict[str, Any]]:
        """A copy of everything, for each part of each module; [] where there is none."""
        # in one copy, so that two names of one object stay that
        return copy.deepcopy([{kind: dict(held) for kind, held in _kept_of(part).items()} for part in self._parts()])

    def restore(self, state: Sequence[Any]) -> None:
        """Puts back a `state`; that of an earlier version says nothing.

        Raises:
            ValueError, KeyError: it is that of other modules.
        """
        for part, stored in zip(self._parts(), copy.deepcopy(list(state)), strict=True) if state else ():
            held = _kept_of(part)
            if isinstance(part, torch.jit.ScriptModule):
                for kind in (BUFFERS, PARAMETERS):
                    for name, value in stored[kind].items():
                        held[kind][name].data.copy_(value)
                continue
            part._buffers.update(stored[BUFFERS])
            part._parameters.update(
                {name: _as_parameter(value, part._parameters.get(name)) for name, value in stored[PARAMETERS].items()}
            )
            vars(part).update(stored[ATTRIBUTES])

    def keeps(self, place: Sequence[Any]) -> bool:
        """Whether what lies at a place (number of the loss, name, name, ...) is part of the state."""
        owner, rest = self._losses[place[0]], list(place[1:])
        while (
            owner is not None and not isinstance(owner, torch.jit.ScriptModule) and rest and rest[0] in owner._modules
        ):
            owner, rest = owner._modules[rest[0]], rest[1:]
        if isinstance(owner, torch.jit.ScriptModule):  # what torch looks up there it keeps
            return True
        return owner is not None and bool(rest) and any(rest[0] in held for held in _kept_of(owner).values())

    def _parts(self) -> list[nn.Module]:
        return [part for loss in self._losses if loss is not None for part in loss.modules()]


def _kept_of(part: nn.Module) -> dict[str, Any]:
    if isinstance(part, torch.jit.ScriptModule):  # its tables are torch's, and its attributes in them
        named = part.named_buffers(recurse=False), part.named_parameters(recurse=False)
        buffers, parameters = (
            {name: each.detach() for name, each in kind} for kind in named
        )  # which share their memory
        return {BUFFERS: buffers, PARAMETERS: parameters, ATTRIBUTES: {}}
    own = {name: value for name, value in vars(part).items() if name not in OF_TORCH and _is_plain(value)}
    return {BUFFERS: part._buffers, PARAMETERS: part._parameters, ATTRIBUTES: own}


def _as_parameter(value: Any, own: nn.Parameter | None) -> Any:
    """A file holds values alone; whether gradients flow to them is the module's business."""
    if value is None or isinstance(value, nn.Parameter):
        return value
    trains = own.requires_grad if own is not None else value.is_floating_point() or value.is_complex()
    return nn.Parameter(value, requires_grad=trains)


def _is_plain(value: Any, depth: int = 8) -> bool:
    """Whether a file of tensors can hold it."""
    if type(value) in PLAIN or (type(value) in (Tensor, nn.Parameter) and value.is_leaf):
        return True
    if type(value) is dict:
        value = [*value.keys(), *value.values()]
    return type(value) in (list, tuple) and depth > 0 and all(_is_plain(each, depth - 1) for each in value)


def for_checkpoint(measure: Any) -> list[dict[str, Any]]:
    """The state of the loss of a measure, on the CPU, as a checkpoint holds it; [] for a loss that is no module."""
    return [
        {kind: {name: _on_cpu(value) for name, value in held.items()} for kind, held in part.items()}
        for part in LossState.of_loss(measure).state()
    ]


def _on_cpu(value: Any) -> Any:
    return mapped(value, lambda tensor: tensor.detach().cpu())


def as_stored(function: Callable, state: Sequence[Any]) -> tuple[Callable, list[str]]:
    """(a copy of the loss with what a checkpoint holds, names of what differs from the loss itself, in order).

    The loss itself, and no names, where it is no module, nothing is stored, or nothing differs.

    Raises:
        ValueError: the state is not that of such a loss.
    """
    if is_known(function) or (module := module_behind(function)) is None or not state:
        return function, []
    own = with_module(function, copied_whole(module))
    kept = LossState([own])
    new = kept.state()
    _check_fits(new, state, module)
    if not (names := _differing(new, state)):
        return function, []
    try:
        kept.restore(state)
    except Exception as error:  # of another shape, or not what a buffer may be
        raise ValueError(str(error)) from error
    return own, names


def changing(states: Sequence[Sequence[Any]]) -> list[str]:
    """Names of what the last of several states of one loss has, and the first has not or has otherwise."""
    first, last = states[0], states[-1]
    try:
        return _differing(first, last) if len(first) == len(last) else []
    except (TypeError, KeyError, AttributeError):  # of another program
        return []


def _check_fits(new: Sequence[Any], state: Sequence[Any], module: nn.Module) -> None:
    """Raises ValueError for a state of another loss: with other parts, or without what each of them has from the start."""
    if len(state) != len(new):
        raise ValueError(f"it has {len(state)} parts, and the loss {len(new)}")
    for part, before, after in zip(module.modules(), new, state, strict=True):
        if not (isinstance(after, dict) and all(isinstance(after.get(kind), dict) for kind in before)):
            raise ValueError("it is no state of a loss")
        for kind in (BUFFERS, PARAMETERS):
            if missing := before[kind].keys() - after[kind].keys():
                raise ValueError(f"it lacks {min(missing)}")
            if odd := [name for name, value in after[kind].items() if not isinstance(value, (Tensor, type(None)))]:
                raise ValueError(f"{odd[0]} is no tensor")
        # what a file says may not stand in the place of code
        if taken := [name for name in after[ATTRIBUTES] if callable(getattr(part, name, None))]:
            raise ValueError(f"it has a value for {taken[0]}, which is a method")


def _differing(new: Sequence[Any], state: Sequence[Any]) -> list[str]:
    """Names of what a state holds and a new one does not, or with another value."""
    found = [
        name
        for before, after in zip(new, state, strict=True)
        for kind in before
        for name, value in after[kind].items()
        if name not in before[kind] or not _is_same(before[kind][name], value)
    ]
    return list(dict.fromkeys(found))


def _is_same(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return first.shape == second.shape and bool(
            (first.detach().cpu() == second.detach().cpu().to(first.dtype)).all()
        )
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        return len(first) == len(second) and all(map(_is_same, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_is_same(first[key], second[key]) for key in first)
    return type(first) is type(second) and bool(first == second)
