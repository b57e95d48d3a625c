"""A split of samples of any nested structure, of which single ones can be picked.

Owns: `RowsSplit`. It has what `TensorSplit` has for (inputs, targets), but for images and the faster programs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from landscape.data.split import copied
from landscape.data.structure import mapped, picked, tensors_in, to_device
from landscape.data.transfer import sent


@dataclass(frozen=True, eq=False)
class RowsSplit:
    """`rows`: a structure of tensors (N, ...), such as a dict or a tuple; `given`: the lengths of the user's batches, if any.

    The user's batches are kept: he chose their size for his net. `note`: what to say of how they were read.
    """

    rows: Any
    size: int
    of: int
    fingerprint: str
    given: tuple[int, ...] = ()
    copies: bool = False
    note: str | None = None

    @property
    def targets(self) -> Tensor | None:
        is_pair = isinstance(self.rows, (tuple, list)) and len(self.rows) == 2
        return self.rows[1] if is_pair and isinstance(self.rows[1], Tensor) else None

    @property
    def as_given(self) -> bool:
        """Whether all batches are the user's own."""
        return bool(self.given)

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in tensors_in(self.rows))

    def count(self, batch_size: int) -> int:
        return len(self.given) or -(-self.size // batch_size)

    def batches(self, batch_size: int, first: int = 0, last: int | None = None) -> Iterator[Any]:
        usual = (min(batch_size, self.size - start) for start in range(0, self.size, batch_size))
        ends = list(itertools.accumulate(self.given or usual, initial=0))
        found = (picked(self.rows, slice(*bounds)) for bounds in list(itertools.pairwise(ends))[first:last])
        return map(copied, found) if self.copies else found

    def take(self, numbers: Tensor) -> Any:
        """The samples with these numbers (n,), as a batch."""
        return mapped(self.rows, lambda tensor: tensor[sent(numbers, tensor.device)])

    def few(self, numbers: Tensor, fingerprint: str) -> RowsSplit:
        """The split of these samples only, in batches of the user's size."""
        size, most = len(numbers), max(self.given, default=0)
        given = tuple(min(most, size - start) for start in range(0, size, most)) if most else ()
        return replace(self, rows=self.take(numbers), size=size, given=given, fingerprint=fingerprint)

    def on(self, device: torch.device, dtype: torch.dtype, budget: float) -> RowsSplit:
        return replace(self, rows=to_device(self.rows, device, dtype))
