"""A few samples of a split as a split of their own.

Owns: which kinds of splits can be taken apart.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from landscape.data.rows import RowsSplit
from landscape.data.split import TensorSplit


def can_pick(split: Any) -> bool:
    """Whether single samples of a split can be picked."""
    return isinstance(split, RowsSplit) or (isinstance(split, TensorSplit) and not split.as_given)


def picked_split(split: Any, numbers: Tensor, mark: str) -> Any:
    """The split of the samples with these numbers (n,), with `mark` as its fingerprint."""
    if isinstance(split, RowsSplit):
        return split.few(numbers, mark)
    assert isinstance(split, TensorSplit)
    numbers = numbers.to(split.inputs.device)
    return replace(split, inputs=split.inputs[numbers], targets=split.targets[numbers], fingerprint=mark)
