"""Copies of losses and metrics on a device, in a dtype.

Owns: what of a loss is copied and moved. Torch's means over targets become sums with weights; functions stay as they are.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from landscape.callables import explain
from landscape.copied import copied_whole
from landscape.errors import UsageError
from landscape.layout import placed
from landscape.members import OF_TORCH
from landscape.objective.loss_modules import drop_put_back, module_behind, tells_modes, with_module
from landscape.objective.weighted import TargetMean, target_mean


def private_module(module: nn.Module) -> nn.Module:
    """A copy of the module behind a loss.

    Raises:
        UsageError: it cannot be copied, or the copy would call the module itself.
    """
    kind = type(module).__name__
    if tells_modes(module) and (name := _leading_back(module)):
        raise UsageError(
            f"the loss {kind} keeps a function, {name}, that leads back to it, such as a lambda over self, and a copy would call "
            "the loss that was given, in its mode; make it a method, which a copy has of its own"
        )
    try:
        return copied_whole(module)
    except Exception as error:
        raise UsageError(
            f"the loss {kind} cannot be copied ({explain(error)}); keep what cannot be outside of it"
        ) from error


def _leading_back(module: nn.Module) -> str | None:
    """The name of a function among its attributes that holds a part of it: copies of functions are these themselves."""
    parts = {id(part) for part in module.modules()}
    functions = (
        (name, value) for part in module.modules() for name, value in vars(part).items() if inspect.isfunction(value)
    )
    for name, function in functions:
        with contextlib.suppress(ValueError):  # an empty cell
            if any(id(cell.cell_contents) in parts for cell in function.__closure__ or ()):
                return name
    return None


def placed_loss(function: Callable, device: torch.device, dtype: torch.dtype) -> Callable:
    """The function with tensors of its module, if it has one, on the device: those of a copy.

    Raises:
        UsageError: the module cannot be copied.
    """
    if found := function if isinstance(function, TargetMean) else target_mean(function):
        return found.on(device)
    if (module := module_behind(function)) is None:
        return function
    drop_put_back(own := placed(private_module(module), device, dtype))
    made: dict[int, Any] = {}
    for part in own.modules():  # tensors that are not buffers
        for name, value in vars(part).items():
            if name not in OF_TORCH and (moved := _moved(value, device, dtype, made)) is not value:
                setattr(part, name, moved)
    return with_module(function, own)


def _moved(value: Any, device: torch.device, dtype: torch.dtype, made: dict[int, Any]) -> Any:
    """The value with its tensors on the device, also those in lists, tuples and dicts, which are new ones where any moves.

    `made`: by the id of what it was made of, so that one list under two names stays one.
    """
    if isinstance(value, Tensor):
        return value.to(device, dtype if value.is_floating_point() else None)
    if type(value) not in (list, tuple, dict) or id(value) in made:
        return made.get(id(value), value)
    inner = list(value.values() if isinstance(value, dict) else value)
    moved = [_moved(each, device, dtype, made) for each in inner]
    if all(new is old for new, old in zip(moved, inner, strict=True)):
        return value
    made[id(value)] = dict(zip(value, moved, strict=True)) if isinstance(value, dict) else type(value)(moved)
    return made[id(value)]
