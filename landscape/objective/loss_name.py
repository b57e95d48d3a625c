"""The name of a loss in the provenance.

Owns: names that distinguish losses of one class by their settings, so that a file computed with one is never continued
with another.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, nn

from landscape.data.split import fingerprint_of


def full_name(loss: Callable, without: Collection[str] = ()) -> str:
    """The name, with the settings that differ from torch's defaults; those in `without` are left out.

    >>> full_name(nn.SmoothL1Loss(beta=2.0)), full_name(nn.MSELoss()), full_name(nn.functional.mse_loss)
    ('SmoothL1Loss(beta=2.0)', 'MSELoss', 'mse_loss')
    """
    if type(loss) is nn.CrossEntropyLoss or loss is nn.functional.cross_entropy:
        return "cross_entropy" + _settings(loss, without)
    return short_name(loss) + _settings(loss, without)


def short_name(function: Callable) -> str:
    """The name without settings, which also names a metric."""
    inner = function.func if isinstance(function, functools.partial) else function
    return getattr(inner, "__name__", type(inner).__name__)


def _settings(loss: Callable, without: Collection[str]) -> str:
    usual: dict[str, Any] = {}
    if isinstance(loss, functools.partial):
        given = loss.keywords
    elif isinstance(loss, nn.Module):
        given, usual = _fields(loss), _torch_defaults(type(loss))
    else:
        return ""
    settings = [
        f"{key}={_shown(value)}" for key, value in given.items() if key not in without and usual.get(key) != value
    ]
    return f"({', '.join(settings)})" if settings else ""


def _fields(module: nn.Module) -> dict[str, Any]:
    fields = {**vars(module), **dict(module.named_buffers())}
    return {
        key: value
        for key, value in fields.items()
        if key != "training" and not key.startswith("_") and isinstance(value, (int, float, str, Tensor))
    }


def _torch_defaults(kind: type[nn.Module]) -> dict[str, Any]:
    try:
        return _fields(kind()) if kind.__module__.startswith("torch.nn.") else {}
    except TypeError:  # some have arguments without defaults
        return {}


def _shown(value: Any) -> str:
    """A tensor, such as class weights, as eight digits of its hash."""
    if not isinstance(value, Tensor):
        return str(value)
    return fingerprint_of([value if value.layout == torch.strided else value.to_dense()])[:8]
