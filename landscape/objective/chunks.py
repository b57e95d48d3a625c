"""How a pass over the data is divided, so that several processes can share one point.

Owns: the division into chunks, and the limit on chunks queued on a GPU. The division depends only on the numbers of
batches, never on the processes. Sums are kept for each chunk and added in the order of the chunks, so a point has the
same value, bit for bit, on one process or on fifty.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch

# More chunks would let more ranks share a point; each costs a few numbers in a message and an addition in Python.
MAX_CHUNKS = 128
# Chunks queued on a GPU: enough to keep it busy, few enough that a rank notices soon when its task has shrunk.
MAX_QUEUED = 4


class Segment(NamedTuple):
    """The batches first .. last - 1 of a split; with `last` None all batches from `first` on."""

    split: str
    first: int
    last: int | None


def divide(batches: Mapping[str, int | None]) -> list[list[Segment]]:
    """At most MAX_CHUNKS chunks of whole batches; all have the same length, but the last may be shorter.

    `batches`: the number of batches of each split, in order. If one of them is unknown (None), there is one chunk.

    >>> divide({"train": 2, "test": 1})  # doctest: +NORMALIZE_WHITESPACE
    [[Segment(split='train', first=0, last=1)],
     [Segment(split='train', first=1, last=2)],
     [Segment(split='test', first=0, last=1)]]
    >>> [len(divide({"train": count})) for count in (1, 128, 129, 1250)]
    [1, 128, 65, 125]
    """
    counts = {split: count for split, count in batches.items() if count is not None}
    total = sum(counts.values())
    if not total or len(counts) < len(batches):
        return [[Segment(split, 0, None) for split in batches]]
    size = -(-total // MAX_CHUNKS)
    return [_between(counts, start, min(start + size, total)) for start in range(0, total, size)]


def _between(batches: Mapping[str, int], start: int, stop: int) -> list[Segment]:
    """The batches start .. stop - 1 of all splits laid end to end."""
    found, offset = [], 0
    for split, count in batches.items():
        first, last = max(start - offset, 0), min(stop - offset, count)
        if first < last:
            found.append(Segment(split, first, last))
        offset += count
    return found


class DeviceQueue:
    """Limits how many chunks are queued on a GPU: a pass that is queued as a whole can no longer be shared."""

    def __init__(self, device: torch.device):
        self._device = device
        self._events: deque[torch.cuda.Event] | None = deque() if device.type == "cuda" else None

    def wait(self) -> None:
        """Call after queueing a chunk; returns when at most MAX_QUEUED chunks are unfinished."""
        if self._events is None:
            return
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(self._device))
        self._events.append(event)
        if len(self._events) > MAX_QUEUED:
            self._events.popleft().synchronize()


def taken(
    chunks: Sequence[list[Segment]], first: int, end: Callable[[int], int], device: torch.device
) -> Iterator[list[Segment]]:
    """The chunks from `first` on, each evaluated before the next is taken; see `Objective.sums` of `end`."""
    queue = DeviceQueue(device)
    for chunk in itertools.takewhile(lambda chunk: chunk < end(chunk), itertools.count(first)):
        yield chunks[chunk]
        queue.wait()
