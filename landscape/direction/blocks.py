"""Large tensors in blocks of whole rows.

Owns: the places of the blocks. All sums over a direction (norms, angles) are taken block by block, so that a direction
in memory and one regenerated from its seed give the same bits, and temporary copies stay small.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from torch import Tensor

# 1 MB of float32: large enough to hide the cost of Python, small enough for the caches of a core.
BLOCK = 1 << 18


def spans(shape: Sequence[int]) -> list[tuple[int, int]]:
    """(start, stop) of each block in the flattened tensor; at least one, and at least one row in each.

    >>> spans((5, 100_000))
    [(0, 200000), (200000, 400000), (400000, 500000)]
    """
    size, width = math.prod(shape), max(1, math.prod(shape[1:]))
    step = max(1, BLOCK // width) * width
    return [(start, min(start + step, size)) for start in range(0, size, step)] or [(0, 0)]


def blocks(tensor: Tensor) -> Iterator[Tensor]:
    """The flattened tensor, block by block; views where it is contiguous."""
    flat = tensor.reshape(-1)
    for start, stop in spans(tensor.shape):
        yield flat[start:stop]
