"""Fitting a checkpoint to its net: names and shapes are compared, then the weights are copied.

Owns: writing a checkpoint into a module, by its own hooks where it has some, and the list of entries that do not fit. What a
user can do about a misfit depends on the command, which passes it as `advice`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from landscape.checkpoint.checkpoint import Checkpoint
from landscape.checkpoint.entries import EXTRA_STATE, PLAIN, refuse_several, under
from landscape.checkpoint.unwrap import clean_names
from landscape.errors import CheckpointError
from landscape.layout import names_by_tensor
from landscape.members import (
    has_own_names,
    load_state,
    loads_by_itself,
    own_names,
    saved_state,
    state_of,
    stores_otherwise,
    tensors_in,
)
from landscape.pages import give_back_freed
from landscape.printable import listed

LISTED = 6
NAME_IT, ANOTHER = "name its net with --model", "give the --model that it fits, or another checkpoint"
# What profilers leave in state dicts.
COUNTERS = ("total_ops", "total_params")
# What quantized layers store beside their weights.
QUANTIZED = "zero_point"


@dataclass(frozen=True)
class Mismatch:
    """The entries of a state dict that do not fit a net, by name."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.missing) + len(self.unexpected) + len(self.misshapen)

    def __str__(self) -> str:
        parts = [
            f"{title} {listed(names, LISTED)}"
            for title, names in (
                ("missing", self.missing),
                ("unexpected", self.unexpected),
                ("of another shape", self.misshapen),
            )
            if names
        ]
        return "; ".join(parts)


def fit(
    model: nn.Module, checkpoint: Checkpoint, *, name: str = "the model", advice: str = NAME_IT, mapped: bool = False
) -> None:
    """Copies the checkpoint into the model, after checking every name and shape.

    `mapped`: parameters become the checkpoint's tensors themselves, with its dtype, where reading that into the model's changes
    no value.

    A prefix before the net's names (such as Lightning's `model.`) is found by trying; entries without it are ignored.

    Raises:
        CheckpointError: there are missing, unexpected or misshapen entries, and the message lists them; or an entry is complex
            and the net's is real.
    """
    found = _mapped(model, checkpoint, name, advice)
    prefix = "" if not checkpoint.extra else best_match(model, checkpoint.state_dict)[2]
    if mapped and not loads_by_itself(model):
        found = _assigned(model, found)
    load_state(model, {**found, **under(checkpoint.extra, prefix)}, strict=False)


