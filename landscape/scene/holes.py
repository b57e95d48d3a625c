"""Which points of a metric can be drawn, and what is said about the others.

Owns: the codes of holes, and the meaning of status and non-finite values for a picture. A point that was not computed,
failed, or is not finite is a hole; an interpolated one is drawn. All are counted.
"""

from __future__ import annotations

import numpy as np

from landscape.scene.reach import LARGEST, SMALLEST
from landscape.surfaces.surface import FAILED, INTERPOLATED, PENDING, Surface

DRAWN, NOT_FINITE, NOT_COMPUTED, FAILED_POINT = 0, 1, 2, 3
HOLE_NAMES = {NOT_FINITE: "not finite", NOT_COMPUTED: "not computed", FAILED_POINT: "failed"}
# A picture holds the one no better than the other (reach.py).
BEYOND = f"inf or beyond {LARGEST:.0e}".replace("e+", "e")


def holes_of(surface: Surface, metric: str) -> np.ndarray:
    """uint8, same shape as the values: 0 drawn, 1 not finite, 2 not computed, 3 failed."""
    values = surface.values[metric]
    holes = np.where(np.isfinite(values), DRAWN, NOT_FINITE).astype(np.uint8)
    status = surface.status_of(metric)
    if status is not None:
        holes[status == PENDING] = NOT_COMPUTED
        holes[status == FAILED] = FAILED_POINT
    return holes


def drawable(surface: Surface, metric: str) -> np.ndarray:
    """The values (n,) of a metric that a picture can show."""
    return surface.values[metric][holes_of(surface, metric) == DRAWN]


def hole_notes(surface: Surface, metric: str) -> list[str]:
    """The points that are missing or were not computed themselves, counted in words."""
    holes, values, status = holes_of(surface, metric), surface.values[metric], surface.status_of(metric)
    total, notes = holes.size, []
    odd = holes == NOT_FINITE
    if odd.any():
        inf, nan = int((odd & np.isinf(values)).sum()), int((odd & np.isnan(values)).sum())
        parts = [f"{count} {name}" for count, name in ((inf, BEYOND), (nan, "nan")) if count]
        notes.append(f"{odd.sum()} of {total} points not finite ({', '.join(parts)})")
    for code, words in ((NOT_COMPUTED, "not computed"), (FAILED_POINT, "failed")):
        if (holes == code).any():
            notes.append(f"{(holes == code).sum()} of {total} points {words}")
    if status is not None and (status == INTERPOLATED).any():
        notes.append(f"{(status == INTERPOLATED).sum()} of {total} points interpolated")
    drawn = values[holes == DRAWN]
    if drawn.size == 0:
        notes.append("nothing to draw")
    elif drawn.size > 1 and drawn.min() == drawn.max():
        notes.append("all values are equal" if drawn[0] else f"all values are 0 or below {SMALLEST:g}")
    return notes
