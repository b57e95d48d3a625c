"""A module that the caller holds in memory: out of its wrappers, whether its weights can be moved, and what is stored in it.

Owns: the refusals. Knows no checkpoint and no options.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from landscape.callables import made_by
from landscape.checkpoint.checkpoint import ODD, SHARDED, odd_tensor
from landscape.checkpoint.entries import EXTRA_STATE
from landscape.dispatched import gathered
from landscape.errors import LandscapeError, UsageError
from landscape.members import state_of
from landscape.shards import put_away


def bare(model: nn.Module) -> nn.Module:
    """The net inside the wrappers of torch.compile and DataParallel."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = model.module
        if inner is None:
            return model
        model = inner


def check_plain(model: nn.Module, divided: bool = False) -> None:
    """Raises LandscapeError for a module in memory whose weights cannot be moved."""
    if isinstance(model, torch.jit.ScriptModule):
        raise LandscapeError(
            "the model is scripted or traced, and cannot be evaluated at other weights; pass the module itself"
        )
    if any(type(layer).__name__ == "FullyShardedDataParallel" for layer in model.modules()):
        raise LandscapeError("the model is divided among processes (FSDP), which is not supported; pass the net as one")
    put_away(model)
    stored = state_of(model)
    others = [name for name, value in stored.items() if not isinstance(value, Tensor)]
    if packed := next((name for name in others if not name.endswith(EXTRA_STATE)), None):
        raise LandscapeError(
            f"the model {type(model).__name__}: {packed} is a {type(stored[packed]).__name__}, as quantized layers keep their "
            "weights, which cannot be moved; pass the net before quantization"
        )
    kinds = [kind for kind in ODD if not (divided and kind == SHARDED)]
    if odd := odd_tensor({name: value for name, value in stored.items() if name not in others}, kinds):
        raise LandscapeError(f"the model {type(model).__name__}: {odd}")


def given_model(model: Any) -> nn.Module | str | None:
    """The model that goes with a checkpoint: a module out of its wrappers, also one that a class or function makes, or a spec."""
    if callable(model) and not isinstance(model, nn.Module):
        shown = getattr(model, "__qualname__", type(model).__name__)
        model = made_by(model, f"model {shown}", "pass a module that it builds")
    if not isinstance(model, (nn.Module, str, type(None))):
        raise UsageError(f"model of type {type(model).__name__}: expected a torch.nn.Module or the name of one")
    if isinstance(model, nn.Module):
        model = gathered(bare(model))
        check_plain(model)
    return model


def class_name(model: nn.Module) -> str:
    """The class of a module as its author named it: FSDP2 makes one of its own."""
    own = next(kind for kind in type(model).__mro__ if not kind.__module__.startswith("torch.distributed"))
    return own.__name__


def stored_narrow(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the dtype that most entries have, if it holds fewer numbers than float32."""
    sizes: Counter[torch.dtype] = Counter()
    for tensor in tensors.values():
        if tensor.is_floating_point():
            sizes[tensor.dtype] += tensor.numel()
    usual = max(sizes, key=lambda kind: sizes[kind], default=torch.float32)
    return str(usual).removeprefix("torch.") if usual.itemsize < torch.float32.itemsize else None
