"""Checkpoints of trained nets: tensors by name, with metadata.

Owns: `Checkpoint`, `load_checkpoint` and the table of readers. Does not know any model: only fit.py, which has the net,
can tell parameters from buffers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landscape.checkpoint import safetensors_file, torch_file
from landscape.checkpoint.content import suffix_of
from landscape.checkpoint.digest import Hashing
from landscape.checkpoint.entries import extra_states, picked, usual
from landscape.checkpoint.shards import SHARDED_BINARY, read_sharded
from landscape.checkpoint.unwrap import COMPILED, clean_names, loss_state_of, settings_of, tensors_within, unwrap
from landscape.errors import CheckpointError
from landscape.made import has_changed
from landscape.plain_json import check_depth, tamed
from landscape.regular import expanded, is_folder, most_bytes, reason_unreadable
from landscape.shards import is_divided, whole

# Checkpoints may hold logs of a whole training run beside the weights.
MOST_ENTRIES = 3_000_000

SHARDED = "sharded"
# Tensors whose values cannot be copied into weights, in the order in which they are looked for.
ODD = {
    "lazy": "is not initialized yet; run the model once before passing it",
    "meta": "has no values (meta device); save or pass a loaded net",
    SHARDED: "is divided among processes (FSDP2 or tensor parallel), which only surface and line along random directions "
    "take, with the whole net in model=; pass it as one",
    "nested": "is a nested tensor; save plain tensors",
    "sparse": "is sparse; save its to_dense()",
    "quantized": "is quantized; save its dequantize(), or the net before it was quantized",
}
IS_ODD: dict[str, Callable[[Tensor], bool]] = {
    "lazy": torch.nn.parameter.is_lazy,
    "meta": lambda tensor: tensor.is_meta,
    SHARDED: is_divided,
    "nested": lambda tensor: tensor.is_nested,
    "sparse": lambda tensor: tensor.layout != torch.strided,
    "quantized": lambda tensor: tensor.is_quantized,
}
# The source of one that was given as tensors.
IN_MEMORY = "in memory"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Tensors on the CPU under clean names (no `module.`, no `_orig_mod.`), in the order of the file.

    `meta` holds model, data, normalize, metrics, ... as written by `landscape`; it is empty for files of other programs.
    `sha256` is a hash of every byte of the file or folder, or of the tensors when there is no file.

    `extras` are states of modules that are not tensors, by the path of their state dict. `settings`: the arguments of the class
    that Lightning stores beside the weights. `loss_state`: what the loss of `landscape train` has kept, for each of its parts, if
    it is a module: tensors and plain values.

    `entry` is the path of the state dict in the file, and `entries` holds all that are in it; with `several`, nobody has chosen
    this one unless `at` did.
    """

    state_dict: dict[str, Tensor]
    meta: dict = field(default_factory=dict)
    source: str = IN_MEMORY
    sha256: str = ""
    entry: str = ""
    entries: Mapping[str, dict[str, Tensor]] = field(default_factory=dict)
    chosen: bool = False
    extras: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    loss_state: Sequence[Any] = ()

    def __post_init__(self) -> None:
        if others := {name: each for name, each in self.state_dict.items() if not isinstance(each, Tensor)}:
            tensors = {name: each for name, each in self.state_dict.items() if name not in others}
            object.__setattr__(self, "state_dict", tensors)
            object.__setattr__(
                self, "extras", {**self.extras, self.entry: {**self.extras.get(self.entry, {}), **others}}
            )
        if not self.sha256:
            object.__setattr__(self, "sha256", tensors_digest(self.state_dict))
        if any(COMPILED in name for name in self.state_dict):
            plain = {name.replace(COMPILED, ""): each for name, each in self.state_dict.items()}
            object.__setattr__(self, "state_dict", plain)

    @property
    def several(self) -> bool:
        """Whether the file holds more than this state dict."""
        return len(self.entries) > 1 or (self.chosen and self.entry not in self.entries)

    def at(self, entry: str) -> Checkpoint:
        """The same file at another entry, by its dotted path, or by the prefix of names in a state dict.

        Raises:
            CheckpointError: there is none of that name.
        """
        known = self.entries or {self.entry: self.state_dict}
        tensors = picked(known, entry, self.source)
        return replace(self, state_dict=_cleaned(tensors), entry=entry, entries=known, chosen=True)

    @property
    def extra(self) -> dict[str, Any]:
        """The states that are not tensors beside this state dict, under clean names."""
        own = self.extras.get(self.entry, {})
        return dict(zip(clean_names([*own]), own.values(), strict=True))

    def candidates(self) -> list[Checkpoint]:
        """The file at each of its entries; at the chosen one only, if one was chosen."""
        if self.chosen or len(self.entries) < 2:
            return [self]
        return [replace(self, state_dict=_cleaned(each), entry=path) for path, each in self.entries.items()]


# One reader per kind of file: suffix -> function(path, mapped=...) -> (object as stored, metadata).
READERS: dict[str, Callable[..., tuple[object, dict]]] = {
    **dict.fromkeys((".pt", ".pth", ".th", ".t7", ".ckpt", ".bin", ".tar", ".pkl"), torch_file.read),
    # the library maps files in any case
    ".safetensors": lambda path, mapped: safetensors_file.read_file(path),
}


