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
    """`multiply(vector, out)`, which adds a product to `out` (size,), for the tapes that are there now; on a GPU.

    `name`: of this kind of product; what cannot be recorded is not tried at each point.
    """

    def __init__(self, multiply: Callable[[Tensor, Tensor], None], pool: Pool, like: Tensor, name: str):
        self._multiply, self._pool, self._name = multiply, pool, name
        self._like = like
        self._vector: Tensor
        self._found: Tensor
        self._graph: torch.cuda.CUDAGraph | None = None
        self._calls = 0

    def __call__(self, vector: Tensor, out: Tensor) -> None:
        self._calls += 1
        if self._calls == 2:
            self._vector, self._found = torch.zeros_like(self._like), torch.zeros_like(self._like)
            made = self._pool.record(self._once, self._name)
            self._graph = made and made[0]
        if self._graph is None:
            self._multiply(vector, out)
            return
        self._vector.copy_(vector)
        with self._pool.within():
            self._graph.replay()
        out.add_(self._found)

    def _once(self) -> Tensor:
        self._found.zero_()
        self._multiply(self._vector, self._found)
        return self._found
