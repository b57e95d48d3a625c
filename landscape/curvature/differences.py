"""Products as differences of gradients, where nothing can be differentiated twice.

Owns: the step. (g(w + e v) - g(w - e v)) / 2e has an error of e^2 times the third derivative and of rounding / e. With the
usual cube root of the rounding unit, times the root of the norm of the weights, the product of a smooth loss is good to about
1e-4 in float32; kinks of ReLU between the two points count as curvature, which no second derivative sees.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from landscape.curvature.graph import GraphBackend
from landscape.errors import UsageError
from landscape.objective.objective import Objective


class DifferencesBackend:
    """See `operator.Backend`."""

    name = "differences"

    def __init__(self, objective: Objective, names: Sequence[str], matrix: str, budget: float):
        if matrix != "hessian":
            raise UsageError("ggn by differences of gradients is not possible; leave matrix at hessian")
        self._objective = objective
        self._graph = GraphBackend(objective, names, matrix, 0.0)

    def refresh(self) -> float:
        return self._graph.refresh()

    def gradient(self, out: Tensor) -> None:
        self._graph.gradient(out)

    def product(self, vector: Tensor, out: Tensor) -> None:
        length = float(vector.norm())
        if not length:
            return
        weights = self._objective.weights
        center = weights.clone()
        step = torch.finfo(weights.dtype).eps ** (1 / 3) * max(1.0, float(center.norm())) ** 0.5 / length
        try:
            for sign in (1, -1):
                torch.add(center, vector, alpha=sign * step, out=weights)
                side = torch.zeros_like(out)
                self._graph.gradient(side)
                out.add_(side, alpha=sign / (2 * step))
        finally:
            weights.copy_(center)
