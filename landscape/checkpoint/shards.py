"""Weights in several files beside an index, as `save_pretrained` writes large nets: `NAME.index.json` with a `weight_map`.

Owns: the index, and putting together what it names. What a shard is, its reader knows.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from landscape.errors import CheckpointError
from landscape.plain_json import parse_json
from landscape.regular import reason_unreadable

# The index of files that torch wrote; that of safetensors bears the name of its net.
SHARDED_BINARY = "pytorch_model.bin.index.json"


def read_sharded(index: Path, read: Callable[[Path], dict[str, Tensor]]) -> tuple[dict[str, Tensor], list[Path]]:
    """(tensors of all shards in the order of the index, files read).

    Raises:
        CheckpointError: a shard or a tensor of the index is missing, or a file is not readable.
    """
    folder, order = index.parent, _weight_map(index)
    shards = [folder / shard for shard in sorted(set(order.values()))]
    if missing := [shard.name for shard in shards if not os.path.lexists(shard)]:
        raise CheckpointError(f"checkpoint folder {folder}: {index.name} names missing shards {', '.join(missing)}")
    tensors: dict[str, Tensor] = {}
    for shard in shards:
        tensors |= read(shard)
    if lacking := [name for name in order if name not in tensors]:
        raise CheckpointError(
            f"checkpoint folder {folder}: its shards lack {lacking[0]}, which {index.name} names; download it again"
        )
    return {name: tensors[name] for name in order}, [index, *shards]


def _weight_map(index: Path) -> dict[str, str]:
    """Shards by tensor: names of files in the folder of the index, and nowhere else."""
    if reason := reason_unreadable(index):
        raise CheckpointError(f"checkpoint index {index}: {reason}")
    try:
        found = dict(parse_json(index.read_bytes())["weight_map"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"checkpoint index {index}: no 'weight_map' in it; download it again") from error
    for shard in found.values():
        if not isinstance(shard, str) or shard != os.path.basename(shard) or shard in ("", ".", "..") or "\0" in shard:
            raise CheckpointError(
                f"checkpoint index {index}: names {shard!r} as a shard, expected a file beside the index"
            )
    return found
