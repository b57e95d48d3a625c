"""How a pass over the data is divided, so that several processes can share one point.

Owns: the division, and how far the host may run ahead of the device in it. The division depends on the numbers of
batches alone, never on who computes: sums are kept for each chunk and added in the order of the chunks, so a point has
the same value, bit for bit, whether one process did it or fifty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import torch

# More would let more ranks share a point; each costs a few numbers in a message and an addition in Python.
MOST = 128
# Chunks that wait for a GPU; it always has something to do, and hears soon when there is less to do.
UNDER_WAY = 4


class Segment(NamedTuple):
    """The batches first .. last - 1 of a split; `last` None is up to its end."""

    split: str
    first: int
    last: int | None


def divide(batches: Mapping[str, int | None]) -> list[list[Segment]]:
    """Chunks of equally many whole batches (but the last), at most MOST of them.

    `batches`: how many each split has, in order. Where one cannot tell (None), everything is one chunk.

    >>> [[tuple(segment) for segment in chunk] for chunk in divide({"train": 2, "test": 1})]
    [[('train', 0, 1)], [('train', 1, 2)], [('test', 0, 1)]]
    >>> [len(divide({"train": count})) for count in (1, 128, 129, 1250)]
    [1, 128, 65, 125]
    """
    total = None if None in batches.values() else sum(batches.values())
    if not total:
        return [[Segment(split, 0, None) for split in batches]]
    size = -(-total // MOST)
    return [_between(batches, start, min(start + size, total)) for start in range(0, total, size)]


def _between(batches: Mapping[str, int], start: int, stop: int) -> list[Segment]:
    """The batches start .. stop - 1 of all splits laid end to end."""
    found, offset = [], 0
    for split, count in batches.items():
        first, last = max(start - offset, 0), min(stop - offset, count)
        if first < last:
            found.append(Segment(split, first, last))
        offset += count
    return found


class Lead:
    """Keeps the host from queueing the whole pass on a GPU at once, which could then no longer be shared."""

    def __init__(self, device: torch.device):
        self._under_way: deque | None = deque() if device.type == "cuda" else None

    def step(self) -> None:
        """One more chunk is queued: waits until only a few are left before it."""
        if self._under_way is None:
            return
        self._under_way.append(torch.cuda.Event())
        self._under_way[-1].record()
        if len(self._under_way) > UNDER_WAY:
            self._under_way.popleft().synchronize()
