"""The worst case: the largest rise of the loss within a neighbourhood of the weights.

Owns: the neighbourhoods, each as the point of it that is furthest along a gradient, and the ascent. One step from the weights is
the perturbation of SAM (Foret et al. 2021). Further steps put the furthest point along the gradient found there in the place of
the last one. That is conditional gradient ascent with a whole step, or the generalized power method (Journee et al. 2010): there
is no step length to choose, no step leaves the neighbourhood, and where the loss is convex each one rises. Elsewhere it may not,
so the largest rise that was seen is the result, a lower bound of the true one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from landscape.direction.normalize import named_by
from landscape.sharpness.neighbourhood import Neighbourhood

# gradient (size,) -> the offset (size,) of the neighbourhood that is furthest along it
Furthest = Callable[[Tensor], Tensor]
# The number of the random vector to start from where the gradient is zero, beyond those of all measures.
START = 1_000_000


def ball(radius: float) -> Furthest:
    """All offsets of at most this length: the neighbourhood of SAM (Foret et al. 2021, arXiv:2010.01412)."""
    return lambda gradient: _scaled(gradient, radius)


def adaptive_ball(around: Neighbourhood, radius: float) -> Furthest:
    """Offsets e with |e / |w|| <= radius, entry by entry: that of adaptive SAM (Kwon et al. 2021, arXiv:2102.11600).

    It scales with the weights, so rescaling the layers of a homogeneous net without changing its function changes no rise.
    """
    scale = around.origin.abs()
    return lambda gradient: scale * _scaled(scale * gradient, radius)


def box(around: Neighbourhood, epsilon: float) -> Furthest:
    """Offsets of at most epsilon (|w| + 1) in each entry: that of Keskar et al. 2017, arXiv:1609.04836, equation 3."""
    bounds = epsilon * (around.origin.abs() + 1)
    return lambda gradient: bounds * gradient.sign()


def filter_balls(around: Neighbourhood, radius: float) -> Furthest:
    """Offsets that move each filter by at most radius times its own norm, and no bias or batch norm.

    The radius is that of filter-normalized random directions (Li et al. 2018).
    """
    weights, rules = around.named(around.origin), around.rules
    norms = {name: rules[name].norms(view) for name, view in weights.items()}
    still = named_by("biasbn", weights)

    def furthest(gradient: Tensor) -> Tensor:
        out = gradient.detach().cpu().clone()  # filters are scaled where their norms are
        for name, view in around.named(out).items():
            if name in still:
                view.zero_()
                continue
            have = rules[name].norms(view)
            tiny = torch.finfo(torch.float64).tiny
            rules[name].scale_(view, torch.where(have > 0, radius * norms[name] / have.clamp_min(tiny), 0.0))
        return out.to(gradient.device)

    return furthest


def worst(around: Neighbourhood, furthest: Furthest, steps: int) -> float:
    """The largest rise of the loss in a neighbourhood that `steps` steps of ascent see; one step is that of SAM.

    Takes `steps` gradients. A loss that is not finite somewhere has risen without bound there.
    """
    gradient = around.gradient
    if not bool(gradient.any()):
        gradient = around.random(START)
    found = -float("inf") if steps == 1 else 0.0  # the neighbourhood holds the weights themselves
    for _ in range(steps - 1):
        here = around.slope(furthest(gradient))
        if not here.rise < float("inf") or not bool(here.gradient.isfinite().all()):
            return float("inf")
        found = max(found, here.rise)
        if not bool(here.gradient.any()):
            return found
        gradient = here.gradient
    last = around.rise(furthest(gradient))
    return max(found, last) if last == last else float("inf")


def keskar(rise: float, loss: float) -> float:
    """100 (max L - L) / (1 + L), Keskar et al. 2017, equation 4, of the rise in their box."""
    return 100.0 * rise / (1.0 + loss)


def _scaled(vector: Tensor, length: float) -> Tensor:
    norm = float(vector.norm())
    return vector * (length / norm) if norm else torch.zeros_like(vector)
