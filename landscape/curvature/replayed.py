"""Products at one point of the landscape, recorded once and replayed.

Owns: when a product is recorded, and what is done where that fails. A search for the ends of a spectrum takes dozens of products
with one matrix: the first is computed as usual, the second is recorded, and it and all others are replays.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from landscape.program.replay import Pool


class ReplayedProduct:
    """`multiply(vector, out)`, which adds a product to `out` (size,), for the tapes that are there now; on a GPU."""

    def __init__(self, multiply: Callable[[Tensor, Tensor], None], pool: Pool, like: Tensor):
        self._multiply, self._pool = multiply, pool
        self._vector, self._found = torch.zeros_like(like), torch.zeros_like(like)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._calls, self._works = 0, True

    def __call__(self, vector: Tensor, out: Tensor) -> None:
        self._calls += 1
        if self._calls == 2:
            self._works = self._record()
        if self._graph is None or not self._works:
            self._multiply(vector, out)
            return
        self._vector.copy_(vector)
        with self._pool.within():
            self._graph.replay()
        out.add_(self._found)

    def _record(self) -> bool:
        """Whether it could be recorded."""
        try:
            self._graph, _ = self._pool.record(self._once)
        except RuntimeError:
            return False
        return True

    def _once(self) -> None:
        self._found.zero_()
        self._multiply(self._vector, self._found)
