"""The same objective in bfloat16, in which most samples of an estimate can pass (corrected.py).

Owns: whether there is one, and whether it pays on this machine.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from landscape.objective.census import measure_samples
from landscape.objective.numerics import multiplies_bf16
from landscape.objective.objective import Objective

AUTO, BF16, EXACT = SAMPLINGS = ("auto", "bf16", "exact")
# Of an estimate beside neighbours, 40 samples, 19 pass in full precision too: from twice the speed on this saves something.
MIN_SPEEDUP = 2.0
# As many as a point takes, and how often they are timed.
TIMED, ROUNDS = 40, 3


def rough_obstacle(objective: Objective) -> str | None:
    """Why samples cannot pass in bfloat16 beside full precision; None when they can."""
    if objective.precision != "fp32":
        return f"the precision is {objective.precision}, and samples in bfloat16 are corrected by some in fp32"
    if objective.lent:
        return "the net is divided among processes"
    if not objective.conduct.plain or objective.recomputes:
        return "states, random numbers, gradients or batches decide values"
    return None


def pays(objective: Objective, rough: Objective) -> bool:
    """Whether bfloat16 is faster by enough here, at the present weights."""
    if not multiplies_bf16(objective.device):
        return False
    for each in (objective, rough):
        _seconds(each)  # warms up
    taken = [(_seconds(objective), _seconds(rough)) for _ in range(ROUNDS)]
    in_full, in_bf16 = (min(column) for column in zip(*taken, strict=True))
    return in_full >= MIN_SPEEDUP * in_bf16


def _seconds(objective: Objective) -> float:
    name, split = next(iter(objective.splits.items()))
    started = time.perf_counter()
    measure_samples(objective, name, np.arange(min(TIMED, split.size)), outputs=False)
    if objective.device.type == "cuda":
        torch.cuda.synchronize(objective.device)
    return time.perf_counter() - started
