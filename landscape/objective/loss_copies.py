"""Copies of losses and metrics on a device, in a dtype.

Owns: what of a loss is copied and moved. Torch's means over targets become sums with weights; functions stay as they are.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn

from landscape.callables import explain
from landscape.copied import copied_whole
from landscape.errors import UsageError
from landscape.layout import placed
from landscape.objective.loss_modules import drop_put_back, module_behind, tells_modes, with_module
from landscape.objective.weighted import TargetMean, target_mean


def _copied(module: nn.Module) -> nn.Module:
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
    drop_put_back(own := placed(_copied(module), device, dtype))
    for part in own.modules():  # tensors that are no buffers
        for name, value in vars(part).items():
            if isinstance(value, Tensor):
                setattr(part, name, value.to(device, dtype if value.is_floating_point() else None))
    return with_module(function, own)
