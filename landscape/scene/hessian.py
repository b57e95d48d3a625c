"""The metrics of the Hessian: what they are called, what follows from them, and how far each may be off.

Owns: which metrics belong to curvature, the ratio of the extreme eigenvalues and the words on it, and what is said where
curvature was not computed. Knows no kind of picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.errors import UsageError
from landscape.surfaces.surface import Surface

GROUP = "hessian"
MAX, MIN, RATIO, NEGATIVE = "hessian_max", "hessian_min", "hessian_ratio", "hessian_negative"
SETTLED = "hessian_settled"
ERROR = "_error"
# What is known about a value rather than over the plane: drawn when it is asked for by name.
ASIDE = (ERROR, "_products", "_rough", "_settled")
# A band of two standard errors holds the mean in about 95 of 100 repetitions.
BAND = 2.0


def is_curvature(metric: str) -> bool:
    """Whether a metric tells of the Hessian."""
    return metric.startswith(f"{GROUP}_")


def is_aside(metric: str) -> bool:
    """Whether a metric is the error of an eigenvalue, or what it cost."""
    return is_curvature(metric) and metric.endswith(ASIDE)


def unsettled(surface: Surface) -> int:
    """At how many points an eigenvalue is not known as well as was asked, because the products allowed were spent before."""
    return int((surface.values[SETTLED] == 0).sum()) if SETTLED in surface.values else 0


def with_ratio(surface: Surface) -> Surface:
    """The surface with `hessian_ratio` among its values, where it has both ends of the spectrum."""
    if RATIO in surface.values or MAX not in surface.values or MIN not in surface.values:
        return surface
    found = ratio(surface.values[MIN], surface.values[MAX])
    return replace(surface, values={**surface.values, RATIO: found})


def ratio(smallest: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """|smallest / largest| where the smallest is negative, else 0.

    Li et al. 2018 (section 6) plot |smallest / largest|. It tells how far a place is from convex only while the smallest is
    negative: two positive eigenvalues would have a ratio too, and be drawn as far from convex as a saddle. A place without
    a negative eigenvalue is convex, so the ratio is 0 there; everywhere else it is theirs. Above 1 the negative curvature
    is the stronger one; where no eigenvalue is positive, the ratio is at least 1, and infinite when the largest is 0.

    >>> ratio(np.array([-1.0, 0.5, -3.0, 0.0]), np.array([4.0, 1.0, -2.0, 0.0])).tolist()
    [0.25, 0.0, 1.5, 0.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.abs(smallest / largest)
    # A smallest or largest that is not a number makes the ratio none either.
    return np.where((smallest >= 0) & ~np.isnan(largest), 0.0, found)


def ratio_notes(smallest: np.ndarray, largest: np.ndarray) -> list[str]:
    """Where the ratio is not that of a negative to a positive eigenvalue, counted in words; of drawn points (n,)."""
    convex, concave = int((smallest >= 0).sum()), int(((largest <= 0) & (smallest < 0)).sum())
    notes = []
    if convex:
        notes.append(f"ratio 0 at {points_text(convex)} without a negative eigenvalue")
    if concave:
        notes.append(f"{points_text(concave)} without a positive eigenvalue, ratio 1 or more")
    return notes


def points_text(count: int) -> str:
    """So many points, in words."""
    return f"{count} point{'s' if count != 1 else ''}"


def error_of(surface: Surface, metric: str) -> np.ndarray | None:
    """How far a metric may be off (same shape as its values): the bound of an eigenvalue, else the standard error."""
    return surface.values.get(metric + ERROR, surface.stderr.get(metric))


def band_of(surface: Surface, metric: str) -> tuple[np.ndarray, np.ndarray] | None:
    """(low, high), each of the shape of the values: within the error bound, or within two standard errors."""
    error, values = error_of(surface, metric), surface.values[metric]
    if error is None:
        return None
    reach = error if metric + ERROR in surface.values else BAND * error
    return values - reach, values + reach


def band_notes(surface: Surface, metrics: Sequence[str]) -> list[str]:
    """What the bands of some metrics are."""
    bounded = any(metric + ERROR in surface.values for metric in metrics)
    sampled = any(metric in surface.stderr and metric + ERROR not in surface.values for metric in metrics)
    if bounded and sampled:
        return ["bands: error bounds of the eigenvalues, two standard errors of all else"]
    return ["bands: error bounds of the eigenvalues"] * bounded + ["bands: two standard errors"] * sampled


def check_curvature(surface: Surface, metric: str) -> None:
    """Raises UsageError unless the surface holds a metric of the Hessian."""
    if metric in surface.values:
        return
    who, file = surface.source or "this surface", surface.source or "FILE"
    has = [name for name in surface.values if is_curvature(name)]
    if not has:
        raise UsageError(f"no {metric} in {who}: it holds no curvature yet; run `landscape hessian {file}`")
    if metric == NEGATIVE:
        raise UsageError(f"no {metric} in {who}; run `landscape hessian {file} --index 0.001 --overwrite`")
    raise UsageError(f"no {metric} in {who}: of curvature it has {', '.join(has)}; choose one of them")
