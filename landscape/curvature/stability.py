"""At which curvature a step of an optimizer diverges on a quadratic loss.

Owns: the thresholds of torch's SGD, and of optimizers that divide the steps of each weight by a number of its own. Along an
eigenvector of curvature a, plain descent multiplies the distance to the minimum by 1 - lr a in each step, which grows beyond
a = 2 / lr; with momentum b the two roots of the recursion leave the unit circle at 2 (1 + b) / lr, with Nesterov's at
2 (1 + b) / (lr (1 + 2 b)) (Cohen et al. 2021, appendix B). Weight decay w adds w to every eigenvalue of the loss that the
optimizer sees.

Adaptive optimizers are those of the Hessian divided by their preconditioner, while that stands still (preconditioned.py). With
gradients averaged as m <- b m + (1 - b) g, the root of the recursion is -1 at 2 (1 + b) / (lr (1 - b)), which is 38 / lr at
b = 0.9 (Cohen et al. 2022, arXiv:2207.14484); with NAdam's look ahead at 2 (1 + b) / (lr (1 - b) (1 + 2 b)). Decay w of the
weights themselves, as in AdamW, takes a factor of 1 - lr w / 2 from either.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

SGD, NESTEROV = "sgd", "nesterov"


def threshold(
    lr: float, momentum: float = 0.0, *, nesterov: bool = False, weight_decay: float = 0.0, dampening: float = 0.0
) -> float:
    """The largest eigenvalue of the loss's Hessian at which steps of SGD do not diverge on a quadratic.

    >>> threshold(0.1), round(threshold(0.1, 0.9), 6), round(threshold(0.1, 0.9, nesterov=True), 6)
    (20.0, 38.0, 13.571429)
    """
    factor = 2.0 * (1.0 + momentum) / (1.0 + 2.0 * momentum if nesterov else 1.0 - dampening)
    return factor / lr - weight_decay


def threshold_of(config: Mapping[str, Any], lr: float) -> float | None:
    """For the settings of a run; None for optimizers whose steps are not those of SGD, or unknown ones."""
    name, options = config.get("optimizer"), config.get("optimizer_options") or {}
    plain = isinstance(options, Mapping) and not set(options) - {"dampening", "nesterov"}
    if name not in (SGD, NESTEROV) or not lr > 0 or not plain:
        return None
    known = {key: config.get(key, 0.0) or 0.0 for key in ("momentum", "weight_decay")}
    known["dampening"] = options.get("dampening", 0.0)
    if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in known.values()):
        return None
    nesterov = name == NESTEROV or config.get("nesterov") is True or options.get("nesterov") is True
    if known["dampening"] >= 1 or (known["dampening"] and not known["momentum"]):
        return None
    return threshold(lr, nesterov=nesterov, **known)


def averaged_threshold(lr: float, beta: float, *, ahead: bool = False, decay: float = 0.0) -> float:
    """The largest eigenvalue of the preconditioned Hessian at which averages of gradients do not diverge on a quadratic.

    `beta`: the share of the average that is kept. `ahead`: as NAdam takes it. `decay`: of the weights, apart from the gradient.

    >>> round(averaged_threshold(0.1, 0.9), 6), round(averaged_threshold(0.1, 0.9, ahead=True), 6)
    (380.0, 135.714286)
    """
    factor = 2.0 * (1.0 + beta) / (1.0 - beta) / (1.0 + 2.0 * beta if ahead else 1.0)
    return factor * (1.0 - lr * decay / 2.0) / lr
