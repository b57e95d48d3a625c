"""The predicted class over a plane, as regions with boundaries, under the contour lines of another metric.

Owns: the view `Regions`, the colours of classes, and where a boundary runs between grid points: where the lead of one predicted
class over the second, which falls, meets that of its neighbour, which rises, by linear interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landscape.scene.colors import OTHER_REGIONS, REGION_COLORS
from landscape.scene.scene import Choice, View
from landscape.scene.views.field import Field
from landscape.scene.views.flat import field_choice

# Points of the fine mesh on a side; the radius, as a share of the plane, of the least disc that a name is written in.
FINE, NAMED = 241, 0.03
# The room for the words at the right of a mark, as a share of the plane.
WORDS = 0.2


@dataclass(frozen=True, eq=False)
class ColoredRegion:
    """All points of a class. `place` is in the middle of its widest part; None where that has no room for a name."""

    name: str
    color: str
    place: tuple[float, float] | None


@dataclass(frozen=True, eq=False, kw_only=True)
class Regions(View):
    """`ground` (my, mx) numbers the `regions` from 1 on at the points `x` (mx,) and `y` (my,), 0 for none; `leads` (k, my, mx)
    are above 0 in a region, 0 on its boundary and NaN where nothing was computed. The contour lines of `field` lie over it.
    """

    field: Field
    x: np.ndarray
    y: np.ndarray
    ground: np.ndarray
    leads: np.ndarray
    regions: tuple[ColoredRegion, ...]
    title: str

    @property
    def choice(self) -> Choice:
        return field_choice(self.field)


def numbered(planes: Sequence[np.ndarray]) -> list[int]:
    """The classes of several planes that get a colour: those that cover most, in the order of their numbers."""
    found = np.concatenate([plane[np.isfinite(plane)].ravel() for plane in planes]).astype(int)
    classes, counts = np.unique(found, return_counts=True)
    if len(classes) <= len(REGION_COLORS):
        return classes.tolist()
    return sorted(classes[np.argsort(-counts, kind="stable")[: len(REGION_COLORS)]].tolist())


def leads_of(
    x: np.ndarray, y: np.ndarray, classes: np.ndarray, lead: np.ndarray, shown: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(fine x (mx,), fine y (my,), leads (k, my, mx)) of the classes `shown`, and last of all others if there are some.

    `classes` and `lead` (ny, nx) at the grid points; where they are NaN no cell is drawn.
    """
    fine_x, across = _finer(x)
    fine_y, up = _finer(y)
    known = np.isfinite(classes) & np.isfinite(lead)
    groups = [known & (classes == number) for number in shown]
    if (others := known & ~np.isin(classes, shown)).any():
        groups.append(others)
    # a point on a boundary leads by nothing, and still has a class
    floor = max(float(np.max(lead[known], initial=0.0)) * 1e-9, 1e-300)
    heights = np.stack([up @ np.where(group, np.maximum(lead, floor), 0.0) @ across.T for group in groups])
    missing = up @ (~known).astype(float) @ across.T > 0
    leads = np.stack(
        [each - np.max(np.delete(heights, i, axis=0), axis=0, initial=0.0) for i, each in enumerate(heights)]
    )
    return fine_x, fine_y, np.where(missing, np.nan, leads)


def _finer(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m,) points that divide the steps of (n,) values evenly, and (m, n) the weights of the values at these."""
    steps = max(1, -(-(FINE - 1) // (len(values) - 1)))
    places = np.arange(steps * (len(values) - 1) + 1) / steps
    low = np.minimum(places.astype(int), len(values) - 2)
    weights = np.zeros((len(places), len(values)))
    rows = np.arange(len(places))
    weights[rows, low] += 1 - (places - low)
    weights[rows, low + 1] += places - low
    return weights @ values, weights


def regions_of(
    x: np.ndarray, y: np.ndarray, leads: np.ndarray, names: Sequence[str], marks: np.ndarray
) -> tuple[ColoredRegion, ...]:
    """One region for each of `leads` (k, my, mx); the last is grey if there are more than colours.

    Names keep away from `marks` (n, 2), whose own words stand at their right.
    """
    colors, free = [*REGION_COLORS, OTHER_REGIONS], np.ones((len(y), len(x)), dtype=bool)
    across, up = (x - marks[:, :1]) / (x[-1] - x[0]), (y - marks[:, 1:]) / (y[-1] - y[0])
    for right, above in zip(across, up, strict=True):
        free &= ~((right > -0.04) & (right < WORDS))[None] | (np.abs(above) > 0.06)[:, None]
    return tuple(
        ColoredRegion(name, colors[i], _place(x, y, (lead > 0) & free))
        for i, (name, lead) in enumerate(zip(names, leads, strict=True))
    )


def ground_of(leads: np.ndarray) -> np.ndarray:
    """(my, mx) the number of the region from 1 on; 0 where nothing was computed."""
    return np.where(np.isnan(leads).any(axis=0), 0, np.nan_to_num(leads, nan=-1.0).argmax(axis=0) + 1)


def _place(x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> tuple[float, float] | None:
    """The point of a region that is furthest from its boundary, in steps of the mesh."""
    radius, left, last = 0, inside, inside
    while left.any():
        last, radius = left, radius + 1
        padded = np.pad(left, 1)
        left = left & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    if radius < NAMED * min(inside.shape):
        return None
    rows, columns = np.nonzero(last)
    middle = len(rows) // 2
    return float(x[columns[middle]]), float(y[rows[middle]])
