"""What autograd differentiates again at every product with a batch's share of a matrix.

Owns: the derivative of the gradient, and the two of the Gauss-Newton matrix. A batch on which the loss does not depend on the
parameters has products of zero. Knows no other batch, and not what is kept between products (graph.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from landscape.curvature.shares import BatchLoss

# Of each parameter; None where it has no part in the result.
Parts = Sequence[Tensor | None]


class Graph(Protocol):
    """What is differentiated again at every product with a batch's share of the matrix; `loss` is its share of the mean."""

    loss: float

    def product(self, tangents: Sequence[Tensor], *, keep: bool) -> Parts:
        """The product with `tangents`, by parameter; `keep`: another one follows."""

    def differentiated(self) -> list[Tensor]:
        """The tensors whose graphs a product goes through."""


class Hessian:
    """The gradient of a batch's share."""

    def __init__(self, loss: BatchLoss, batch: Any, parameters: list[nn.Parameter], total: float):
        value = loss.of_batch(batch, total)
        self.loss, self._parameters = float(value.detach()), parameters
        self._gradient: Parts = [None] * len(parameters)
        if value.requires_grad:  # one batch may not depend on them
            self._gradient = torch.autograd.grad(value, parameters, create_graph=True, allow_unused=True)

    def product(self, tangents: Sequence[Tensor], *, keep: bool) -> Parts:
        pairs = [(g, v) for g, v in zip(self._gradient, tangents, strict=True) if g is not None and g.requires_grad]
        if not pairs:
            return [None] * len(self._parameters)
        gradients, vectors = zip(*pairs, strict=True)
        return torch.autograd.grad(gradients, self._parameters, vectors, retain_graph=keep, allow_unused=True)

    def differentiated(self) -> list[Tensor]:
        return [part for part in self._gradient if part is not None]


class GaussNewton:
    """The outputs J of the net by its parameters, and the slope of the loss by the outputs: J^T H_L J v.

    J v is the derivative of J^T u by u, at any cotangent u.
    """

    def __init__(self, loss: BatchLoss, batch: Any, parameters: list[nn.Parameter], total: float):
        self._parameters, self._outputs = parameters, loss.outputs(batch)
        self._leaf = self._outputs.detach().requires_grad_()
        value = loss.of_outputs(self._leaf, batch, total)
        self.loss = float(value.detach())
        (self._slope,) = torch.autograd.grad(value, self._leaf, create_graph=True)
        self._cotangent = torch.zeros_like(self._outputs, requires_grad=True)
        self._pulled: Parts = [None] * len(parameters)
        if self._outputs.requires_grad:
            self._pulled = torch.autograd.grad(
                self._outputs, parameters, self._cotangent, create_graph=True, allow_unused=True
            )

    def product(self, tangents: Sequence[Tensor], *, keep: bool) -> Parts:
        pairs = [(g, v) for g, v in zip(self._pulled, tangents, strict=True) if g is not None]
        if not pairs:
            return [None] * len(self._parameters)
        pulled, vectors = [g for g, _ in pairs], [v for _, v in pairs]
        (tangent,) = torch.autograd.grad(pulled, self._cotangent, vectors, retain_graph=True)
        cotangent = None
        if self._slope.requires_grad:
            (cotangent,) = torch.autograd.grad(self._slope, self._leaf, tangent, retain_graph=keep, allow_unused=True)
        if cotangent is None:
            return [None] * len(self._parameters)
        return torch.autograd.grad(self._outputs, self._parameters, cotangent, retain_graph=keep, allow_unused=True)

    def differentiated(self) -> list[Tensor]:
        return [self._outputs, self._slope, *(part for part in self._pulled if part is not None)]
