"""The bands that show how far values may be off.

Owns: how wide they are, and the words on them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.scene.scale import LINEAR, LOG
from landscape.surfaces.bounds import ERRORS, bound_of, bounds_of, error_of
from landscape.surfaces.surface import Surface

# An error so large that its band would leave every axis needs no larger number.
MOST_DECADES = 300


def band_of(surface: Surface, metric: str, kind: str = LINEAR) -> tuple[np.ndarray, np.ndarray] | None:
    """(low, high), each of the shape of the values: within the error bound, or within two standard errors.

    On a logarithmic axis the standard error is that of the logarithm, error / mean by the delta method, and the band reaches from
    mean · exp(-2 error / mean) to mean · exp(2 error / mean): equally far to both sides, and never to zero.
    """
    error, values = error_of(surface, metric), surface.values[metric]
    if error is not None and kind == LOG and bound_of(surface, metric) is None:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            factor = np.exp(
                np.minimum(ERRORS * error / np.where(values > 0, values, np.nan), MOST_DECADES * np.log(10))
            )
        return values / factor, values * factor
    return bounds_of(surface, metric, ERRORS)


def band_notes(surface: Surface, metrics: Sequence[str]) -> list[str]:
    """What the bands of some metrics are."""
    bounded = [metric for metric in metrics if bound_of(surface, metric) is not None]
    sampled = any(metric in surface.stderr and metric not in bounded for metric in metrics)
    if bounded and sampled:
        return ["bands: error bounds of the eigenvalues, two standard errors of all else"]
    return ["bands: error bounds of the eigenvalues"] * bool(bounded) + ["bands: two standard errors"] * sampled
