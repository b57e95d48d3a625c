"""Losses and metrics that are modules: in evaluation mode where they are measured, as the net is, and copied where they may be.

Owns: which module stands behind a callable, the same callable with another one, and the modes. A function that calls a module
which it has found elsewhere is not seen through.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from landscape.callables import explain
from landscape.errors import LandscapeError


def module_behind(function: Any) -> nn.Module | None:
    """The module that is called: itself, inside a partial, or the one whose method it is."""
    if isinstance(function, functools.partial):
        return module_behind(function.func)
    owner = function.__self__ if inspect.ismethod(function) else function
    return owner if isinstance(owner, nn.Module) else None


def callables_of(measure: Any) -> list[Any]:
    """The losses and metrics of a measure: functions, modules and other objects that can be called."""
    found = [getattr(measure, "function", None), *getattr(measure, "functions", {}).values()]
    return [each for each in found if each is not None]


def with_module(function: Callable, module: nn.Module) -> Callable:
    """The callable with another module behind it."""
    if isinstance(function, functools.partial):
        return functools.partial(with_module(function.func, module), *function.args, **function.keywords)
    return getattr(module, function.__name__) if inspect.ismethod(function) else module


def into_evaluation(module: nn.Module) -> None:
    """Puts it into evaluation mode, by its own `eval` first, which may do more than set modes.

    Raises:
        LandscapeError: that fails.
    """
    try:
        module.eval()
    except Exception as error:
        raise LandscapeError(
            f"the loss {type(module).__name__} cannot be put into evaluation mode: its eval() failed ({explain(error)})"
        ) from error
    for part in module.modules():
        part.training = False


@contextlib.contextmanager
def evaluating(module: nn.Module | None) -> Iterator[None]:
    """Within the block it is in evaluation mode: for one that belongs to the caller, and is called by one thread at a time."""
    before = [(part, part.training) for part in module.modules()] if module is not None else []
    for part, _ in before:
        part.training = False
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


def tells_modes(module: nn.Module) -> bool:
    """Whether its code or its layers tell evaluation from training, as far as they can be read."""
    return any(map(_tells, module.modules()))


def _tells(part: nn.Module) -> bool:
    kind = type(part)
    own = kind.train is not nn.Module.train or kind.eval is not nn.Module.eval
    code = getattr(getattr(kind, "forward", None), "__code__", None)
    layers = isinstance(part, (_DropoutNd, _NormBase))
    return layers or "training" in getattr(code, "co_names", ()) or (own and not kind.__module__.startswith("torch."))
