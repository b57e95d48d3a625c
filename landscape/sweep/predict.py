"""Interpolation of values between scattered grid points.

Owns: the scale on which a metric is interpolated, and the interpolation. Losses span decades and are smooth in the
logarithm; metrics that are not positive everywhere are interpolated directly. The interpolation uses radial basis
functions |r|^3 over the nearest points (scipy's RBFInterpolator); it reproduces the values, and is exact for planes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 40
# The fewest finite values that a smooth function is fitted to.
MIN_VALUES = 8


@dataclass(frozen=True)
class MetricScale:
    """The scale on which a metric is compared and interpolated: its logarithm, or the value divided by `unit`."""

    logarithmic: bool
    unit: float = 1.0

    @classmethod
    def of(cls, values: np.ndarray) -> MetricScale:
        """Logarithmic where all finite values are positive; else in units of the spread of the values."""
        finite = values[np.isfinite(values)]
        if finite.size and finite.min() > 0:
            return cls(True)
        unit = float(finite.max() - finite.min()) if finite.size else 0.0
        return cls(False, unit or 1.0)

    def to(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(values) if self.logarithmic else values / self.unit

    def back(self, values: np.ndarray) -> np.ndarray:
        return np.exp(values) if self.logarithmic else values * self.unit


def predict(known: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(m,) values at the points `wanted` (m, ndim) from `values` (n,) at `known` (n, ndim), in units of grid steps.

    Values that are not finite are left out. All results are NaN when there are fewer than `MIN_VALUES` finite ones.
    """
    finite = np.isfinite(values)
    if finite.sum() < MIN_VALUES or len(wanted) == 0:
        return np.full(len(wanted), np.nan)
    from scipy.interpolate import RBFInterpolator

    model = RBFInterpolator(
        known[finite].astype(float), values[finite], neighbors=min(NEIGHBOURS, int(finite.sum())), kernel="cubic"
    )
    return model(wanted.astype(float))


def predict_within(known: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Like `predict`, but piecewise linear, so within the range of the values: for bounded metrics such as accuracy."""
    finite = np.isfinite(values)
    if finite.sum() < MIN_VALUES or len(wanted) == 0:
        return np.full(len(wanted), np.nan)
    from scipy.interpolate import LinearNDInterpolator

    if known.shape[1] == 1:
        order = np.argsort(known[finite][:, 0])
        return np.interp(wanted[:, 0], known[finite][order, 0], values[finite][order])
    return LinearNDInterpolator(known[finite].astype(float), values[finite])(wanted.astype(float))
