"""The bands that show how far values may be off.

Owns: how wide they are, and the words on them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.surfaces.bounds import bound_of, bounds_of
from landscape.surfaces.surface import Surface

# A band of two standard errors holds the mean in about 95 of 100 repetitions.
BAND = 2.0


def band_of(surface: Surface, metric: str) -> tuple[np.ndarray, np.ndarray] | None:
    """(low, high), each of the shape of the values: within the error bound, or within two standard errors."""
    return bounds_of(surface, metric, BAND)


def band_notes(surface: Surface, metrics: Sequence[str]) -> list[str]:
    """What the bands of some metrics are."""
    bounded = [metric for metric in metrics if bound_of(surface, metric) is not None]
    sampled = any(metric in surface.stderr and metric not in bounded for metric in metrics)
    if bounded and sampled:
        return ["bands: error bounds of the eigenvalues, two standard errors of all else"]
    return ["bands: error bounds of the eigenvalues"] * bool(bounded) + ["bands: two standard errors"] * sampled
