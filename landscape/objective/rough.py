"""The same objective in bfloat16, in which most samples of an estimate can pass (corrected.py).

Owns: whether there is one, and whether it pays on this machine. What decides that is the same on every rank and in every run,
since values depend on it within their errors; so nothing is timed.
"""

from __future__ import annotations

import numpy as np
import torch

from landscape.callables import explain
from landscape.errors import UsageError
from landscape.objective.census import measure_samples
from landscape.objective.objective import Objective
from landscape.objective.probe import TRIED
from landscape.program.forward import FoldedNet

BF16, EXACT = "bf16", "exact"
# Multiplications for a sample from which bfloat16 is taken. On one core with AMX it is 4.2 times as fast as float32 for a
# ResNet-56 on images of 32 x 32 (125 million), 3.6 times for a ResNet-20 (41 million), and 1.2 times for a ResNet-56 on images of
# 8 x 8 (8 million).
LEAST_MULTIPLICATIONS = 20_000_000


def rough_obstacle(objective: Objective) -> str | None:
    """Why samples cannot pass in bfloat16 beside full precision; None when they can."""
    if objective.precision != "fp32":
        return f"the precision is {objective.precision}, and samples in bfloat16 are corrected by some in fp32"
    if objective.lent:
        return "the net is divided among processes"
    if not objective.conduct.plain or objective.recomputes:
        return "states, random numbers, gradients or batches decide values"
    return None


def in_bf16(objective: Objective) -> Objective:
    """The objective in bfloat16, of the same net and weights.

    Raises:
        UsageError: net or loss do not work in it, as where they add numbers of two dtypes.
    """
    rough = objective.view(precision=BF16)
    try:
        for name, split in rough.splits.items():
            measure_samples(rough, name, np.arange(min(TRIED, split.size)), outputs=False)
    except Exception as error:
        raise UsageError(
            f"sampling {BF16}: the net or the loss does not work in bfloat16 ({explain(error)}); drop it"
        ) from error
    return rough


def pays(objective: Objective) -> bool:
    """Whether bfloat16 is twice as fast or more: on a CPU with units for its matrix products, for a net with enough of these.

    On a GPU the samples of a point are too few to fill it, in any precision.
    """
    net = objective.net
    if not isinstance(net, FoldedNet) or objective.device.type != "cpu":
        return False
    return net.multiplications >= LEAST_MULTIPLICATIONS and multiplies_matrices()


def multiplies_matrices() -> bool:
    """Whether the processor has units for products of matrices in bfloat16 (AMX)."""
    supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return supported is not None and bool(supported())
