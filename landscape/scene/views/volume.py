"""A metric over three axes: the view `Volume`.

Owns: its parts (slices and shells), which levels have a shell, and how bright a shell is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape.scene.palettes import lit
from landscape.scene.scale import Scale
from landscape.scene.scene import Choice, Frame, View
from landscape.scene.ticks import Ticks
from landscape.scene.views.flat import Flat, field_choice
from landscape.scene.views.isosurface import isosurface
from landscape.scene.views.light import AMBIENT, LAMP, LAMPLIGHT

# Shares of the points that lie within the shells: a core, the valley around it, and its rim.
WITHIN = (0.03, 0.15, 0.4)
# From the innermost shell, which hides what lies behind it, outwards.
OPAQUE = (1.0, 0.45, 0.3)
# Points along an axis of the mesh of a shell: fewer would show corners, more take long to draw.
FINE = 28


@dataclass(frozen=True, eq=False)
class VolumeSlice:
    """A plane of the volume: what it lies at, such as `z = 0`, across axis number `across`, its own axes, and the field on it."""

    name: str
    across: int
    at: float
    frame: Frame
    flat: Flat


@dataclass(frozen=True, eq=False)
class Shell:
    """The isosurface of one level: `triangles` (n, 3, 3), their sRGB `colors` (n, 3) in 0..1, and how much they hide."""

    height: float
    label: str
    triangles: np.ndarray
    colors: np.ndarray
    opacity: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Volume(View):
    """Three slices and nested shells of one metric on one scale.

    `axes` are x, y and z of `heights` (nz, ny, nx), which are NaN in holes. `steps` are the levels that a page offers one by one,
    and `start` is the number of the first it shows. `printed` are the notes on what only a still picture shows.
    """

    slices: tuple[VolumeSlice, ...]
    shells: tuple[Shell, ...]
    axes: tuple[np.ndarray, np.ndarray, np.ndarray]
    names: tuple[str, str, str]
    heights: np.ndarray
    steps: Ticks
    start: int
    printed: tuple[str, ...] = ()

    @property
    def page_notes(self) -> tuple[str, ...]:
        return tuple(note for note in self.notes if note not in self.printed)

    @property
    def choice(self) -> Choice:
        return field_choice(self.slices[0].flat.field)


def shell_levels(levels: np.ndarray, values: np.ndarray, *, given: bool, high: bool = False) -> np.ndarray:
    """The levels (m,) of `levels` (k,) that have a shell, the innermost first: those `given`, or which hold about `WITHIN` of
    `values` (n,).

    `high`: what is good is high, as for an accuracy, so shells hold what is above their level.
    """
    if high:
        return -shell_levels(-levels[::-1], -values, given=given)
    if given or not len(levels) or not values.size:
        return levels[: len(OPAQUE)] if given else levels[:0]
    shares = np.searchsorted(np.sort(values), levels) / values.size
    crossing = np.flatnonzero((levels > values.min()) & (levels < values.max()))
    if not len(crossing):
        return levels[:0]
    return levels[sorted({int(crossing[np.argmin(np.abs(shares[crossing] - wanted))]) for wanted in WITHIN})]


def shells_of(
    axes: tuple[np.ndarray, np.ndarray, np.ndarray],
    heights: np.ndarray,
    scale: Scale,
    ticks: Ticks,
    colors: tuple[str, ...],
) -> tuple[Shell, ...]:
    """Shells at the heights of `ticks`, the innermost first, through a cubic spline where no point is a hole."""
    axes, fine = finer(axes, heights)
    found = []
    for number, (height, label) in enumerate(zip(ticks.heights, ticks.labels, strict=True)):
        triangles = isosurface(axes, fine, float(height))
        share = (float(height) - scale.low) / (scale.high - scale.low)
        shades = lit(colors, np.full(len(triangles), share), _light(axes, fine, triangles))
        found.append(Shell(float(height), label, triangles, shades, OPAQUE[min(number, len(OPAQUE) - 1)]))
    return tuple(found)


def finer(
    axes: tuple[np.ndarray, np.ndarray, np.ndarray], heights: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """A mesh of about `FINE` points along each axis, among them all those that were computed; the same where one is a hole."""
    from scipy.interpolate import make_interp_spline

    if not np.isfinite(heights).all():
        return axes, heights
    found = []
    for number, values in enumerate(axes):
        parts = -(-(FINE - 1) // (len(values) - 1))
        order = min(3, len(values) - 1)
        dense = np.interp(np.arange((len(values) - 1) * parts + 1) / parts, np.arange(len(values)), values)
        if parts > 1:
            heights = make_interp_spline(values, heights, k=order, axis=2 - number)(dense)
        found.append(dense if parts > 1 else values)
    return (found[0], found[1], found[2]), heights


def _light(axes: tuple[np.ndarray, np.ndarray, np.ndarray], heights: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(n,) the brightness of triangles by the slope of the heights at their middles, in a box of equal sides."""
    if not len(triangles):
        return np.zeros(0)
    from scipy.ndimage import map_coordinates

    spans = [values[-1] - values[0] for values in axes]
    slopes = np.gradient(heights, *[values / span for values, span in zip(axes, spans, strict=True)][::-1])
    middle = triangles.mean(axis=1).T
    at = [np.interp(place, values, np.arange(len(values))) for place, values in zip(middle, axes, strict=True)][::-1]
    normal = np.stack([map_coordinates(np.nan_to_num(slope), at, order=1) for slope in slopes[::-1]], axis=-1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    lamp = LAMP / np.linalg.norm(LAMP)
    # Level ground has the colours of the bar; a shell has no upper side, so the side that is lit is the one that is seen.
    return np.clip(AMBIENT + LAMPLIGHT * (normal @ lamp) / lamp[2], 0.6, 1.08)
