"""torch's optimizers by name.

Owns: the names, the default learning rates, and the common options that each optimizer accepts.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from landscape.errors import UsageError

# These need a closure or sparse gradients.
LEFT_OUT = ("Optimizer", "LBFGS", "SparseAdam")
NESTEROV = "nesterov"
# For gradient descent as in the recipes of the CIFAR nets (He et al. 2016); for the others torch's default.
SGD_RATE = 0.1


def optimizers() -> dict[str, type[torch.optim.Optimizer]]:
    """Name in lower case -> class; `nesterov` is SGD with Nesterov momentum."""
    found = {
        name.lower(): kind
        for name, kind in vars(torch.optim).items()
        if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer) and name not in LEFT_OUT
    }
    return {NESTEROV: torch.optim.SGD, **found}


def check_optimizer(name: str) -> None:
    """Raises UsageError for an unknown name."""
    known = optimizers()
    if name not in known:
        close = difflib.get_close_matches(name.lower(), known, n=2)
        hint = f"did you mean {' or '.join(close)}?" if close else f"expected one of {', '.join(known)}"
        raise UsageError(f"optimizer '{name}': {hint}")


def usual_rate(name: str) -> float:
    """The default learning rate."""
    kind = optimizers()[name]
    return SGD_RATE if kind is torch.optim.SGD else float(inspect.signature(kind).parameters["lr"].default)


def make_optimizer(
    name: str,
    parameters: Iterable[nn.Parameter],
    *,
    lr: float,
    momentum: float,
    weight_decay: float,
    options: Mapping[str, Any],
) -> torch.optim.Optimizer:
    """The optimizer with `options`; momentum and weight decay are passed if it accepts them.

    Raises:
        UsageError: the optimizer does not have an option, or refuses its value.
    """
    kind = optimizers()[name]
    takes = inspect.signature(kind).parameters
    given: dict[str, Any] = {"lr": lr, "weight_decay": weight_decay}
    if kind is torch.optim.SGD:
        given["momentum"] = momentum
    if name == NESTEROV:
        given["nesterov"] = True
    if own := [option for option in options if option in ("lr", "momentum", "weight_decay", "nesterov")]:
        instead = "--optimizer nesterov" if own[0] == "nesterov" else f"--{own[0].replace('_', '-')}"
        if own[0] != "momentum" or kind is torch.optim.SGD:
            raise UsageError(f"optimizer-option {own[0]}: has an option of its own, {instead}")
    if unknown := [option for option in options if option not in takes or option == "params"]:
        raise UsageError(f"optimizer-option {unknown[0]}: {kind.__name__} has {', '.join(list(takes)[1:])}")
    try:
        return kind(list(parameters), **{key: value for key, value in {**given, **options}.items() if key in takes})
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"optimizer '{name}': {error}") from error
