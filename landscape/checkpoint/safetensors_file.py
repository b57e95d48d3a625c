"""Safetensors: one file, or a Hugging Face folder with `model.safetensors` or its shards and index.

Owns: opening these files. The format holds only tensors, so reading cannot run code.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from landscape.checkpoint.content import start_of
from landscape.checkpoint.shards import read_sharded
from landscape.errors import CheckpointError
from landscape.plain_json import parse_json
from landscape.regular import reason_unreadable

BINARIES = ("pytorch_model.bin", "adapter_model.bin")
SINGLE = ("model.safetensors", "diffusion_pytorch_model.safetensors", "adapter_model.safetensors")


def read_file(path: Path) -> tuple[dict[str, Tensor], dict]:
    """The tensors of one file, and its metadata if `landscape` wrote it.

    Raises:
        CheckpointError: the file is truncated or not a safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    if reason := reason_unreadable(path):
        raise CheckpointError(f"checkpoint {path}: {reason}")
    try:
        start_of(path)
        with safe_open(path, framework="pt", device="cpu") as stream:
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118  (not a mapping)
            meta = stream.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"checkpoint {path}: truncated or not a safetensors file ({error})") from error
    try:
        own = parse_json(meta.get("landscape", "{}"))
    except ValueError:  # another program's entry of the same name
        own = {}
    return tensors, own if isinstance(own, dict) else {}


def read_model_folder(folder: Path) -> tuple[dict[str, Tensor], dict, list[Path]]:
    """(tensors of all shards, metadata, files read).

    Raises:
        CheckpointError: the folder has no safetensors, or a shard or tensor in the index is missing.
    """
    for name in SINGLE:
        if (folder / name).exists():
            return *read_file(folder / name), [folder / name]
    indexes = sorted(folder.glob("*.safetensors.index.json"))
    if not indexes:
        raise CheckpointError(
            f"checkpoint folder {folder}: holds neither {SINGLE[0]} nor a *.safetensors.index.json nor {BINARIES[0]}; "
            "name one file inside it, or save with safetensors"
        )
    tensors, files = read_sharded(indexes[0], lambda shard: read_file(shard)[0])
    return tensors, {}, files
