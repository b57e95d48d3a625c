"""A net that the library `accelerate` dispatches over devices, or offloads to the CPU or the disk (`device_map`), as one whole.

Owns: a copy without the hooks, whose parameters have the values that the hooks would fetch at each pass. Loads no `accelerate`:
the hooks are attributes of the modules. Parameters are not copied where they lie in memory; nobody may write to them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from landscape.copied import note_copy
from landscape.members import named_buffers, named_parameters, parameters_in

HOOK, OWN_FORWARD, PLACES = "_hf_hook", "_old_forward", "hf_device_map"
# Methods of the whole net that are replaced by ones which refuse.
MOVES = ("to", "cuda", "npu", "mlu", "sdaa", "musa", "xpu", "neuron")


def gathered(model: nn.Module) -> nn.Module:
    """The net itself where it has no such hooks. A parameter that no hook has values of stays on the meta device."""
    hooks = {id(each): each for module in model.modules() if (each := getattr(module, HOOK, None)) is not None}
    if not hooks:
        return model
    shared: dict[int, Any] = {id(each.data): each.data for each in parameters_in(model)}
    known = hooks | {id(each): nn.Parameter(each.data, each.requires_grad) for each in parameters_in(model)} | shared
    own = note_copy(copy.deepcopy(model, known), model)
    filled: dict[int, Tensor] = {}
    for module in [*own.modules()]:
        for hook in _hooks_of(module):
            _fill(module, hook, filled)
        _drop(module)
    if filled and callable(tie := getattr(own, "tie_weights", None)):
        tie()  # nets of transformers: what was written to the disk is read twice
    return own


def _hooks_of(module: nn.Module) -> Iterator[Any]:
    hook = vars(module).get(HOOK)
    for each in getattr(hook, "hooks", (hook,)):
        if isinstance(getattr(each, "weights_map", None), Mapping):
            yield each


def _fill(module: nn.Module, hook: Any, filled: dict[Any, Tensor]) -> None:
    """Puts the values of a hook in place of empty tensors; `filled`: what was put for each, so that shared ones stay shared."""
    named = named_parameters(module, remove_duplicate=False)
    empty = [(path, each) for path, each in (*named, *named_buffers(module, remove_duplicate=False)) if each.is_meta]
    for path, tensor in empty:
        is_parameter = isinstance(tensor, nn.Parameter)
        if id(tensor) not in filled:
            try:
                value = hook.weights_map[path].detach()
            except KeyError:  # another hook has it
                continue
            made = nn.Parameter(value, tensor.requires_grad) if is_parameter else value.clone()
            filled[id(tensor)] = filled.setdefault((made.data_ptr(), made.shape, made.stride()), made)
        inner, _, name = path.rpartition(".")
        kept: dict[str, Any] = vars(module.get_submodule(inner))["_parameters" if is_parameter else "_buffers"]
        kept[name] = filled[id(tensor)]


def _drop(module: nn.Module) -> None:
    """Removes what hooks left in a module."""
    own = vars(module)
    for name in (HOOK, PLACES, *MOVES):
        own.pop(name, None)
    forward = own.pop(OWN_FORWARD, None)
    own.pop("forward", None)
    if forward is not None and getattr(forward, "__func__", None) is not type(module).forward:
        own["forward"] = forward
