"""Which points of a metric can be drawn, and what is said about the others.

Owns: the codes of holes, and the meaning of status and non-finite values for a picture. A point that was not computed,
failed, or is not finite is a hole; an interpolated one is drawn. All are counted.
"""

from __future__ import annotations

import numpy as np

from landscape.quantity import EVALUATION
from landscape.surfaces.surface import FAILED, INTERPOLATED, PENDING, Surface

DRAWN, NOT_FINITE, NOT_COMPUTED, FAILED_POINT = 0, 1, 2, 3
HOLE_NAMES = {NOT_FINITE: "not finite", NOT_COMPUTED: "not computed yet", FAILED_POINT: "failed"}


def group_of(surface: Surface, metric: str) -> str | None:
    """The status group that a metric was computed in; None when nothing is recorded.

    A path along training has one group only: the loss is found on the way to the curvature.
    """
    group = surface.quantity(metric).group
    if group in surface.status:
        return group
    if EVALUATION in surface.status:
        return EVALUATION
    return next(iter(surface.status)) if len(surface.status) == 1 else None


def status_of(surface: Surface, metric: str) -> np.ndarray | None:
    """The status (same shape as the values) of the group a metric was computed in; None when nothing is recorded."""
    return surface.status.get(group_of(surface, metric) or "")


def holes_of(surface: Surface, metric: str) -> np.ndarray:
    """uint8, same shape as the values: 0 drawn, 1 not finite, 2 not computed yet, 3 failed."""
    values = surface.values[metric]
    holes = np.where(np.isfinite(values), DRAWN, NOT_FINITE).astype(np.uint8)
    status = status_of(surface, metric)
    if status is not None:
        holes[status == PENDING] = NOT_COMPUTED
        holes[status == FAILED] = FAILED_POINT
    return holes


def drawable(surface: Surface, metric: str) -> np.ndarray:
    """The values (n,) of a metric that a picture can show."""
    return surface.values[metric][holes_of(surface, metric) == DRAWN]


def hole_notes(surface: Surface, metric: str) -> list[str]:
    """The points that are missing or were not computed themselves, counted in words."""
    holes, values, status = holes_of(surface, metric), surface.values[metric], status_of(surface, metric)
    total, notes = holes.size, []
    odd = holes == NOT_FINITE
    if odd.any():
        inf, nan = int((odd & np.isinf(values)).sum()), int((odd & np.isnan(values)).sum())
        parts = [f"{count} {name}" for count, name in ((inf, "inf"), (nan, "nan")) if count]
        notes.append(f"{odd.sum()} of {total} points not finite ({', '.join(parts)})")
    for code, words in ((NOT_COMPUTED, "not computed yet"), (FAILED_POINT, "failed")):
        if (holes == code).any():
            notes.append(f"{(holes == code).sum()} of {total} points {words}")
    if status is not None and (status == INTERPOLATED).any():
        notes.append(f"{(status == INTERPOLATED).sum()} of {total} points interpolated")
    drawn = values[holes == DRAWN]
    if drawn.size == 0:
        notes.append("nothing to draw")
    elif drawn.size > 1 and drawn.min() == drawn.max():
        notes.append("all values are equal")
    return notes
