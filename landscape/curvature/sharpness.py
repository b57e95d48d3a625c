"""Critical sharpness: how long a step downhill may be before the loss rises, from forward passes alone.

Owns: the search for that step. With c the smallest step along a direction at which the loss is no longer below where it
began, 2 / c is the critical sharpness (Kalra et al. 2026, arXiv:2601.16979). On a quadratic loss, along the negative gradient
g, it is g^T H g / |g|^2 exactly: a curvature that needs no second derivative.
"""

from __future__ import annotations

import math
from collections.abc import Callable

# The step is found to this relative width; doubling or halving brackets it first.
WIDTH = 0.01
MAX_DOUBLINGS = 60


def critical_step(loss: Callable[[float], float], *, first: float = 1.0) -> tuple[float, int]:
    """(c, evaluations): the step at which loss(c) comes back to loss(0), to the relative `WIDTH`.

    `loss(step)` along a direction that falls at 0; a loss that is not finite counts as risen. Infinity when it never rises
    again, zero when it does not fall at any step that floating-point numbers can tell from none.
    """
    start, used = loss(0.0), 1

    def falls(step: float) -> bool:
        nonlocal used
        used += 1
        return loss(step) < start

    low, high = (first, math.inf) if falls(first) else (0.0, first)
    for _ in range(MAX_DOUBLINGS):
        if low and math.isfinite(high):
            break
        middle = low * 2 if low else high / 2
        if falls(middle):
            low = middle
        else:
            high = middle
    if not low or not math.isfinite(high):
        return (math.inf if low else 0.0), used
    while high > low * (1 + WIDTH):
        middle = math.sqrt(low * high)
        if falls(middle):
            low = middle
        else:
            high = middle
    return math.sqrt(low * high), used


def critical_sharpness(loss: Callable[[float], float], *, first: float = 1.0) -> tuple[float, int]:
    """(2 / c, evaluations): see `critical_step`; 0 where the loss never rises again, infinity where it never falls."""
    step, used = critical_step(loss, first=first)
    return (math.inf if not step else 2.0 / step), used
