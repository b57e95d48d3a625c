"""What the `forward` of a net says of its inputs: the names of its parameters, and whether it takes a batch by its entries.

Owns: reading signatures and code. Calls nothing, and knows no convention of batches.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

# Parts of the annotation of a parameter that takes a mapping as a whole.
MAPPINGS = ("dict", "mapping")


def parameters_of(net: nn.Module) -> tuple[set[str], list[str], bool, bool]:
    """(names, names without defaults, whether it takes any name, whether any number) of the net's `forward`."""
    try:
        found = inspect.signature(net.forward).parameters.values()
    except (TypeError, ValueError):
        return set(), [], False, False
    named = [each for each in found if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    kinds = {each.kind for each in found}
    required = [each.name for each in named if each.default is each.empty]
    return {each.name for each in named}, required, inspect.Parameter.VAR_KEYWORD in kinds, (
        inspect.Parameter.VAR_POSITIONAL in kinds
    )  # fmt: skip


def asks_by_name(net: nn.Module, inputs: Mapping[str, Any]) -> bool:
    """Whether `forward` names an entry in its code, as in `batch["image"]`, or declares a mapping."""
    forward = inspect.unwrap(type(net).forward)
    named = getattr(getattr(forward, "__code__", None), "co_consts", ())
    declared = [
        str(value).lower() for name, value in getattr(forward, "__annotations__", {}).items() if name != "return"
    ]
    return any(name in named for name in inputs) or any(word in each for each in declared for word in MAPPINGS)
