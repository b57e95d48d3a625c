"""The mean at a point from few samples, with the values of the same samples at other points as control variates.

Owns: the regression estimator for two phases (Cochran, Sampling Techniques, 3rd ed. 1977, chapter 12). A control is another
point: its values for the samples drawn here, its mean from more samples than these, and the standard error of that mean. The
values here are fitted by those of the controls and by auxiliary variables; the mean of the fit is known, so that only the mean
residual is estimated here. Samples are drawn by strata, as in regression.py. All in float64; knows no net.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# The weight, in samples, of a fit with equal coefficients that add up to 1. Few samples do not determine the coefficients of
# controls that lie close together, and those of their differences hardly matter.
PRIOR_FIT = 16.0
# The weight, in samples for each of them, of a fit without auxiliary variables.
PRIOR_AUXILIARY = 1.0
# The weight, in samples, of the pooled variance beside a stratum's own.
PRIOR_VARIANCE = 4.0
# In the spread expected of a sample, the weight of its squared distance from the mean.
MAGNITUDE = 0.05
# Residuals are divided by 1 - leverage (MacKinnon & White 1985, HC3), with at most this leverage.
MAX_LEVERAGE = 0.5


class Controls(NamedTuple):
    """`values` (n, k) of the samples drawn at each of k points, `means` (k,) there, and their standard errors (k,).

    `expected` (H,): the mean `squared_spread` of each stratum over all samples that are known at all k points.
    """

    values: np.ndarray
    means: np.ndarray
    stderrs: np.ndarray
    expected: np.ndarray


class ControlledEstimate(NamedTuple):
    """A mean and the parts of its standard error, which add up in squares.

    `own`: from the samples drawn here. `inherited`: from the means of the controls. `spread` (H,): standard deviation of the
    residuals in each stratum, in any unit.
    """

    mean: float
    own: float
    inherited: float
    spread: np.ndarray

    @property
    def stderr(self) -> float:
        return float(np.hypot(self.own, self.inherited))


def squared_spread(values: np.ndarray) -> np.ndarray:
    """(n,) how far off a fit by `values` (n, k) may be for each sample, up to a common factor.

    It is fitted badly where its values differ between the controls, or are far from the mean.
    """
    mean = values.mean(axis=1)
    return values.var(axis=1) + MAGNITUDE * (mean - mean.mean()) ** 2


def controlled_estimate(
    values: np.ndarray, controls: Controls, auxiliary: np.ndarray, stratum: np.ndarray, sizes: np.ndarray
) -> ControlledEstimate:
    """The mean over all samples.

    Args:
        values: (n,) of the samples drawn.
        controls: for the same samples.
        auxiliary: (n, p) of the same samples; over all samples these variables have mean 0 and mean square 1.
        stratum: (n,) the number of the stratum of each; every stratum has at least one.
        sizes: (H,) the number of all samples in each stratum.
    """
    count, share = np.bincount(stratum, minlength=len(sizes)), sizes / sizes.sum()
    weights = (share / count)[stratum]
    columns, k = np.hstack([controls.values, auxiliary]), len(controls.means)
    fit, leverage, inverse = _fit(values, columns, k, weights)
    residuals = values - columns @ fit
    means = np.bincount(stratum, residuals, len(sizes)) / count
    alone = residuals - weights @ residuals  # where a stratum has one sample, it differs from the mean of all
    off = np.where(count[stratum] > 1, residuals - means[stratum], alone) / (1 - leverage)
    pooled = weights @ alone**2 * len(values) / max(len(values) - 1, 1)
    squares = np.bincount(stratum, off**2, len(sizes)) + PRIOR_VARIANCE * pooled
    variance = squares / (np.maximum(count - 1, 0) + PRIOR_VARIANCE)
    # few samples may carry most of the mean; where none of them is among those drawn, the controls tell of them
    shown = weights @ squared_spread(controls.values)
    if shown > 0:
        variance = np.maximum(variance, weights @ off**2 / shown * controls.expected)
    own = np.sum(share**2 * (1 - count / sizes) * variance / count)
    # the fit is as uncertain as the drawn samples are unlike all of them (Cochran, section 7.4)
    unlike = controls.means - weights @ controls.values
    own += share @ variance / len(values) * (unlike @ inverse[:k, :k] @ unlike)
    return ControlledEstimate(
        float(controls.means @ fit[:k] + share @ means),
        float(np.sqrt(own)),
        _inherited(fit[:k], controls.stderrs),
        np.sqrt(variance),
    )


def _fit(
    values: np.ndarray, columns: np.ndarray, k: int, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(k + p,) coefficients of `columns` (n, k + p), the controls' first, (n,) the leverage of each sample, and the inverse of
    the moments (k + p, k + p)."""
    samples, p = len(values), columns.shape[1] - k
    centred = columns - weights @ columns
    expected = np.append(np.full(k, 1 / k), np.zeros(p))
    missing = values - weights @ values - centred @ expected
    moments = centred.T @ (centred * weights[:, None])
    moments[:k, :k] *= 1 + PRIOR_FIT / samples
    moments[k:, k:] += np.eye(p) * (PRIOR_AUXILIARY * p / samples)
    inverse = np.linalg.pinv(moments, rcond=1e-9, hermitian=True)
    leverage = weights * np.einsum("ij,jk,ik->i", centred, inverse, centred)
    return expected + inverse @ (centred.T @ (weights * missing)), np.minimum(leverage, MAX_LEVERAGE), inverse


def _inherited(fit: np.ndarray, stderrs: np.ndarray) -> float:
    """The standard error of the controls' means in the fit.

    Neighbours draw the same samples, so their errors are alike, but not how much. For equal correlations the variance lies
    between that of errors which are all the same and that of independent ones; this is the larger of the two.
    """
    return float(max(abs(fit @ stderrs), np.linalg.norm(fit * stderrs)))
