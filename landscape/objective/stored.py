"""A loss that reads what the caller's own net stores when it is called, and not what the copy stores that is evaluated.

Owns: the refusal. Features that a hook keeps in an object, or that a layer keeps as an attribute, are those of an earlier pass of
the caller's net: the value of the loss would have a constant part. It is found by value: the caller's net is called with other
samples, and the loss, evaluated again by the copy, must be the same. What a hook that is a function stores in a dictionary is
shared with the copy, so it is the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from landscape.data.split import copied
from landscape.data.structure import batch_length, mapped
from landscape.errors import EvaluationError
from landscape.members import parameters_in
from landscape.objective.conduct import Values
from landscape.objective.functions import is_known
from landscape.objective.loss_modules import callables_of
from landscape.objective.probe import apart, first_samples, values_of
from landscape.objective.touched import uncompiled
from landscape.randomness import forked

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

HOOKS = ("_forward_pre_hooks", "_forward_hooks")


def refuse_stored(objective: Objective, module: nn.Module, put_back: Callable[[], Any]) -> None:
    """`module`: the caller's. `put_back`: gives it the attributes and buffers back that it had.

    Raises:
        EvaluationError: the loss reads what an earlier pass of it has stored.
    """
    if _is_known(objective.measure) or not _stores(module):
        return
    batch = copied(first_samples(objective, next(iter(objective.splits.values()))))
    with uncompiled():
        found, other = _values(objective, batch), _other(batch, module)
        _values(objective, other)
        again = _values(objective, batch)
        if found is None or again is None or apart(found, again, None) is not None:
            return  # it keeps something itself, which is said elsewhere
        try:
            with contextlib.suppress(Exception), forked(objective.device), torch.no_grad():
                objective.measure(module, other)
            after = _values(objective, batch)
        finally:
            put_back()
    if after is None or apart(found, after, None) is not None:
        raise EvaluationError(
            "the loss reads what an earlier pass of the net that was given has stored, in an attribute or through a hook that "
            "is an object; it is a copy that is evaluated, and what that stores is not found there; let the loss take "
            "(model, batch) and read what its model keeps, or register a function as hook, which stores into a dictionary"
        )


def _is_known(measure: Any) -> bool:
    """Whether all losses and metrics are ours or torch's, which read nothing else."""
    used = callables_of(measure)
    return bool(used) and all(is_known(each) for each in used)


def _stores(module: nn.Module) -> bool:
    """Whether a layer has a hook, or keeps tensors that are neither parameters nor buffers."""
    for layer in module.modules():
        own = vars(layer)
        if any(own.get(table) for table in HOOKS) or any(_holds(value) for value in own.values()):
            return True
    return False


def _holds(value: Any) -> bool:
    parts = value.values() if type(value) is dict else value if type(value) in (list, tuple) else [value]
    return any(isinstance(each, Tensor) and not isinstance(each, nn.Parameter) for each in parts)


def _other(batch: Any, module: nn.Module) -> Any:
    """Half of the samples, where the module is, in its precision."""
    like, count = next(parameters_in(module), torch.empty(0)), batch_length(batch)

    def part(tensor: Tensor) -> Tensor:
        few = tensor[: max(1, count // 2)] if tensor.ndim and len(tensor) == count else tensor
        return few.to(like.device, like.dtype if tensor.is_floating_point() else None)

    return mapped(batch, part)


def _values(objective: Objective, batch: Any) -> Values | None:
    """None where the evaluation fails."""
    with contextlib.suppress(Exception):
        return values_of(objective, objective.model, batch)
    return None