def _assigned(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Makes tensors of the state dict the model's own, as one where layers share them; returns those that are left."""
    own, left = state_of(model), {}
    for key, stored in state.items():
        there = own.get(key)
        if isinstance(there, nn.Parameter) and torch.promote_types(stored.dtype, there.dtype) == there.dtype:
            there.data = stored
        else:
            left[key] = stored
    give_back_freed()  # small tensors that the net began with
    return left


def widened(model: nn.Module, checkpoint: Checkpoint) -> nn.Module:
    """The model itself, in float64 where all numbers of the checkpoint are, which would be rounded otherwise."""
    if {each.dtype for each in checkpoint.state_dict.values() if each.is_floating_point()} == {torch.float64}:
        model.double()
    return model


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Those of its state dict, which may hold a state of another kind too."""
    return {name: value for name, value in saved_state(model).items() if isinstance(value, Tensor)}


def fitting(
    model: nn.Module, checkpoint: Checkpoint, *, name: str = "the model", advice: str = NAME_IT, members: bool = False
) -> dict[str, Tensor]:
    """The checkpoint's tensors under the names of the model, which is not changed; tied weights under each name.

    `advice`: the end of the message on one that does not fit; "" for none. `members`: the tensors are those of a module,
    and not in the form in which its state dict stores them.

    Raises:
        CheckpointError: see `fit`.
    """
    mapped = _mapped(model, checkpoint, name, advice)
    if not members and stores_otherwise(model):
        loaded = copy.deepcopy(model)
        load_state(loaded, mapped, strict=False)
        return tensors_in(loaded)
    own = state_of(model)
    stored = {id(own[key]): value for key, value in mapped.items() if key in own}
    if has_own_names(model):  # what its state dict leaves out is as the net is built
        stored = {id(each): each.detach() for each in own.values()} | stored
    return {key: stored[id(tensor)] for key, tensor in own.items() if id(tensor) in stored}


def fits(model: nn.Module, checkpoint: Checkpoint) -> bool:
    """Whether every name and shape fits."""
    return not _without_shape(model) and not best_match(model, checkpoint.state_dict)[1].count


def _without_shape(model: nn.Module) -> str | None:
    """The first parameter of a lazy layer that has seen no batch yet."""
    return next((name for name, each in model.named_parameters() if isinstance(each, UninitializedParameter)), None)


def _mapped(model: nn.Module, checkpoint: Checkpoint, name: str, advice: str) -> dict[str, Tensor]:
    if lazy := _without_shape(model):
        raise CheckpointError(
            f"checkpoint {checkpoint.source}: the shape of {lazy} of {name} is not known before the first batch; let the code "
            "that builds the net pass a batch through it, or give its layers their sizes"
        )
    mapped, mismatch, prefix = best_match(model, checkpoint.state_dict)
    if mismatch.count and (loaded := _through_hooks(model, under(checkpoint.state_dict, prefix))) is not None:
        mapped, mismatch = loaded, Mismatch((), (), ())
    if mismatch.count:
        raise _misfit(checkpoint, name, str(mismatch), advice)
    _refuse_twins(checkpoint, prefix)
    if parted := _parted(model, mapped):
        raise _misfit(checkpoint, name, parted, advice)
    # torch would drop the imaginary parts with no more than a warning
    parts = [key for key, tensor in mapped.items() if tensor.is_complex()]
    own = state_of(model) if parts else {}
    if lost := next((key for key in parts if not own[key].is_complex()), None):
        raise CheckpointError(
            f"checkpoint {checkpoint.source}: tensor {lost} is complex, and that of {name} is real; save real weights"
        )
    return mapped


def _misfit(checkpoint: Checkpoint, name: str, what: str, advice: str) -> CheckpointError:
    """The error on a checkpoint that does not fit, with what to do about it."""
    keys = checkpoint.state_dict.keys()
    if any(key.endswith(QUANTIZED) for key in keys):
        what, advice = f"{what}; its layers are quantized", "give the net as it was before quantization"
    elif any(key.endswith("_orig") and f"{key.removesuffix('_orig')}_mask" in keys for key in keys):
        what = f"{what}; it is of a pruned net"
        advice = "prune the net in the same way when it is built, or store it after torch.nn.utils.prune.remove"
    return CheckpointError(
        f"checkpoint {checkpoint.source} does not fit {name}: {what}" + (f"; {advice}" if advice else "")
    )


def _through_hooks(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor] | None:
    """The state dict as the model's own hooks rename and convert it on loading; None where they do not make it fit."""
    if not any(module._load_state_dict_pre_hooks for module in model.modules()):
        return None
    trial = copy.deepcopy(model)
    try:
        keys = trial.load_state_dict(dict(state), strict=False)
    except RuntimeError:  # shapes differ
        return None
    missing = [name for name in keys.missing_keys if not name.endswith(EXTRA_STATE)]
    return None if missing or keys.unexpected_keys else tensors_of(trial)


def _refuse_twins(checkpoint: Checkpoint, prefix: str) -> None:
    """Raises CheckpointError if under another prefix, or without one, there are the same names and shapes, with other values.

    Such are the weights and their moving average in one state dict.
    """
    state = checkpoint.state_dict
    own = under(state, prefix)
    shapes = {name: tensor.shape for name, tensor in own.items()}
    parts = {path: under(state, path) for path in leading_paths(state) if path not in ("", prefix)} if prefix else {}
    if prefix:
        parts[PLAIN] = {name: state[name] for name in own if name in state}
    twins = {
        path: part for path, part in parts.items()
        if {name: tensor.shape for name, tensor in part.items()} == shapes
    }  # fmt: skip
    if any(not torch.equal(part[name], tensor) for part in twins.values() for name, tensor in own.items()):
        raise refuse_several(checkpoint.source, [path.rstrip(".") or PLAIN for path in sorted([prefix, *twins])])


def _parted(model: nn.Module, mapped: dict[str, Tensor]) -> str:
    """What is one tensor of the model under two names, and in the checkpoint two that differ; empty where nothing is."""
    for first, *rest in names_by_tensor(state_of(model).items()).values():
        for key in rest:
            if key in mapped and first in mapped and _differ(mapped[first], mapped[key]):
                return f"{first} and {key} are one tensor there, and differ in the checkpoint"
    return ""


def _differ(one: Tensor, other: Tensor) -> bool:
    """Whether values differ; NaN is NaN."""
    return one.shape != other.shape or not torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def best_match(model: nn.Module, state: dict[str, Tensor]) -> tuple[dict[str, Tensor], Mismatch, str]:
    """The state dict under the names of the model, with the prefix that fits best removed; what does not fit; the prefix.

    The best prefix is that with which most entries fit, then that with the fewest entries that do not. The empty prefix
    is best where no entry fits. Files of a model whose own `state_dict` leaves out or renames entries have its names, or torch's.
    """
    members = {name: value for name, value in state_of(model).items() if isinstance(value, Tensor)}
    own = own_names(model) if has_own_names(model) else {}
    found = _best_under({name: name for name in members}, members, state)
    if own and found[1].count:
        stored = _best_under(own, members, state)
        return found if stored[1].count else stored
    return found


def _best_under(
    names: dict[str, str], members: dict[str, Tensor], state: dict[str, Tensor]
) -> tuple[dict[str, Tensor], Mismatch, str]:
    """The same for `names`: those that files have, each with that of a member of the model."""
    # the user's module may itself be wrapped by DataParallel or torch.compile; checkpoints have clean names
    own_name = dict(zip(clean_names(names), names.values(), strict=True))
    wanted = {name: members[full] for name, full in own_name.items()}
    best: tuple[dict[str, Tensor], Mismatch, str] | None = None
    most = (-1, 0)
    for prefix in leading_paths(state):
        inner = under(state, prefix)
        mismatch = _compare(wanted, inner)
        fitting = len(inner) - len(mismatch.unexpected) - len(mismatch.misshapen)
        score = (fitting, -mismatch.count if fitting else 0)
        if score > most:
            best, most = (inner, mismatch, prefix), score
        if mismatch.count == 0:
            break
    assert best is not None  # the empty prefix is always tried
    return {own_name.get(key, key): value for key, value in best[0].items()}, best[1], best[2]


def leading_paths(state: dict[str, Tensor]) -> list[str]:
    """The empty prefix, then every leading path of the names, short ones first."""
    paths = {""}
    for key in state:
        parts = key.split(".")
        paths |= {".".join(parts[:depth]) + "." for depth in range(1, min(len(parts), 4))}
    return sorted(paths, key=lambda path: (path.count("."), path))


def _compare(wanted: dict[str, Tensor], found: dict[str, Tensor]) -> Mismatch:
    present = {id(tensor) for key, tensor in wanted.items() if key in found}
    missing = tuple(
        key
        for key, tensor in wanted.items()
        # a tied weight may be stored once; files of torch < 0.4.1 lack the batch counter of BN
        if key not in found and id(tensor) not in present and not key.endswith("num_batches_tracked")
    )
    misshapen = tuple(
        f"{key} {tuple(found[key].shape)} instead of {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in found and found[key].shape != tensor.shape
    )
    unexpected = tuple(key for key in found if key not in wanted and key.rpartition(".")[2] not in COUNTERS)
    return Mismatch(missing, unexpected, misshapen)
