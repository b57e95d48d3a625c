"""Curvature over a surface: what follows from the ends of the Hessian's spectrum, and what is said where they are missing.

Owns: the ratio of the extreme eigenvalues and the words on it. Finds the ends by their role. Knows no kind of picture.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from landscape import quantity
from landscape.errors import UsageError
from landscape.quantity import HESSIAN, HESSIAN_QUANTITIES, LARGEST, NEGATIVE, SETTLED, SMALLEST, Quantity
from landscape.scene.holes import DRAWN, holes_of
from landscape.scene.thin import thinning_notes
from landscape.surfaces.surface import Surface

RATIO = Quantity(
    "hessian_ratio", "|smallest / largest| Hessian eigenvalue", quantity.RATIO, group=HESSIAN, role="ratio"
)


def is_curvature(surface: Surface, metric: str) -> bool:
    """Whether a metric is one of the Hessian, be it among the values or not."""
    return surface.quantity(metric).group == HESSIAN


def unsettled(surface: Surface) -> int:
    """The number of points where an eigenvalue missed the tolerance, because the allowed products were spent first."""
    settled = surface.find(SETTLED)
    return int((surface.values[settled] == 0).sum()) if settled else 0


def with_ratio(surface: Surface) -> Surface:
    """The surface with the ratio among its values, where it has both ends of the spectrum."""
    largest, smallest = surface.find(LARGEST), surface.find(SMALLEST)
    if RATIO.name in surface.values or largest is None or smallest is None:
        return surface
    values = {**surface.values, RATIO.name: ratio(surface.values[smallest], surface.values[largest])}
    return replace(surface, values=values, quantities={**surface.quantities, RATIO.name: RATIO})


def ratio(smallest: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """|smallest / largest| where the smallest is negative, else 0.

    Li et al. 2018 (section 6) plot |smallest / largest|. It measures how far a place is from convex only while the smallest
    is negative: two positive eigenvalues would have a ratio too, and be drawn as far from convex as a saddle. A place
    without a negative eigenvalue is convex, so the ratio is 0 there; everywhere else it is theirs. Above 1 the negative
    curvature is the stronger one; where no eigenvalue is positive, the ratio is at least 1, and infinite when the largest
    is 0.

    >>> ratio(np.array([-1.0, 0.5, -3.0, 0.0]), np.array([4.0, 1.0, -2.0, 0.0])).tolist()
    [0.25, 0.0, 1.5, 0.0]
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        found = np.abs(smallest / largest)
    # Where one of the two is NaN, so is the ratio.
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


def map_notes(surface: Surface, part: Surface, metric: str) -> list[str]:
    """On which points a metric was computed, and where it is not what its name says; for any picture of a plane."""
    notes = [f"curvature {note}" for note in thinning_notes(surface, part)]
    largest, smallest = part.find(LARGEST), part.find(SMALLEST)
    if metric == RATIO.name and largest and smallest:
        drawn = holes_of(part, metric) == DRAWN
        notes += ratio_notes(part.values[smallest][drawn], part.values[largest][drawn])
    return notes


def points_text(count: int) -> str:
    """A number of points, in words."""
    return f"{count} point{'s' if count != 1 else ''}"


def name_of(role: str) -> str:
    """The name under which a value of the Hessian with this role is stored."""
    return next(row.name for row in HESSIAN_QUANTITIES if row.role == role)


def end_of(surface: Surface, role: str) -> str:
    """The name of the value with this role.

    Raises:
        UsageError: the surface does not hold it.
    """
    found = surface.find(role)
    if found is None:
        check_curvature(surface, name_of(role))
    return found or name_of(role)


def check_curvature(surface: Surface, metric: str) -> None:
    """Raises UsageError unless the surface holds a metric of the Hessian."""
    if metric in surface.values:
        return
    who, file = surface.source or "this surface", surface.source or "FILE"
    has = [name for name in surface.values if is_curvature(surface, name)]
    if not has:
        raise UsageError(f"no {metric} in {who}: it holds no curvature yet; run `landscape hessian {file}`")
    if surface.quantity(metric).role == NEGATIVE:
        raise UsageError(f"no {metric} in {who}; run `landscape hessian {file} --index 0.001 --overwrite`")
    raise UsageError(f"no {metric} in {who}: of curvature it has {', '.join(has)}; choose one of them")
