"""The Hessian as an optimizer meets it that divides the steps of each weight by a number of its own.

Owns: `Preconditioner` and the product with P^-1/2 (H + D) P^-1/2, which has the eigenvalues of P^-1 (H + D): P holds what the
steps are divided by, D what the optimizer adds to the gradient as weight decay. The largest of them against its threshold is to
adaptive optimizers what the largest eigenvalue of H against 2 / lr is to gradient descent (Cohen et al. 2022, arXiv:2207.14484).
Knows no optimizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from landscape.curvature.basis import Operator
from landscape.errors import LandscapeError
from landscape.layout import Layout


@dataclass(frozen=True, eq=False)
class Preconditioner:
    """What an optimizer divides the step of each weight by, at one moment of training.

    `scales`: P by parameter, in real form and in the parameter's shape, above 0; parameters without an entry do not move.
    `decay`: by parameter, the factor of the weights that is added to the gradient; 0 where there is no entry. `threshold`: the
    largest eigenvalue of P^-1 (H + D) at which steps do not diverge on a quadratic.
    """

    scales: Mapping[str, Tensor]
    threshold: float
    decay: Mapping[str, float] = field(default_factory=dict)

    def applied(self, product: Operator, layout: Layout, like: Tensor) -> Operator:
        """v -> P^-1/2 (H + D) P^-1/2 v of the product with H; vectors are as `like`, (layout.size,).

        Raises:
            LandscapeError: P is of another net.
        """
        roots, decay = torch.zeros_like(like), torch.zeros_like(like)
        views, decays = layout.named(roots), layout.named(decay)
        for name, scale in self.scales.items():
            if name not in views or views[name].shape != scale.shape:
                raise LandscapeError(
                    f"the preconditioner is of another net: it has {name} of shape {tuple(scale.shape)}"
                )
            views[name].copy_(scale.to(torch.float64).rsqrt())
            decays[name].fill_(self.decay.get(name, 0.0))

        def apply(vector: Tensor) -> Tensor:
            scaled = roots * vector
            return roots * (product(scaled) + decay * scaled)

        return apply
