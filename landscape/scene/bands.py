"""How far values may be off, and the bands that show it.

Owns: the choice between an error bound and a standard error, and the words on bands.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.surfaces.surface import Surface

# A band of two standard errors holds the mean in about 95 of 100 repetitions.
BAND = 2.0


def error_of(surface: Surface, metric: str) -> np.ndarray | None:
    """How far a metric may be off (same shape as its values): its error bound, else its standard error."""
    bound = _bound_of(surface, metric)
    return surface.stderr.get(metric) if bound is None else bound


def band_of(surface: Surface, metric: str) -> tuple[np.ndarray, np.ndarray] | None:
    """(low, high), each of the shape of the values: within the error bound, or within two standard errors."""
    error, values = error_of(surface, metric), surface.values[metric]
    if error is None:
        return None
    reach = BAND * error if _bound_of(surface, metric) is None else error
    return values - reach, values + reach


def band_notes(surface: Surface, metrics: Sequence[str]) -> list[str]:
    """What the bands of some metrics are."""
    bounded = [metric for metric in metrics if _bound_of(surface, metric) is not None]
    sampled = any(metric in surface.stderr and metric not in bounded for metric in metrics)
    if bounded and sampled:
        return ["bands: error bounds of the eigenvalues, two standard errors of all else"]
    return ["bands: error bounds of the eigenvalues"] * bool(bounded) + ["bands: two standard errors"] * sampled


def _bound_of(surface: Surface, metric: str) -> np.ndarray | None:
    return surface.values.get(surface.quantity(metric).error)
