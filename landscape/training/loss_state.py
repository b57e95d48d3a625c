"""What a loss keeps from step to step: of modules it is part of a run's state, all else is named before the run starts.

Owns: `LossState` and `LossTrial`. A training has copies of the losses that are modules, so the caller's are as they were, and a
second training with them begins as the first did.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from landscape.objective.functions import is_known
from landscape.objective.loss_modules import callables_of, module_behind
from landscape.objective.measure import Measure
from landscape.printable import listed
from landscape.subject.program import OF_TORCH
from landscape.subject.written import Holdings

LISTED = 3
PLAIN = (bool, int, float, str, bytes, type(None))
BUFFERS, PARAMETERS, ATTRIBUTES = "buffers", "parameters", "attributes"


class LossState:
    """Buffers, parameters and plain attributes (numbers, texts, tensors, lists and dicts of these) of losses that are modules."""

    def __init__(self, measure: Measure) -> None:
        self._losses = [None if is_known(each) else module_behind(each) for each in callables_of(measure)]

    def __bool__(self) -> bool:
        return any(each is not None for each in self._losses)

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
            part._parameters.update(stored[PARAMETERS])
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


def _is_plain(value: Any, depth: int = 8) -> bool:
    """Whether a file of tensors can hold it."""
    if type(value) in PLAIN or (type(value) in (Tensor, nn.Parameter) and value.is_leaf):
        return True
    if type(value) is dict:
        value = [*value.keys(), *value.values()]
    return type(value) in (list, tuple) and depth > 0 and all(_is_plain(each, depth - 1) for each in value)


class LossTrial:
    """What the losses of a measure write into while they are tried, beside what is part of their state."""

    def __init__(self, measure: Measure) -> None:
        self._kept, called = LossState(measure), callables_of(measure)
        self._written = Holdings(*(each if (own := module_behind(each)) is None else own for each in called))

    def notes(self) -> list[str]:
        """A line on it, if there is anything."""
        places = [place for place in self._written.places() if not self._kept.keeps(place)]
        names = dict.fromkeys(name for place in places if (name := _name_of(place)))
        return [_note(list(names))] if names else []


def _name_of(place: Sequence[Any]) -> str | None:
    return next((key for key in reversed(place) if isinstance(key, str) and key.isidentifier()), None)


def _note(names: Sequence[str]) -> str:
    return (
        f"the loss changes {listed(names, LISTED)} while it trains, and a run that was stopped goes on without that; keep it in "
        "a module, as a buffer or a plain attribute, to have it kept"
    )
