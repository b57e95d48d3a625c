"""How large and how small a number can be in a picture.

Owns: the reach, 1e-38 to 1e38 in magnitude. Pages hold float32, and sums, products and powers of what lies within it are far from
the ends of float64. Knows arrays only.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

LARGEST = 1e38
SMALLEST = 1e-38


def within_reach(values: np.ndarray) -> np.ndarray:
    """The values; those larger than the reach are infinite, those smaller 0. NaN stays NaN.

    >>> within_reach(np.array([1.5, -1e300, 5e-324])).tolist()
    [1.5, -inf, 0.0]
    """
    size = np.abs(values)
    far, near = size > LARGEST, (size < SMALLEST) & (size > 0)
    if not (far | near).any():
        return values
    return np.where(far, np.copysign(np.inf, values), np.where(near, 0.0, values))


def all_within_reach(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same arrays, each within reach."""
    return {name: within_reach(values) for name, values in arrays.items()}
