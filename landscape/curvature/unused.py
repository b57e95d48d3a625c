"""Parameters that autograd does not reach: those of a layer that the forward pass leaves out, or cuts off from gradients.

Owns: finding them, and which of the two they are. A gradient of zero is not enough: it may be the minimum.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from landscape.curvature.graph import NUDGE, GraphBackend
from landscape.curvature.shares import BatchLoss
from landscape.objective.objective import Objective

SAMPLES = 4


def unused_parameters(objective: Objective, names: Sequence[str]) -> tuple[str, ...]:
    """Those of the parameters that autograd reaches in no batch; one batch settles it where it reaches all.

    Raises:
        whatever the net or its loss raise.
    """
    loss, left = BatchLoss(objective), list(names)
    total = loss.total
    with GraphBackend(objective, names, "hessian", 0.0).leaves() as parameters:
        own = dict(zip(names, parameters, strict=True))
        for batch in objective.batches(loss.split):
            value = loss.of_batch(batch, total)
            if value.requires_grad:
                found = torch.autograd.grad(value, [own[name] for name in left], allow_unused=True)
                left = [name for name, part in zip(left, found, strict=True) if part is None]
            if not left:
                break
    return tuple(left)


def is_cut_off(objective: Objective, names: Sequence[str]) -> bool:
    """Whether a few samples' loss changes with parameters that autograd does not reach, as below `no_grad` or `detach`."""
    loss, weights, before = BatchLoss(objective), objective.weights, objective.weights.clone()
    batch = next(iter(loss.split.batches(SAMPLES)))
    views = objective.layout.named(weights)

    def value() -> Tensor:
        with objective.steady(), objective.numbers():
            return loss.of_batch(batch, loss.total).detach()

    own = value()
    try:
        for name in names:
            views[name].mul_(1 + NUDGE).add_(NUDGE)
        return bool(value() != own)
    finally:
        weights.copy_(before)
