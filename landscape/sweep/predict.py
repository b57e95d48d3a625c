"""What a value should be where none was computed, from those around it.

Owns: the scale on which a metric is interpolated, and the interpolation. Losses span decades and are smooth in the
logarithm; metrics that are not positive everywhere are taken as they are. Between scattered points we use radial basis
functions |r|^3 over the nearest ones (scipy's RBFInterpolator): through the values exactly, and exact for planes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 40
# Below so many finite values there is nothing to fit a smooth function through.
ENOUGH = 8


@dataclass(frozen=True)
class Scale:
    """How a metric is compared and interpolated: by its logarithm, or divided by `unit`."""

    logarithmic: bool
    unit: float = 1.0

    @classmethod
    def of(cls, values: np.ndarray) -> Scale:
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

    Values that are not finite take no part. NaN everywhere when there are fewer than `ENOUGH` others.
    """
    finite = np.isfinite(values)
    if finite.sum() < ENOUGH or len(wanted) == 0:
        return np.full(len(wanted), np.nan)
    from scipy.interpolate import RBFInterpolator

    model = RBFInterpolator(
        known[finite].astype(float), values[finite], neighbors=min(NEIGHBOURS, int(finite.sum())), kernel="cubic"
    )
    return model(wanted.astype(float))


def predict_within(known: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """As `predict`, but piecewise linear, so never beyond the values around: for metrics with bounds, as accuracy."""
    finite = np.isfinite(values)
    if finite.sum() < ENOUGH or len(wanted) == 0:
        return np.full(len(wanted), np.nan)
    from scipy.interpolate import LinearNDInterpolator

    if known.shape[1] == 1:
        order = np.argsort(known[finite][:, 0])
        return np.interp(wanted[:, 0], known[finite][order, 0], values[finite][order])
    return LinearNDInterpolator(known[finite].astype(float), values[finite])(wanted.astype(float))
