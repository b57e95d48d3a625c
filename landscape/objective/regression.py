"""The mean over all samples, estimated from some of them, with its standard error.

Owns: the stratified regression estimator (Cochran, Sampling Techniques, 3rd ed. 1977, sections 5A and 7.10; Saerndal,
Swensson & Wretman, Model Assisted Survey Sampling, 1992, chapter 7) and Neyman's allocation. Values are fitted by
auxiliary variables, which are known for every sample; a sample is weighted by the inverse of the share drawn from its
stratum. The mean of the fit over all samples is known exactly, so only the mean residual is estimated. All in float64;
knows no net.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# In the allocation, no stratum has less than this share of the largest spread.
MIN_SPREAD = 0.02
# Densities of samples are searched from 0 to 1, so weights must not be far above the samples.
MAX_WEIGHT = 1e9
# The weight, in samples, of the pooled spread beside a stratum's own. Otherwise a stratum that has not shown one of its
# large values yet would get no more samples, and the mean would be too low: by 0.34 standard errors with a weight of 8,
# by 0.16 with 128, on lognormal losses that nothing explains, at the same number of samples.
PRIOR_SAMPLES = 128


class Estimate(NamedTuple):
    """Mean and standard error; `spread` (H,): standard deviation of the residuals in each stratum."""

    mean: float
    stderr: float
    spread: np.ndarray


def auxiliary_variables(columns: np.ndarray) -> np.ndarray:
    """(N, p): a column of ones, then orthonormal combinations of `columns` (N, k) with mean 0 and mean square 1.

    Constant and linearly dependent columns drop out, so that the fit is always determined.
    """
    ones = np.ones((len(columns), 1))
    centred = columns - columns.mean(axis=0)
    with np.errstate(over="ignore"):  # a column of such numbers drops out
        scale = centred.std(axis=0)
    centred = centred[:, scale > 0] / scale[scale > 0]
    if not centred.size:
        return ones
    covariance = centred.T @ centred / len(centred)
    variances, vectors = np.linalg.eigh(covariance)
    kept = variances > 1e-8 * variances.max()
    return np.hstack([ones, centred @ (vectors[:, kept] / np.sqrt(variances[kept]))])


def estimate(values: np.ndarray, auxiliary: np.ndarray, stratum: np.ndarray, sizes: np.ndarray) -> Estimate:
    """The mean over all samples from those drawn.

    Args:
        values: (n,) of the samples drawn.
        auxiliary: (n, p) their rows of `auxiliary_variables`.
        stratum: (n,) the number of the stratum of each.
        sizes: (H,) the number of all samples in each stratum.
    """
    count, total = np.bincount(stratum, minlength=len(sizes)), sizes.sum()
    weights = (sizes / np.maximum(count, 1))[stratum]
    moments = auxiliary.T @ (auxiliary * weights[:, None])
    fit = np.linalg.lstsq(moments, auxiliary.T @ (weights * values), rcond=1e-12)[0]
    residuals = values - auxiliary @ fit
    means = np.bincount(stratum, residuals, len(sizes)) / np.maximum(count, 1)
    squares = np.bincount(stratum, (residuals - means[stratum]) ** 2, len(sizes))
    free = max(len(values) - auxiliary.shape[1], 1) / len(values)  # degrees of freedom left by the fit
    variance = squares / np.maximum(count - 1, 1) / free
    share = sizes / total
    error = np.sum(share**2 * (1 - count / sizes) * variance / np.maximum(count, 1))
    return Estimate(float(fit[0] + share @ means), float(np.sqrt(error)), np.sqrt(variance))


def neyman_allocation(
    total: int, sizes: np.ndarray, spread: np.ndarray, have: np.ndarray, most: np.ndarray | None = None
) -> np.ndarray:
    """(H,) the number of samples for each stratum, in proportion to size times spread, which minimizes the error.

    They add up to about `total`, but a stratum never gets fewer than the `have` (H,) it has already, nor more than `most`
    (H,), by default its size.
    """
    most = sizes if most is None else most
    pooled = np.sqrt(np.sum(have * spread**2) / max(have.sum(), 1))
    steady = np.sqrt(
        (have * spread**2 + PRIOR_SAMPLES * np.minimum(pooled, spread.max()) ** 2) / (have + PRIOR_SAMPLES)
    )
    weight = sizes * np.maximum(steady, MIN_SPREAD * steady.max())
    if not weight.any():
        weight = sizes.astype(float)
    if weight.max() > MAX_WEIGHT:
        weight = weight / weight.max()
    low, high = 0.0, 1.0
    while _allocated(high, weight, most, have).sum() < min(total, most.sum()):
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _allocated(middle, weight, most, have).sum() >= total else (middle, high)
    return _allocated(high, weight, most, have)


def _allocated(density: float, weight: np.ndarray, most: np.ndarray, have: np.ndarray) -> np.ndarray:
    return np.clip(np.ceil(density * weight), have, most).astype(int)
