"""Nets that come as folders: a model of `transformers`, or an adapter of PEFT with the folder of its base.

Owns: which folders these are, and the net of one with its weights in it. The library builds the net (models/from_config.py);
weights are read by the package's own reader, so that their hash identifies a run.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from landscape.checkpoint.checkpoint import Checkpoint, load_checkpoint
from landscape.checkpoint.digest import joint_digest
from landscape.checkpoint.entries import under
from landscape.checkpoint.fit import best_match, fit, widened
from landscape.errors import CheckpointError
from landscape.members import named_parameters
from landscape.models.from_config import (
    ADAPTER,
    SPEC,
    adapter_names_by_key,
    class_of,
    configured,
    described,
    named_class,
    with_adapter,
)
from landscape.printable import listed, printable
from landscape.regular import expanded, is_folder
from landscape.trust import Trust, is_trusted

# Settings of adapters that decide what their tensors do to the net.
SCALES = ("peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "rank_pattern", "alpha_pattern")


def spec_of_folder(checkpoint: Checkpoint, model: Any) -> str | None:
    """`hf:CLASS` where the folder of the weights says how its net is built and the user names no other; else None.

    Beside an adapter the user may name the folder of its base, which is then the spec.
    """
    if isinstance(model, str) and model:
        return model if model.startswith(SPEC) or _is_base(checkpoint, model) else None
    if model is not None:
        return None
    place = base_folder(checkpoint.source) if described(checkpoint.source, ADAPTER) else checkpoint.source
    name = named_class(place)
    if place != checkpoint.source and name is None:
        raise CheckpointError(
            f"{place}: the base of {checkpoint.source} has no config.json that names its architectures"
        )
    return name and f"{SPEC}{name}"


def _is_base(checkpoint: Checkpoint, model: str) -> bool:
    """Whether a model that is named beside an adapter is the folder of a net."""
    return bool(described(checkpoint.source, ADAPTER)) and not model.startswith(SPEC) and is_folder(expanded(model))


def _spec_of_base(folder: str) -> str:
    if name := named_class(folder):
        return f"{SPEC}{name}"
    raise CheckpointError(f"{folder}: has no config.json that names its architectures; give the folder of the base net")


def base_folder(adapter: str) -> str:
    """The folder of the base that an adapter's configuration names, from the current folder or that of the adapter.

    Raises:
        CheckpointError: it is not a folder on this machine.
    """
    name = described(adapter, ADAPTER).get("base_model_name_or_path")
    text = name if isinstance(name, str) else ""
    found = next((place for place in (expanded(text), expanded(adapter) / text) if text and is_folder(place)), None)
    if found is None:
        raise CheckpointError(
            f"{adapter}: its base {printable(text) or 'model'} is not a folder here; give its folder as --model, or "
            f"write it as base_model_name_or_path in {ADAPTER}"
        )
    return str(found)


def net_of_folder(
    checkpoint: Checkpoint, spec: str, trust: Trust, *, mapped: bool = False, dtype: torch.dtype | None = None
) -> tuple[nn.Module, Checkpoint]:
    """The net of a folder with its weights in it, built in `dtype`, and the checkpoint under its names; `mapped`: see `fit`.

    Raises:
        UntrustedError: its class is code in the folder.
        LandscapeError: the library is missing, or does not know the class; the weights do not fit.
    """
    if described(checkpoint.source, ADAPTER):
        # trust in whatever is passed does not reach what that leads to
        passed = () if isinstance(trust, bool) else trust
        place = spec if _is_base(checkpoint, spec) else base_folder(checkpoint.source)
        inside = _spec_of_base(place) if place == spec else spec
        inner, base = _model(load_checkpoint(place, mapped=mapped), inside, passed, mapped, dtype)
        module = with_adapter(inner, checkpoint.source, checkpoint.state_dict)
        return module, replace(checkpoint, sha256=joint_digest([base.sha256, checkpoint.sha256]))
    return _model(checkpoint, spec, trust, mapped, dtype)


def adapter_tensors(checkpoint: Checkpoint, like: nn.Module) -> dict[str, Tensor] | None:
    """The tensors of a second adapter of a net of PEFT, under the net's names; None if the checkpoint is no adapter's folder.

    Raises:
        CheckpointError: it is an adapter of another kind, or its settings or tensors are not those of the net's own.
    """
    settings, net = described(checkpoint.source, ADAPTER), cast(Any, like)
    if not settings or not hasattr(like, "peft_config"):
        return None
    own = adapter_names_by_key(like, checkpoint.source)
    if other := sorted(own.keys() ^ checkpoint.state_dict.keys()):
        raise CheckpointError(
            f"{checkpoint.source}: is another adapter than that of the net; they differ in {listed(other, 4)}"
        )
    for key in SCALES:
        mine = net.peft_config[net.active_adapter].to_dict().get(key)
        if key in settings and settings[key] != mine:
            raise CheckpointError(
                f"{checkpoint.source}: has {key} {settings[key]}, and the net's adapter {mine}; give two alike"
            )
    there = dict(named_parameters(like))
    for key, tensor in checkpoint.state_dict.items():
        if tensor.shape != there[own[key]].shape:
            raise CheckpointError(
                f"{checkpoint.source}: {key} is {tuple(tensor.shape)}, and {tuple(there[own[key]].shape)} in the net's adapter"
            )
    return {own[key]: tensor for key, tensor in checkpoint.state_dict.items()}


def _model(
    checkpoint: Checkpoint, spec: str, trust: Trust, mapped: bool, dtype: torch.dtype | None
) -> tuple[nn.Module, Checkpoint]:
    folder = checkpoint.source
    kind = class_of(folder, spec.removeprefix(SPEC), trusted=is_trusted(folder, trust))
    empty = configured(folder, kind, meta=True)
    renamed = replace(checkpoint, state_dict=_named_as(empty, checkpoint.state_dict))
    if best_match(empty, renamed.state_dict)[1].count:
        fit(empty, renamed, name=spec, advice="give the --model that it fits")  # raises before memory is taken
    module = widened(configured(folder, kind, dtype=dtype), renamed)
    fit(module, renamed, name=spec, mapped=mapped)
    return module, renamed


def _named_as(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names of the net with a head, where they were saved without one; masks of old files are left out."""
    prefix = f"{getattr(model, 'base_model_prefix', '')}."
    own = model.state_dict()
    if under(own, prefix) and not under(state, prefix):
        state = {f"{prefix}{name}" if f"{prefix}{name}" in own else name: tensor for name, tensor in state.items()}
    ignored = getattr(model, "_keys_to_ignore_on_load_unexpected", None) or ()
    return {
        name: tensor
        for name, tensor in state.items()
        if name in own or not any(re.search(pattern, name) for pattern in ignored)
    }
