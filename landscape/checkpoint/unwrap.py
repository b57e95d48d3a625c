"""Finding the state dict in an object that a training script stored.

Owns: the entries of a dictionary that may hold the weights, and the prefixes that wrappers add to names (`module.` of
DataParallel, `_orig_mod.` of torch.compile). Prefixes that depend on the net, such as Lightning's `model.`, are removed
in fit.py, which knows the net.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from landscape.errors import CheckpointError

# Tried in this order; the first entry that holds tensors is used. The entry "landscape" holds metadata.
WEIGHT_ENTRIES = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "ema_state_dict",
)
OWN_META = "landscape"


def unwrap(stored: object, *, source: str) -> tuple[dict[str, Tensor], dict]:
    """(tensors by stored name, metadata).

    Raises:
        CheckpointError: none of the usual entries holds tensors.
    """
    if not isinstance(stored, Mapping):
        kind = type(stored).__name__
        raise CheckpointError(f"checkpoint {source}: holds a {kind}, expected a state dict; save model.state_dict()")
    meta = _metadata(stored)
    if tensors := _tensors(stored):
        return tensors, meta
    for entry in WEIGHT_ENTRIES:
        inner = stored.get(entry)
        if isinstance(inner, Mapping):
            if tensors := _tensors(inner):
                return tensors, meta
            if any(isinstance(value, Mapping) for value in inner.values()):
                return unwrap(inner, source=source)[0], meta
    keys = ", ".join(map(str, list(stored)[:8])) or "nothing"
    raise CheckpointError(f"checkpoint {source}: no weights found; it holds {keys}, none of which is a state dict")


def clean_names(names: Iterable[str]) -> list[str]:
    """The names without `_orig_mod.`, and without a leading `module.` if every name has it.

    >>> clean_names(["module._orig_mod.fc.weight", "module._orig_mod.fc.bias"])
    ['fc.weight', 'fc.bias']
    """
    cleaned = [name.replace("_orig_mod.", "") for name in names]
    while cleaned and all(name.startswith("module.") for name in cleaned):
        cleaned = [name.removeprefix("module.") for name in cleaned]
    return cleaned


def _tensors(mapping: Mapping) -> dict[str, Tensor]:
    """The tensors of a state dict; empty if most values of the mapping are not tensors, or if it nests state dicts."""
    found = {str(key): value for key, value in mapping.items() if isinstance(value, Tensor)}
    nested = any(isinstance(value, Mapping) and _tensors(value) for value in mapping.values())
    return {} if nested or 2 * len(found) < len(mapping) else found


def _metadata(stored: Mapping) -> dict:
    own = stored.get(OWN_META)
    meta = dict(own) if isinstance(own, Mapping) else {}
    for key in ("epoch", "step", "global_step"):
        if isinstance(stored.get(key), int):
            meta.setdefault(key, stored[key])
    return meta
