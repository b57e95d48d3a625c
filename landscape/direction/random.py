"""Gaussian random directions.

Owns: the generator, numpy's Philox on the CPU, keyed by (seed, axis). It gives the same numbers on every rank, device
and processor (torch's sampler depends on the instruction set), and the y direction of a seed does not depend on whether
x was drawn before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape.layout import Entry


def generator(seed: int, axis: int) -> np.random.Generator:
    """The generator of a direction; `axis` is 0 for x, 1 for y, 2 for z."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, axis])))


def draw_(source: np.random.Generator, block: Tensor) -> Tensor:
    """Fills a contiguous float32 block with standard normal numbers; they do not depend on the division into blocks."""
    source.standard_normal(dtype=np.float32, out=block.view(-1).numpy())
    return block


@dataclass(frozen=True)
class GaussianSource:
    """The numbers of `gaussian` as a source of a direction that is not kept (regenerated.py)."""

    seed: int
    axis: int
    dtype: torch.dtype = torch.float32

    def begin(self) -> Callable[[Entry, int, Tensor], None]:
        source = generator(self.seed, self.axis)

        def fill(entry: Entry, start: int, out: Tensor) -> None:
            draw_(source, out)

        return fill


def gaussian(
    reference: Mapping[str, Tensor], *, seed: int, axis: int, out: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Standard normal float32 tensors with the names and shapes of the reference; written into `out` if given."""
    source = generator(seed, axis)
    return {
        name: draw_(source, torch.empty(tensor.shape, dtype=torch.float32) if out is None else out[name])
        for name, tensor in reference.items()
    }
