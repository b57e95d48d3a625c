"""Which entry of a checkpoint a net is made of, where several hold weights.

Owns: the decision: the entry that was asked for, else the only one that fits the net. Several that fit are an error,
unless they are the same tensors: none is taken silently.
"""

from __future__ import annotations

import os
from typing import Any

from torch import nn

from landscape.checkpoint.checkpoint import Checkpoint, load_checkpoint, odd_tensor, tensors_digest
from landscape.checkpoint.entries import refuse_several, under
from landscape.checkpoint.fit import fits, leading_paths
from landscape.errors import CheckpointError, UsageError
from landscape.models.recognize import recognize
from landscape.models.resolve import build_model


def read(checkpoint: Any, entry: str | None, *, optional: bool = False, mapped: bool = False) -> Checkpoint:
    """A checkpoint from its path, at an entry; `optional`: as it is if it has no such entry; `mapped`: see `load_checkpoint`.

    Raises:
        CheckpointError: unreadable, or without this entry.
    """
    if not isinstance(checkpoint, (Checkpoint, str, os.PathLike)):
        raise UsageError(
            f"checkpoint of type {type(checkpoint).__name__}: expected the name of a file or a Checkpoint; for a state dict, "
            "ll.Checkpoint(state_dict), or load it into a module and pass that as model=..."
        )
    found = checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(os.fspath(checkpoint), mapped=mapped)
    if not entry or (optional and found.chosen):
        return found
    try:
        return found.at(entry)
    except CheckpointError:
        if optional:
            return found
        raise


def fitting_entry(checkpoint: Checkpoint, model: Any) -> Checkpoint:
    """The checkpoint at the only entry that fits a module, a spec, or with None a net of the zoo; as it is if none does.

    Raises:
        CheckpointError: several fit.
    """
    candidates = checkpoint.candidates()
    if odd := next(filter(None, (odd_tensor(one.state_dict) for one in candidates)), None):
        raise CheckpointError(f"checkpoint {checkpoint.source}: {odd}")
    found = [one for one in candidates if _fits(one, model)] if len(candidates) > 1 else candidates
    if len(found) > 1 and len({tensors_digest(one.state_dict) for one in found}) > 1:
        raise refuse_several(checkpoint.source, [one.entry for one in found])
    return found[0] if found else checkpoint


def _fits(checkpoint: Checkpoint, model: Any) -> bool:
    state, spec = checkpoint.state_dict, model  # what the file names is the caller's business: it may be code
    if isinstance(spec, str):
        try:
            spec = build_model(spec, state_dict=state, settings=checkpoint.settings)
        except CheckpointError:
            return False
    if isinstance(spec, nn.Module):
        return fits(spec, checkpoint)
    return any(recognize(under(state, prefix)) for prefix in leading_paths(state))


def chosen_entry(checkpoint: Checkpoint) -> str | None:
    """The entry as the provenance has it: nothing where the file has only one."""
    return checkpoint.entry if checkpoint.several else None
