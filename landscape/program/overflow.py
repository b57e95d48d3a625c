"""What fused kernels hide: their ReLU gives 0 for NaN, so a net whose numbers are out of range would have a finite loss.

Owns: `Watch`, which sees that coming, and what is done then. Far from a net each layer of a deep one magnifies, up to infinity;
the next convolution makes NaN of that, and oneDNN and cuDNN make 0 of the NaN. Before that numbers are large: those of
some samples are looked at in every few layers, with room for what lies between layers and between samples. NaN among inputs,
of a variance below 0, or of an operation that may make it, such as a quotient, is looked for as such.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")

# Activations from here on are computed by kernels that hide nothing; float32 ends at 3.4e38. They are looked at in every third
# layer, and the first, in four samples: a layer may then magnify 10,000 times, and samples may differ by a million times.
LIMIT, EVERY, SAMPLES = 1e20, 3, 4


class Watch(threading.local):
    """What one thread has seen of one pass; `careful`: the pass is made by kernels that hide nothing."""

    def __init__(self) -> None:
        self.careful = False
        self._seen: list[Tensor] = []

    def see(self, activations: Tensor) -> None:
        """Keeps the largest, which are not below 0, of samples from all over the batch."""
        if len(activations):
            self._seen.append(activations[:: max(1, len(activations) // SAMPLES)].amax().float())

    def see_all(self, values: Tensor) -> None:
        """Keeps the length of some values, which NaN and infinity among them are part of."""
        self._seen.append(torch.linalg.vector_norm(values.float()))

    def run(self, work: Callable[[], T], given: Iterable[Any]) -> T:
        """What `work` returns, tensors; careful where something was out of range in it or in what it was `given`.

        On a GPU, where to look at numbers is to wait for them, NaN takes the place of the result then.
        """
        self._seen = []
        for each in given:
            if isinstance(each, Tensor) and each.is_floating_point():
                self.see_all(each)
        found = work()
        if not self._seen:  # nothing was computed
            return found
        most, self._seen = torch.stack(self._seen).sum(), []
        if most.device.type != "cpu":
            return _poisoned(found, most * (torch.finfo(most.dtype).max / LIMIT) * 0.0)
        if bool(most < LIMIT):  # False of NaN
            return found
        self.careful = True
        try:
            return work()
        finally:
            self.careful = False


def _poisoned(found: Any, zero: Tensor) -> Any:
    """Tensors with a number added that is 0, or NaN."""
    if isinstance(found, tuple):
        return tuple(_poisoned(each, zero) for each in found)
    return found + zero.to(found.dtype) if isinstance(found, Tensor) and found.is_floating_point() else found
