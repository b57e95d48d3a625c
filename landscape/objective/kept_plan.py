"""What keeping activations will take and save, found on one batch before a run.

Owns: `Expected`, and how it is found. What is kept is known in kept.py.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import torch

from landscape.data.structure import batch_length

if TYPE_CHECKING:
    from landscape.objective.objective import Objective


class Expected(NamedTuple):
    """`layers` of the `of` layers with tensors are computed once for each batch; all activations kept take `nbytes`.

    `share`: of the samples, as far as the limit of memory lets keep them. `seconds`: for all samples at a later point.
    """

    layers: int
    of: int
    nbytes: float
    share: float
    seconds: float


def expected(objective: Objective) -> Expected | None:
    """For an objective that is checked; None where nothing is kept."""
    with objective.ready():
        kept, name = objective.keeping.kept, next(iter(objective.splits))
        if kept is None:
            return None
        batch = next(objective.batches(objective.splits[name], 0, 1))
        once = objective.samples / batch_length(batch)
        taken = []
        for _ in range(3):  # computed, and twice from what was kept
            started = time.perf_counter()
            kept(objective.net, objective.measure, (name, 0), batch)
            if objective.device.type == "cuda":
                torch.cuda.synchronize(objective.device)
            taken.append(time.perf_counter() - started)
        nbytes = kept.nbytes * once
        share = min(1.0, kept.limit / nbytes) if nbytes else 0.0
        batches = once * (share * min(taken[1:]) + (1 - share) * taken[0])
    started = time.perf_counter()
    with objective.ready():
        seconds = batches + time.perf_counter() - started
        return Expected(kept.way.layers, kept.way.of, nbytes, share, seconds)
