"""A copy of the user's net that is ours to change.

Owns: the copy, and the message for a net that has none.
"""

from __future__ import annotations

import copy

from torch import nn

from landscape.callables import explain
from landscape.errors import LandscapeError


def private_copy(model: nn.Module) -> nn.Module:
    """A deep copy.

    Raises:
        LandscapeError: the model cannot be copied; the message says why.
    """
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise LandscapeError(
            f"the model cannot be copied ({explain(error)}); detach tensors kept in it, "
            "remove hooks, or replace torch.nn.utils.weight_norm by torch.nn.utils.parametrizations.weight_norm"
        ) from error
