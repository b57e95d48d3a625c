"""How far values may be off.

Owns: the choice between an error bound and a standard error, and the bounds that these give.
"""

from __future__ import annotations

import numpy as np

from landscape.surfaces.surface import Surface

# Two standard errors hold the mean in about 95 of 100 repetitions.
ERRORS = 2.0


def error_of(surface: Surface, metric: str) -> np.ndarray | None:
    """How far a metric may be off (same shape as its values): its error bound, else its standard error."""
    bound = bound_of(surface, metric)
    return surface.stderr.get(metric) if bound is None else bound


def bound_of(surface: Surface, metric: str) -> np.ndarray | None:
    """The error bound of a metric (same shape as its values), where one was computed with it."""
    return surface.values.get(surface.quantity(metric).error)


def bounds_of(surface: Surface, metric: str, errors: float) -> tuple[np.ndarray, np.ndarray] | None:
    """(low, high), each of the shape of the values: within the error bound, or within `errors` standard errors."""
    error, values = error_of(surface, metric), surface.values[metric]
    if error is None:
        return None
    reach = errors * error if bound_of(surface, metric) is None else error
    with np.errstate(invalid="ignore"):  # an infinite value has no bounds
        return values - reach, values + reach
