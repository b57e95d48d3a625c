"""The state dicts in an object that a training script stored, by the path that leads to each.

Owns: what counts as a state dict, and picking one by its name. A file may hold several, such as the weights and their
moving average; which of them a net is made of is decided by who has the net, or by the user.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from landscape.errors import CheckpointError
from landscape.printable import listed

# Among several, the first of these is the one to name in messages.
USUAL = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params")
# Parts of the names of what is kept beside weights, in which tensors lie under names too.
BESIDE = ("optim", "sched", "scaler", "rng", "callback", "loops")
LISTED = 8
# The entry of the names without a prefix, where a state dict has others with one.
PLAIN = "."
# The end of the names under which a state dict holds what `get_extra_state` of a module returns.
EXTRA_STATE = "_extra_state"
StateDict = dict[str, Tensor]


def state_dicts(stored: Mapping) -> dict[str, StateDict]:
    """All state dicts by dotted path; the object itself has the path "".

    What is kept beside weights counts only where nothing else does.
    """
    return _found(stored, (), BESIDE) or _found(stored, (), ())


def _found(stored: Mapping, path: tuple[str, ...], without: Sequence[str]) -> dict[str, StateDict]:
    if "param_groups" in stored:  # the state of an optimizer
        return {}
    if found := tensors_of(stored):
        return {".".join(path): found}
    inner: dict[str, StateDict] = {}
    for key, value in stored.items():
        if isinstance(key, str) and isinstance(value, Mapping) and not any(word in key.lower() for word in without):
            inner |= _found(value, (*path, key), without)
    return inner


def tensors_of(mapping: Mapping) -> StateDict:
    """The tensors of a state dict; empty if most values of the mapping are not tensors, or if it nests state dicts."""
    found = {str(key): value for key, value in mapping.items() if isinstance(value, Tensor)}
    nested = any(isinstance(value, Mapping) and tensors_of(value) for value in mapping.values())
    return {} if nested or 2 * len(found) < len(mapping) else found


def extra_states(stored: Mapping, path: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """What `get_extra_state` of modules returned, where that is not a tensor: by the path of its state dict, and by name."""
    names = {str(key): value for key, value in stored.items() if str(key).endswith(EXTRA_STATE)}
    own = {name: value for name, value in names.items() if not isinstance(value, Tensor)}
    found = {".".join(path): own} if own else {}
    for key, value in stored.items():
        if isinstance(key, str) and isinstance(value, Mapping) and key not in names:
            found |= extra_states(value, (*path, key))
    return found


def usual(found: Mapping[str, StateDict]) -> str:
    """The path of the entry that training scripts usually mean."""
    for name in USUAL:
        for path in found:
            if path.split(".")[0] == name:
                return path
    return next(iter(found))


def picked(found: Mapping[str, StateDict], entry: str, source: str) -> StateDict:
    """The entry of this name: a state dict, or the part of one whose names begin with it.

    Raises:
        CheckpointError: there is none.
    """
    if entry == PLAIN:
        return without_copies(found[usual(found)])
    for path, tensors in found.items():
        if path == entry:
            return tensors
        if inner := under(tensors, f"{entry.removeprefix(f'{path}.')}."):
            return inner
    flat = found.get("", {})
    known = sorted(path for path in found if path) or list(dict.fromkeys(name.split(".")[0] for name in flat))
    raise CheckpointError(f"checkpoint {source}: no entry '{entry}' with weights in it; it has {listed(known, LISTED)}")


def under(tensors: Mapping[str, Tensor], prefix: str) -> StateDict:
    """The tensors whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def without_copies(state: Mapping[str, Tensor]) -> StateDict:
    """The tensors whose names are not those of others with a prefix, such as `ema.` before the moving average of the others."""
    parts = {name: name.split(".") for name in state}
    tails = {name: [".".join(each[at:]) for at in range(1, len(each))] for name, each in parts.items()}
    return {name: tensor for name, tensor in state.items() if not any(tail in state for tail in tails[name])}


def refuse_several(source: str, paths: Sequence[str]) -> CheckpointError:
    """The error on a checkpoint with several candidates; the path `PLAIN` is that of the names without a prefix."""
    said = [f"{path} (names without a prefix)" if path == PLAIN else path for path in paths]
    return CheckpointError(
        f"checkpoint {source}: the weights of this net are in several entries: {listed(said, LISTED)}; choose one with entry "
        f"(--entry {paths[0]})"
    )
