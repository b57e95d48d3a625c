"""What a loss that is a module keeps from step to step, which is part of the state of a run.

Owns: `LossState`, and whether two states are the same. A training has copies of such losses, so the caller's are as they were,
and a second training with them begins as the first did. Their form in a checkpoint is known in stored_loss.py.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from landscape.checkpoint.unwrap import tensors_within
from landscape.members import OF_TORCH
from landscape.objective.functions import is_known
from landscape.objective.loss_modules import PUT_BACK, callables_of, module_behind
from landscape.objective.steady import same

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
        found = getattr(measure, "function", None)
        found = getattr(measure, "functions", {}).get("loss") if found is None else found
        return cls([] if found is None else [found])

    def __bool__(self) -> bool:
        return any(each is not None for each in self._losses)

    @property
    def is_whole(self) -> bool:
        """Whether it is all that the modules hold, so that those with the same state compute the same."""
        return not any(
            isinstance(part, torch.jit.ScriptModule)
            or vars(part).keys() - OF_TORCH - {PUT_BACK} - _kept_of(part)[ATTRIBUTES].keys()
            for part in self.parts()
        )

    def state(self) -> list[dict[str, Any]]:
        """A copy of everything, for each part of each module; [] where there is none."""
        kept = [{kind: dict(held) for kind, held in _kept_of(part).items()} for part in self.parts()]
        # in one copy, so that two names of one object stay that; of a tensor with a graph its values
        memo = {id(each): each.detach().clone() for each in tensors_within(kept) if not each.is_leaf}
        return copy.deepcopy(kept, memo)

    def restore(self, state: Sequence[Any]) -> None:
        """Puts back a `state`; that of an earlier version says nothing.

        Raises:
            ValueError, KeyError: it is that of other modules.
        """
        parts = self.parts() if state else []
        if len(state) != len(parts):
            raise ValueError(
                f"the loss had {len(state)} parts then and has {len(parts)} now; make all of them when it is made"
            )
        for part, stored in zip(parts, copy.deepcopy(list(state)), strict=True):
            held = _kept_of(part)
            if isinstance(part, torch.jit.ScriptModule):
                for kind in (BUFFERS, PARAMETERS):
                    for name, value in stored[kind].items():
                        held[kind][name].data.copy_(value)
                continue
            for kind, table in ((BUFFERS, part._buffers), (PARAMETERS, part._parameters), (ATTRIBUTES, vars(part))):
                for name in [name for name in held[kind] if name not in stored[kind]]:  # what training has dropped
                    del table[name]
            part._buffers.update(stored[BUFFERS])
            for name, value in stored[PARAMETERS].items():
                _set_parameter(part, name, value)
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

    def parts(self) -> list[nn.Module]:
        """The modules of all losses, each with those inside it."""
        return [part for loss in self._losses if loss is not None for part in loss.modules()]


def _kept_of(part: nn.Module) -> dict[str, Any]:
    if isinstance(part, torch.jit.ScriptModule):  # its tables are torch's, and its attributes in them
        named = part.named_buffers(recurse=False), part.named_parameters(recurse=False)
        buffers, parameters = (
            {name: each.detach() for name, each in kind} for kind in named
        )  # which share their memory
        return {BUFFERS: buffers, PARAMETERS: parameters, ATTRIBUTES: {}}
    own = {name: value for name, value in vars(part).items() if name not in OF_TORCH and is_plain(value)}
    return {BUFFERS: part._buffers, PARAMETERS: part._parameters, ATTRIBUTES: own}


def _set_parameter(part: nn.Module, name: str, value: Any) -> None:
    """In place where possible, because an optimizer within the loss may hold the parameter."""
    own = part._parameters.get(name)
    if own is not None and value is not None and _are_alike(own, value):
        own.data.copy_(value.detach())
        return
    if value is not None and not isinstance(value, nn.Parameter):  # a file holds values alone
        trains = own.requires_grad if own is not None else value.is_floating_point() or value.is_complex()
        value = nn.Parameter(value, requires_grad=trains)
    part._parameters[name] = value


def _are_alike(own: Tensor, value: Tensor) -> bool:
    """Whether one can be written into the other: a lazy layer's has no shape yet."""
    return not nn.parameter.is_lazy(own) and own.shape == value.shape and own.dtype == value.dtype


def is_plain(value: Any, depth: int = 8) -> bool:
    """Whether a file of tensors can hold it."""
    if type(value) in (*PLAIN, Tensor, nn.Parameter):
        return True
    if type(value) is dict:
        value = [*value.keys(), *value.values()]
    return type(value) in (list, tuple) and depth > 0 and all(is_plain(each, depth - 1) for each in value)


def differing(before: Sequence[Any], after: Sequence[Any]) -> list[str]:
    """Names of what two states of a loss do not have in common, in order; numbers are compared in the precision of the later."""
    if len(before) != len(after):
        return ["its parts"]
    found = [
        name
        for old, new in zip(before, after, strict=True)
        for kind in old
        for name in {**old[kind], **new[kind]}
        if not (name in old[kind] and name in new[kind] and is_same(old[kind][name], new[kind][name]))
    ]
    return list(dict.fromkeys(found))


def is_same(old: Any, new: Any) -> bool:
    """Whether two plain values are the same, NaN is NaN; numbers are compared in the precision of the later."""
    if isinstance(old, Tensor) and isinstance(new, Tensor):
        return _are_same(old, new)
    if isinstance(old, (list, tuple)) and type(old) is type(new):
        return len(old) == len(new) and all(map(is_same, old, new))
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(is_same(old[key], new[key]) for key in old)
    return type(old) is type(new) and (old == new or (old != old and new != new))


def _are_same(old: Tensor, new: Tensor) -> bool:
    try:
        old, new = old.detach().cpu(), new.detach().cpu()
        if old.layout != new.layout or old.is_floating_point() != new.is_floating_point():
            return False
        if old.layout != torch.strided:
            old, new = old.to_dense(), new.to_dense()
        return same(old.to(new.dtype), new)
    except (RuntimeError, NotImplementedError, ValueError):  # such as a quantized one, or one without values yet
        return False
