"""Writing the checkpoints of `landscape`: torch files with the metadata that `surface` needs.

Owns: the form of these files, `{"state_dict": ..., "landscape": {"model": ..., "data": ..., ...}}`, with
`"loss_state": [...]` after training with a loss that has a state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landscape.atomic import whole_file
from landscape.checkpoint.checkpoint import odd_tensor
from landscape.checkpoint.unwrap import LOSS_STATE, OWN_META
from landscape.errors import CheckpointError

# What could be written and not be read again, or not even be written.
UNREADABLE = ("lazy", "meta", "nested", "sparse")


def save_checkpoint(
    path: str | Path, state_dict: Mapping[str, Any], meta: Mapping, loss_state: Sequence[Any] = ()
) -> None:
    """Writes weights and metadata (plain values only, so that the file loads with weights_only=True), atomically.

    `loss_state`: of the loss of their training, if it has one, see `Checkpoint`.

    Raises:
        CheckpointError: the folder is missing or not writable, or the disk is full; a tensor is sparse, or has no values.
    """
    if odd := odd_tensor(state_dict, UNREADABLE):
        raise CheckpointError(f"cannot write {path}: {odd}")
    tensors = {  # beside them a layer may store a state of another kind
        name: each.detach().cpu().clone(memory_format=torch.contiguous_format) if isinstance(each, Tensor) else each
        for name, each in state_dict.items()
    }
    state = {LOSS_STATE: list(loss_state)} if loss_state else {}
    write_whole(Path(path), {"state_dict": tensors, OWN_META: dict(meta), **state})


def write_whole(path: Path, content: Mapping) -> None:
    """`torch.save`, atomically.

    Raises:
        CheckpointError: see `save_checkpoint`.
    """
    try:
        with whole_file(path) as scratch, scratch.open("wb") as stream:
            torch.save(dict(content), stream)
    except (OSError, RuntimeError) as error:  # on a full disk, closing torch's archive raises a second error
        first = error if isinstance(error, OSError) else error.__context__ or error
        raise CheckpointError(f"cannot write {path}: {getattr(first, 'strerror', None) or first}") from error
