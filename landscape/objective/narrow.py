"""A net whose weights stay in bfloat16, as they are stored: precision `bf16-true`, 2 bytes for each weight.

Owns: which nets can be held so, and what makes torch pass one. Every tensor keeps its dtype, so at its own weights the net is
torch's bfloat16 module. How a point is rounded is the business of slice/plane.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.data.split import Split
from landscape.data.structure import mapped, tensors_in
from landscape.errors import UsageError
from landscape.layout import Layout
from landscape.members import parameters_in

TRUE = "bf16-true"
HELD = (torch.bfloat16, torch.float32)


def built_in(precision: str) -> torch.dtype | None:
    """The dtype that a net is built in, where that is not the library's own choice."""
    return torch.bfloat16 if precision == TRUE else None


def held_dtype(precision: str, model: nn.Module, layout: Layout, *, lean: bool, divided: bool) -> torch.dtype | None:
    """The dtype of the vector of what moves where tensors keep their own; None: the precision says all.

    Raises:
        UsageError: what moves is not of one dtype, nothing is held in bfloat16, or the run is of another kind.
    """
    if precision != TRUE:
        return None
    if divided or not lean:
        # a net divided among processes stays in bfloat16 with precision bf16
        instead = "give precision bf16" if divided else "give --lean (of surface and line) too, or precision bf16"
        raise UsageError(f"precision {TRUE}: weights that stay as they are stored move by a lean run only; {instead}")
    moving = sorted({str(each.dtype).removeprefix("torch.") for each in layout.tensors(model).values()})
    if not any(each.dtype == torch.bfloat16 for each in parameters_in(model)):
        raise UsageError(
            f"precision {TRUE}: the net holds {moving[0]}, and no weights in bfloat16; give precision bf16"
        )
    if len(moving) > 1 or getattr(torch, moving[0]) not in HELD:
        raise UsageError(
            f"precision {TRUE}: what moves is held in {' and '.join(moving)}; expected all of it in bfloat16, or all in float32; "
            "choose with --only, or give precision bf16"
        )
    return getattr(torch, moving[0])


def made_passable(model: nn.Module, splits: Mapping[str, Split]) -> None:
    """Gives batch norm statistics of its weights' dtype, which torch wants, and the net inputs in bfloat16."""
    for layer in model.modules():
        if isinstance(layer, _BatchNorm) and getattr(layer.weight, "dtype", None) == torch.bfloat16:
            for name in ("running_mean", "running_var"):
                setattr(layer, name, _narrow(getattr(layer, name)) if layer.track_running_stats else None)
    first = next(iter(next(iter(splits.values())).batches(1)), None)
    # a hook keeps activations from being kept and nets from being shared, so nets of tokens get none
    if any(each.is_floating_point() for each in tensors_in(first)):
        model.register_forward_pre_hook(_rounded, with_kwargs=True)


def _rounded(module: nn.Module, arguments: Any, named: Any) -> tuple[Any, Any]:
    return mapped(arguments, _narrow), mapped(named, _narrow)


def _narrow(tensor: Tensor) -> Tensor:
    return tensor.bfloat16() if tensor.is_floating_point() else tensor