def load_checkpoint(path: str | Path, entry: str | None = None, *, mapped: bool = False) -> Checkpoint:
    """Reads a checkpoint: a file of a form in READERS, by its suffix or else by its content; a folder with `model.safetensors` or
    `pytorch_model.bin` (or the index of shards); or a run folder.

    Of a run folder of `landscape train` it reads the trained net; of an unfinished run, the last checkpoint. `entry` names the
    state dict in a file with several, such as "ema"; without it, the usual one is read, and `entries` has them all. `mapped`:
    tensors are read from the file when they are used, where its form allows that; the file must stay as it is meanwhile.

    Raises:
        CheckpointError: the file is missing, truncated or of unknown form, or holds Python objects or no tensors.
    """
    given = expanded(path)
    path = _net_of_run(given) or given
    stored: object
    if is_folder(path):
        stored, meta, files = _of_folder(path, mapped)
        with Hashing(files) as hashing:
            digest = hashing.result()
    elif reason := reason_unreadable(path):
        more = f"; {_neighbours(path)}" if reason == "no such file" else ""
        raise CheckpointError(f"checkpoint {path}: {reason}{more}")
    elif (suffix := path.suffix.lower()) not in READERS and (suffix := suffix_of(path) or "") not in READERS:
        raise CheckpointError(
            f"checkpoint {path}: unknown suffix '{path.suffix}'; expected one of {', '.join(READERS)}"
        )
    else:
        files = [path]
        with Hashing(files) as hashing:
            stored, meta = READERS[suffix](path, mapped=mapped)
            digest = hashing.result()
    if has_changed(str(given.resolve()), digest):  # a run that is trained meanwhile has another net, too
        raise changed(given)
    try:
        check_depth(stored, MOST_ENTRIES)
        entries, found = unwrap(stored, source=str(path))
        meta = tamed({**found, **meta})
    except ValueError as error:
        raise CheckpointError(f"checkpoint {path}: what it holds beside tensors is {error}") from error
    for tensors in entries.values():
        _check_size(tensors.values(), path, files)
        if odd := odd_tensor(tensors, ("meta", "nested")):
            raise CheckpointError(f"checkpoint {path}: {odd}")
    loss_state = loss_state_of(stored)
    _check_size(tensors_within(loss_state), path, files)
    first = usual(entries)
    extras = extra_states(stored) if isinstance(stored, Mapping) else {}
    settings = settings_of(stored) if isinstance(stored, Mapping) else {}
    read = Checkpoint(
        _cleaned(entries[first]), meta, str(path), digest, first, entries, extras=extras, settings=settings,
        loss_state=loss_state,
    )  # fmt: skip
    return read.at(entry) if entry else read


def changed(path: Path) -> CheckpointError:
    """The error on a file that is another one than when the command began with it."""
    return CheckpointError(
        f"checkpoint {path}: has changed since this command first looked at it; does another process write there? Wait for it, "
        "and run the command again"
    )


def _of_folder(folder: Path, mapped: bool) -> tuple[object, dict, list[Path]]:
    """(the object as stored, metadata, files read); safetensors where both forms are there."""
    if not any(folder.glob("*.safetensors*")):
        for name in safetensors_file.BINARIES:
            if (folder / name).exists() and not reason_unreadable(folder / name):
                return *torch_file.read(folder / name, mapped=mapped), [folder / name]
        if (index := folder / SHARDED_BINARY).exists():
            tensors, files = read_sharded(index, lambda shard: _plain(torch_file.read(shard, mapped=mapped)[0], shard))
            return tensors, {}, files
    return safetensors_file.read_model_folder(folder)


def _plain(stored: object, shard: Path) -> dict[str, Tensor]:
    if not isinstance(stored, Mapping) or not all(isinstance(each, Tensor) for each in stored.values()):
        raise CheckpointError(f"checkpoint {shard}: expected tensors by name, as in every shard; download it again")
    return dict(stored)


def odd_tensor(tensors: Mapping[str, Tensor], kinds: Iterable[str] = tuple(ODD)) -> str | None:
    """What is wrong with the first tensor that is not a plain array of values, and what to do; None if all are."""
    for name, tensor in tensors.items():
        for kind in kinds if isinstance(tensor, Tensor) else ():
            if IS_ODD[kind](tensor):
                return f"tensor {name} {ODD[kind]}"
    return None


def _cleaned(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # a lazy sign or conjugate is a view whose bytes are those of another number
    plain = [tensor.resolve_conj().resolve_neg() for tensor in tensors.values()]
    return dict(zip(clean_names(tensors), plain, strict=True))


def _check_size(tensors: Iterable[Tensor], path: Path, files: list[Path]) -> None:
    """A few bytes can be declared to be a tensor of any shape; a net of these sizes would fill the memory."""
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    if size > sum(most_bytes(file) for file in files):
        raise CheckpointError(
            f"checkpoint {path}: declares tensors of {size / 1e9:.3g} GB, more than a file of its size can hold; copy or write "
            "it again"
        )


def _net_of_run(folder: Path) -> Path | None:
    """The checkpoint to read from a run folder; None for another folder."""
    if not is_folder(folder) or not (folder / "config.json").is_file():
        return None
    nets = [*sorted(folder.glob("checkpoints/step_*.pt")), folder / "final.pt"]
    return next((net for net in reversed(nets) if net.exists()), None)


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """A hash of names, types, shapes and every byte; of tensors that are divided among processes, that of the whole ones."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        flat = whole(tensor).resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
        flat = flat.as_strided(flat.shape, (1,))  # a single number may have any stride
        digest.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return digest.hexdigest()


def _neighbours(path: Path) -> str:
    if not is_folder(path.parent):
        return f"the folder {path.parent} does not exist either"
    names = sorted(p.name for p in path.parent.iterdir() if p.suffix.lower() in READERS)
    return f"{path.parent} holds {', '.join(names[:8])}" if names else f"{path.parent} holds no checkpoint"
