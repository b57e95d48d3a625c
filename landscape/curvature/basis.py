"""Orthonormal vectors as the rows of one growing matrix.

Owns: the memory of a space's vectors, and orthogonalizing against them twice, which is enough to keep a basis orthogonal to
rounding (Giraud, Langou, Rozloznik 2005). Both kinds of spaces grow on it (lanczos.py, space.py).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Operator = Callable[[Tensor], Tensor]
# The k-th random vector (n,), normally distributed.
RandomVectors = Callable[[int], Tensor]


class Basis:
    """Vectors as rows of one matrix, so that sums over all of them are one pass through memory."""

    def __init__(self) -> None:
        self._held: Tensor | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> Tensor:
        """(count, n), of one vector at least."""
        if self._held is None:
            raise IndexError("a basis without vectors has no rows")
        return self._held[: self._count]

    def append(self, row: Tensor) -> None:
        """Room grows by half, so that a short run takes little and a long one is not copied at every step."""
        if self._held is None or self._count == len(self._held):
            more = row.new_empty(max(16, self._count // 2), len(row))
            self._held = more if self._held is None else torch.cat([self._held, more])
        self._held[self._count] = row
        self._count += 1

    def orthogonal(self, vector: Tensor) -> Tensor:
        """The part of a vector that is orthogonal to all rows, which are orthonormal."""
        for _ in range(2 if self._count else 0):
            vector = torch.addmv(vector, self.rows.mT, self.rows @ vector, alpha=-1)
        return vector


def rounding(vector: Tensor, scale: float) -> float:
    """The length at which the orthogonal part of a vector of length `scale` is only rounding."""
    return 100 * torch.finfo(vector.dtype).eps * scale
