"""Parameters that a loss does not depend on, whatever their values: those of a layer that the forward pass leaves out.

Owns: finding them, by whether autograd reaches them. A gradient of zero is not enough: it may be the minimum.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from landscape.curvature.graph import GraphBackend
from landscape.curvature.shares import Loss
from landscape.objective.objective import Objective


def unused_parameters(objective: Objective, names: Sequence[str]) -> tuple[str, ...]:
    """Those of the parameters that the loss of no batch depends on; one batch settles it where all are used.

    Raises:
        whatever the net or its loss raise.
    """
    loss, left = Loss(objective), list(names)
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
