"""A net on a curve, as a module whose parameters are the bends of the curve.

Owns: how one training step sees the curve. The trainer (training/trainer.py) trains it like any net, so optimizers, schedules,
logs and continued runs are those of every training.

Bezier curves and polygonal chains: at each step a place t is drawn evenly from 0 to 1 and the loss of a batch is taken at the
weights there, so the expected gradient is that of the mean loss over t (Garipov et al. 2018, arXiv:1802.10026, section 3.2).

Nudged elastic band: at each step one bend is drawn. The part of its gradient along the band is left out, and the bend is moved
along the band to the middle between its neighbours, so bends cannot slide down into the minima (Draxler et al. 2018,
arXiv:1803.00885). A step of all three takes one gradient, so equal numbers of steps are equal budgets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from landscape.layout import Layout
from landscape.objective.measure import Measure
from landscape.slice.paths import NEB, shares

# Places are drawn this far from the ends, where no bend has a share and so no gradient.
INNER = 1e-6


class _Measured(nn.Module):
    """A net and its loss as one module, so that the loss sees the net itself while its weights are those of the curve."""

    def __init__(self, net: nn.Module, measure: Measure):
        super().__init__()
        self.net, self._measure = net, measure

    def forward(self, batch: Any) -> Mapping[str, Any]:
        return self._measure(self.net, batch)


class CurveNet(nn.Module):
    """The bends of a curve between two fixed nets, as parameters (n,) each."""

    def __init__(
        self,
        net: nn.Module,
        measure: Measure,
        layout: Layout,
        ends: tuple[Tensor, Tensor],
        bends: Sequence[Tensor],
        *,
        kind: str,
        decay: float = 0.0,
    ):
        """`net`: a private copy in the layout of `ends` and `bends` (n,). `decay`: weight decay of the point of the curve."""
        super().__init__()
        net.requires_grad_(False)
        self._measured = _Measured(net, measure)
        self._layout, self.kind, self.decay = layout, kind, decay
        self.register_buffer("start", ends[0].clone(), persistent=False)
        self.register_buffer("end", ends[1].clone(), persistent=False)
        self.bends = nn.ParameterList(nn.Parameter(bend.clone()) for bend in bends)

    @property
    def points(self) -> tuple[Tensor, ...]:
        """The control points (n,), ends included."""
        return (self.get_buffer("start"), *self.bends, self.get_buffer("end"))

    def measured(self, batch: Any) -> Mapping[str, Any]:
        """The loss of a batch at a place of the curve that is drawn from torch's generator."""
        weights = self._of_band() if self.kind == NEB else self._of_curve()
        if self.decay and weights.requires_grad:
            weights.register_hook(lambda gradient: gradient + self.decay * weights.detach())
        return self._at(weights, batch)

    def _of_curve(self) -> Tensor:
        place = min(max(float(torch.rand(())), INNER), 1.0 - INNER)
        found: list[Tensor] = []
        for point, share in zip(self.points, shares(self.kind, len(self.points), place), strict=True):
            if share:  # a bend without a share has no gradient, and rests
                found.append(share * point)
        return torch.stack(found).sum(0)

    def _of_band(self) -> Tensor:
        number = int(torch.randint(len(self.bends), ()))
        before, bend, after = self.points[number : number + 3]
        with torch.no_grad():
            tangent = after - before
            apart = tangent.norm()
            tangent /= apart.clamp_min(torch.finfo(tangent.dtype).tiny)
            if self.training:
                bend.add_(tangent, alpha=float(apart / 2 - (bend - before) @ tangent))
        return _Across.apply(bend, tangent)  # the decay is added to the gradient before this

    def _at(self, weights: Tensor, batch: Any) -> Mapping[str, Any]:
        tensors = {f"net.{entry.name}": entry.own(view) for entry, view in self._layout.views(weights)}
        return functional_call(self._measured, tensors, (batch,))


class _Across(torch.autograd.Function):
    """The same weights; of their gradient only what is across the tangent (n,), of unit length, is passed on."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, tangent: Tensor) -> Tensor:
        ctx.save_for_backward(tangent)
        return weights.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:
        (gradient,) = gradients
        (tangent,) = ctx.saved_tensors
        return gradient - (gradient @ tangent) * tangent, None


class CurveMeasure:
    """Passes a batch to `CurveNet.measured`; everything else is as of the measure of the net."""

    def __init__(self, inner: Measure):
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def on(self, device: torch.device, dtype: torch.dtype) -> CurveMeasure:
        return CurveMeasure(self.inner.on(device, dtype))

    def __call__(self, model: Any, batch: Any) -> Mapping[str, Any]:
        return model.measured(batch)
