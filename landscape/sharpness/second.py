"""Second order: sharpness by the Hessian of the mean loss at the weights.

Owns: the trace, the trace of the Hessian scaled by the weights, and the largest eigenvalue, all of all parameters.
"""

from __future__ import annotations

import math

from landscape.curvature.basis import Operator
from landscape.curvature.estimates import trace
from landscape.curvature.extremes import extremes
from landscape.errors import EvaluationError
from landscape.sharpness.neighbourhood import Neighbourhood


def hessian_trace(around: Neighbourhood, products: int) -> tuple[float, float]:
    """(trace of the Hessian H, its standard error) by Hutch++: twice the mean rise per squared radius of Gaussian noise."""
    with around.home() as apply:
        return _trace(apply, around, apply.dimension, products)


def weighted_trace(around: Neighbourhood, products: int) -> tuple[float, float]:
    """(sum of w_i^2 H_ii, its standard error): the trace of diag(w) H diag(w).

    The limit for small radii of average-case adaptive sharpness (Andriushchenko et al. 2023, arXiv:2302.07011, section 3).
    Rescaling the layers of a homogeneous net without changing its function does not change it.
    """
    scale = around.origin
    with around.home() as apply:
        return _trace(lambda v: scale * apply(scale * v), around, apply.dimension, products)


def largest_eigenvalue(around: Neighbourhood, tolerance: float) -> tuple[float, float]:
    """(the largest eigenvalue of the Hessian, how far it may be off)."""
    with around.home() as apply:
        found = extremes(apply, around.random, apply.dimension, tolerance=tolerance)
        return found.largest, found.errors[1]


def _trace(apply: Operator, around: Neighbourhood, dimension: int, products: int) -> tuple[float, float]:
    """NaN where a product is not finite: one such net must not end the table of all."""
    try:
        return trace(apply, around.random, dimension, products=products)
    except EvaluationError:
        return math.nan, math.nan
