"""Products as differences of gradients, where nothing can be differentiated twice.

Owns: the step and the precision. (g(w + e v) - g(w - e v)) / 2e is off by e^2 times the third derivative and by rounding / e,
and every kink of a ReLU between the two points counts as curvature, which no second derivative sees. In float32 no step makes
all of them small: ends of small nets were off by 15 to 300 %. So gradients are taken in float64, with a small step. Where net or
loss cannot be converted they stay as they are, and what is not symmetric in the products tells how far the values may be off
(space.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from landscape.callables import explain
from landscape.curvature.graph import GraphBackend
from landscape.errors import UsageError
from landscape.members import buffers_in
from landscape.objective.objective import Objective

# The step, as a power of the rounding unit, times the root of the norm of the weights. In float64 one far below the usual cube
# root costs precision that can be spared, and crosses fewer kinks: for a ResNet-56 on 64 and 256 digits, products with random
# vectors were off by 1e-4 (both) with 1/2, by 514 % and 22 % with 3/8, by 1.3 % and 0.5 % with 5/8.
STEP_FP64, STEP = 1 / 2, 1 / 3
TRIED_SAMPLES = 4


class DifferencesBackend:
    """See `operator.Backend`."""

    name = "differences"

    def __init__(self, objective: Objective, names: Sequence[str], matrix: str, *, part: bool = False):
        """`part`: see `GraphBackend`."""
        if matrix != "hessian":
            raise UsageError("ggn by differences of gradients is not possible; leave matrix at hessian")
        self._objective, self._moved, self._names = objective, objective, tuple(names)
        self.notes: list[str] = []
        self._graph = GraphBackend(objective, names, matrix, 0.0, part=part)
        if objective.weights.dtype != torch.float64:
            self._convert(names, matrix, part)

    def refresh(self) -> float:
        if self._moved is not self._objective:
            _follow(self._moved, self._objective)
        return self._graph.refresh()

    def gradient(self, out: Tensor) -> None:
        found = torch.zeros_like(self._moved.weights)
        self._graph.gradient(found)
        out.add_(found)

    def product(self, vector: Tensor, out: Tensor) -> None:
        vector = self._differentiable(vector)
        length = float(vector.norm())
        if not length:
            return
        weights = self._moved.weights
        center, direction = weights.clone(), vector.to(weights.dtype)
        power = STEP_FP64 if weights.dtype == torch.float64 else STEP
        step = torch.finfo(weights.dtype).eps ** power * max(1.0, float(center.norm())) ** 0.5 / length
        found = torch.zeros_like(weights)
        try:
            for sign in (1, -1):
                torch.add(center, direction, alpha=sign * step, out=weights)
                side = torch.zeros_like(weights)
                self._graph.gradient(side)
                found.add_(side, alpha=sign / (2 * step))
        finally:
            weights.copy_(center)
        out.add_(found)

    def _differentiable(self, vector: Tensor) -> Tensor:
        """The vector without what gradients do not reach: along it they change, though nothing of it is in them, and products
        would be those of no symmetric matrix."""
        if not self._graph.reached:
            self._graph.gradient(torch.zeros_like(self._moved.weights))
        left = [name for name in self._names if name not in self._graph.reached]
        if not left:
            return vector
        found = vector.clone()
        views = self._objective.layout.named(found)
        for name in left:
            views[name].zero_()
        return found

    def _convert(self, names: Sequence[str], matrix: str, part: bool) -> None:
        try:
            double = in_double(self._objective)
            graph = GraphBackend(double, names, matrix, 0.0, part=part)
            graph.try_gradient(TRIED_SAMPLES)
        except Exception as reason:  # whatever a stranger's net does with numbers that it does not expect
            self.notes.append(
                f"gradients stay in {self._objective.precision}, as float64 does not work: {explain(reason)}"
            )
            return
        self._moved, self._graph = double, graph


def in_double(objective: Objective) -> Objective:
    """A copy of net, weights and data in float64; raises whatever these raise when they are converted."""
    found = Objective(
        objective.model,
        objective.splits,
        objective.measure,
        device=objective.device,
        precision="fp64",
        batchnorm="interpolate" if objective.batchnorm == "interpolate" else "keep",
        names=objective.layout.names,
    )
    found.conform(objective.conduct, found.splits, objective.batch_size)
    return found


def _follow(double: Objective, objective: Objective) -> None:
    """Takes the weights and buffers that the objective has now."""
    tensors = objective.layout.tensors(objective.model)
    double.weights.copy_(objective.layout.flatten(tensors, dtype=double.weights.dtype, device=double.device))
    for own, other in zip(buffers_in(double.model), buffers_in(objective.model), strict=True):
        own.copy_(other)
