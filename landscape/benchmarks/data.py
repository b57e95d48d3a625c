"""The data that the plain loops of a comparison use.

Owns: the check that they are tensors which can be preloaded.
"""

from __future__ import annotations

from landscape.data.split import TensorSplit
from landscape.errors import UsageError
from landscape.objective.objective import Objective


def tensors_of(objective: Objective) -> TensorSplit:
    """The data of an objective, preloaded.

    Raises:
        UsageError: they are batches of the user's own.
    """
    split = next(iter(objective.splits.values()))
    if not isinstance(split, TensorSplit):
        raise UsageError("bench: expected data of one tensor of inputs and one of targets, not ready-made batches")
    return split
