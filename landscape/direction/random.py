"""Gaussian random directions.

Owns: the generator. Drawn on the CPU by numpy's Philox, keyed by (seed, axis): the same numbers on every rank, device
and processor (torch's own sampler takes another path on each instruction set), and the y direction of a seed does not
depend on whether x was drawn before.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor


def gaussian(reference: Mapping[str, Tensor], *, seed: int, axis: int) -> dict[str, Tensor]:
    """Standard normal float32 tensors named and shaped as the reference; `axis` is 0 for x, 1 for y."""
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, axis])))
    return {
        name: torch.from_numpy(generator.standard_normal(tuple(tensor.shape), dtype=np.float32).reshape(tensor.shape))
        if tensor.ndim
        else torch.tensor(generator.standard_normal(dtype=np.float32))
        for name, tensor in reference.items()
    }
