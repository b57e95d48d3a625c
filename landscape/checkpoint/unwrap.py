"""What is in an object that a training script stored: state dicts and metadata.

Owns: the metadata, what a file of ours says of a loss, and the prefixes that wrappers add to names (`module.` of DataParallel,
`_orig_mod.` of torch.compile). Which entries are state dicts is decided in entries.py. Prefixes that depend on the net, such as
Lightning's `model.`, are removed in fit.py, which knows the net.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor

from landscape.checkpoint.entries import state_dicts
from landscape.errors import CheckpointError

# The entry that holds our metadata.
OWN_META = "landscape"
# The entry that holds what the loss of our training has kept.
LOSS_STATE = "loss_state"
# What torch.compile adds to the names of a layer.
COMPILED = "_orig_mod."


def unwrap(stored: object, *, source: str) -> tuple[dict[str, dict[str, Tensor]], dict]:
    """(state dicts by the path of their entry, metadata); see entries.py.

    Raises:
        CheckpointError: nothing in it is a state dict.
    """
    if not isinstance(stored, Mapping):
        kind = type(stored).__name__
        raise CheckpointError(f"checkpoint {source}: holds a {kind}, expected a state dict; save model.state_dict()")
    if found := state_dicts(stored):
        return found, _metadata(stored)
    keys = ", ".join(map(str, list(stored)[:8])) or "nothing"
    raise CheckpointError(f"checkpoint {source}: no weights found; it holds {keys}, none of which is a state dict")


def settings_of(stored: Mapping) -> dict[str, Any]:
    """The arguments of its class that Lightning's `save_hyperparameters` stored: by name, or all as one argument."""
    found = stored.get("hyper_parameters")
    settings = {str(name): value for name, value in found.items()} if isinstance(found, Mapping) else {}
    name = stored.get("hparams_name")
    return {name: settings} if settings and isinstance(name, str) and name != "kwargs" else settings


def clean_names(names: Iterable[str]) -> list[str]:
    """The names without `_orig_mod.`, and without a leading `module.` if every name has it.

    >>> clean_names(["module._orig_mod.fc.weight", "module._orig_mod.fc.bias"])
    ['fc.weight', 'fc.bias']
    """
    cleaned = [name.replace(COMPILED, "") for name in names]
    while cleaned and all(name.startswith("module.") for name in cleaned):
        cleaned = [name.removeprefix("module.") for name in cleaned]
    return cleaned


def _metadata(stored: Mapping) -> dict:
    own = stored.get(OWN_META)
    meta = dict(own) if isinstance(own, Mapping) else {}
    for key in ("epoch", "step", "global_step"):
        if isinstance(stored.get(key), int):
            meta.setdefault(key, stored[key])
    return meta


def loss_state_of(stored: object) -> list[Any]:
    """What the loss of a training has kept, in a file of ours; elsewhere the name may mean anything."""
    found = stored.get(LOSS_STATE) if isinstance(stored, Mapping) and OWN_META in stored else None
    return found if isinstance(found, list) else []


def tensors_within(tree: Any) -> Iterator[Tensor]:
    """All tensors in lists, tuples and mappings, which are not nested deep."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, (list, tuple, Mapping)):
        for each in tree.values() if isinstance(tree, Mapping) else tree:
            yield from tensors_within(each)
