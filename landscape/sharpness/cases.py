"""Average and most cases: how the loss rises along random directions.

Owns: rises along filter-normalized directions with their mean and quantiles, and the width of Gaussian noise that a net
withstands. Every value over K random vectors has a standard error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from landscape.sharpness.neighbourhood import Neighbourhood

# Of the mean rise that noise may cause (Jiang et al. 2020, who take the error where this takes the loss).
WITHSTOOD = 0.1
# The part of the perturbation that does not scale with a weight (Jiang et al. 2020, appendix C.2).
FLOOR = 1e-3
FIRST, MOST_DOUBLINGS, HALVINGS = 1e-2, 40, 10
# The slope of the rise over the width is taken between widths that differ by this factor to either side.
BESIDE = 2.0 ** (1 / 16)
RESAMPLES = 200
# The first number of the random vectors of noise, beyond those of directions and products (recipes/flatness.py).
NOISE = 10_000


def rises_along(around: Neighbourhood, directions: Sequence[Tensor], radius: float) -> np.ndarray:
    """(K,) the rises of the loss at w + radius d for each direction d."""
    return np.array([around.rise(radius * direction) for direction in directions])


def mean_of(values: np.ndarray) -> tuple[float, float]:
    """(mean, its standard error) of (K,) values."""
    with np.errstate(invalid="ignore"):
        return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(len(values)))


def quantile_of(values: np.ndarray, share: float, seed: int) -> tuple[float, float]:
    """(quantile, its standard error by the bootstrap) of (K,) values."""
    chance = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, len(values)])))
    again = values[chance.integers(0, len(values), (RESAMPLES, len(values)))]
    with np.errstate(invalid="ignore"):
        return quantile(values, share), float(np.std(np.quantile(again, share, axis=1), ddof=1))


def quantile(values: np.ndarray, share: float) -> float:
    """That of (K,) values, of which some may be infinite."""
    with np.errstate(invalid="ignore"):
        return float(np.quantile(values, share))


def noise(around: Neighbourhood, count: int, *, by_magnitude: bool) -> Callable[[float], np.ndarray]:
    """Width s -> (count,) rises under Gaussian noise, the same random numbers at every width.

    The standard deviation of entry i is s, or with `by_magnitude` the root of s^2 w_i^2 + FLOOR^2 (Jiang et al. 2020).
    """

    def rises(width: float) -> np.ndarray:
        spread = (width**2 * around.origin.square() + FLOOR**2).sqrt() if by_magnitude else width
        return np.array([around.rise(spread * around.random(NOISE + number)) for number in range(count)])

    return rises


def withstood(rises: Callable[[float], np.ndarray]) -> tuple[float, float]:
    """(1 / s^2, its standard error), with s the width at which the mean rise comes to `WITHSTOOD`, by bisection.

    The flatness of PAC-Bayes bounds (Jiang et al. 2020, appendix C.2). 0 where no width raises the loss so far, infinity where
    even the smallest does.
    """

    def rise(width: float) -> float:
        found = float(np.mean(rises(width)))
        return found if found == found else math.inf  # a loss that is not a number has risen

    low = high = FIRST
    up = rise(FIRST) < WITHSTOOD
    for _ in range(MOST_DOUBLINGS):
        low, high = (high, high * 2) if up else (low / 2, low)
        if (rise(high) >= WITHSTOOD) if up else (rise(low) < WITHSTOOD):
            break
    else:
        return (0.0 if up else math.inf), math.nan
    for _ in range(HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if rise(middle) < WITHSTOOD else (low, middle)
    width = math.sqrt(low * high)
    slope = (rise(width * BESIDE) - rise(width / BESIDE)) / (width * (BESIDE - 1 / BESIDE))
    error = mean_of(rises(width))[1] / slope if slope > 0 else math.nan
    return 1 / width**2, 2 * error / width**3
