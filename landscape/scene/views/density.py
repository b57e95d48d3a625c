"""The density of a Hessian's eigenvalues over a rug of those found one by one.

Owns: the view `SpectralDensity`, the colours of several spectra, the points of a curve, and the axis of densities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landscape.scene.colors import (
    ACCURACY_COLOR,
    LOSS_COLOR,
    NEGATIVE_COLOR,
    NEGATIVE_SIGN,
    OPEN_SIGN,
    OTHER_COLOR,
    POSITIVE_SIGN,
    RATE_COLOR,
    SHARE_COLOR,
    signed_color,
)
from landscape.scene.facts.spectrum import can_be_negative, eigenvalue_text
from landscape.scene.levels import round_values
from landscape.scene.scale import LINEAR, LOG, Scale
from landscape.scene.scene import Choice, View
from landscape.scene.text import short, typeset
from landscape.scene.views.eigen_axis import FLOOR, EigenAxis, all_values, density_on, is_unresolved
from landscape.scene.views.lines import Curve, ValueAxis
from landscape.surfaces.spectrum import Density, Spectrum

# Of several spectra, as Okabe and Ito order them; those after the sixth are dashed.
SEVERAL = (LOSS_COLOR, ACCURACY_COLOR, NEGATIVE_COLOR, OTHER_COLOR, SHARE_COLOR, RATE_COLOR)
# The axis ends at this multiple of the highest density.
TOP = 2.0
TICKS = 6
# Points per width of the smoothing, and how many at least and at most.
FINENESS, FEWEST, MOST_POINTS = 6, 800, 4000


@dataclass(frozen=True, eq=False)
class Rug:
    """Eigenvalues that were found one by one: `places` (k,) from `low` to `high` (k,), the range of their errors.

    Each has its colour and the words that hovering shows.
    """

    name: str
    places: np.ndarray
    low: np.ndarray
    high: np.ndarray
    colors: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class SpectralDensity(View):
    """The density of eigenvalues over their places, and under it a row of ticks per spectrum.

    `lone` is the height of the bump that a single eigenvalue makes; None when the spectra differ in it. `shaded` are the
    places of the negative side, None when no eigenvalue can be negative.
    """

    axis: EigenAxis
    left: ValueAxis
    curves: tuple[Curve, ...]
    rugs: tuple[Rug, ...]
    lone: float | None
    shaded: tuple[float, float] | None
    legend: bool

    @property
    def choice(self) -> Choice:
        return Choice("", self.axis.scale.kind)


@dataclass(frozen=True, eq=False)
class Shown:
    """A spectrum that has a density, and its name in the picture."""

    name: str
    spectrum: Spectrum
    density: Density


def lone_height(dimension: int, axis: EigenAxis) -> float:
    """The density at a single eigenvalue with no other near it."""
    return 1.0 / (dimension * axis.width * (2 * np.pi) ** 0.5)


def density_axis(spectra: Sequence[Shown], axes: Sequence[EigenAxis]) -> ValueAxis:
    """From below a single eigenvalue of the largest net to above the peak; `axes` are those of the spectra, one each."""
    pairs, axis = list(zip(spectra, axes, strict=True)), axes[0]
    peak = max(density_on(own, each.density, _points(each.density, own)).max() for each, own in pairs)
    low = FLOOR * min(lone_height(each.density.dimension, own) for each, own in pairs)
    scale = Scale(LOG, low, float(max(TOP * peak, 10 * low)))
    ticks = tuple(map(float, round_values(scale, TICKS)))
    powers = np.log10(ticks)
    whole = np.allclose(powers, np.rint(powers))
    labels = [typeset(f"1e{round(p)}") if whole else typeset(short(t)) for p, t in zip(powers, ticks, strict=True)]
    per = "" if axis.scale.kind == LINEAR else " per decade"
    label = f"density of eigenvalues{per} (log scale)"
    return ValueAxis(label, LOG, scale.vmin, scale.vmax, RATE_COLOR, ticks=ticks, tick_labels=tuple(labels))


def signed_curves(shown: Shown, axis: EigenAxis, left: ValueAxis) -> tuple[Curve, ...]:
    """The probes one by one behind, then the negative and the positive side of their mean, which meet at zero."""
    density = shown.density
    places, zero = _points(density, axis), float(axis.places(0.0))
    rows = range(len(density.nodes)) if len(density.nodes) > 1 else ()
    curves = [_curve(_probe(density, row), axis, places, "", OPEN_SIGN, faint=True) for row in rows]
    sides = [(places <= zero, "negative", NEGATIVE_SIGN), (places >= zero, "positive", POSITIVE_SIGN)]
    if not can_be_negative(shown.spectrum):
        sides = [(np.ones(len(places), dtype=bool), "density", POSITIVE_SIGN)]
    return (
        *curves,
        *(
            _curve(density, axis, places[side], name, color, floor=left.low)
            for side, name, color in sides
            if side.sum() > 1
        ),
    )


def one_curve_each(spectra: Sequence[Shown], axis: EigenAxis) -> tuple[Curve, ...]:
    """The mean density of each that the axis resolves."""
    return tuple(
        _curve(s.density, axis, _points(s.density, axis), s.name, SEVERAL[i % len(SEVERAL)], dashed=i >= len(SEVERAL))
        for i, s in enumerate(spectra)
        if not is_unresolved(s.density, axis)
    )


def rug_of(shown: Shown, axis: EigenAxis, number: int | None) -> Rug:
    """The eigenvalues on the axis; of one spectrum alone coloured by sign, of several by spectrum."""
    block, scale = shown.spectrum.whole, axis.scale
    seen = (block.values >= scale.vmin) & (block.values <= scale.vmax)
    values, errors = block.values[seen], np.nan_to_num(block.errors[seen])
    colors = [
        signed_color(v, e) if number is None else SEVERAL[number % len(SEVERAL)]
        for v, e in zip(values, errors, strict=True)
    ]
    texts = [f"eigenvalue {eigenvalue_text(v, e)}" for v, e in zip(values, errors, strict=True)]
    low, high = (scale.heights(values + sign * errors) for sign in (-1, 1))
    return Rug(shown.name, axis.places(values), low, high, tuple(colors), tuple(texts))


def _points(density: Density, axis: EigenAxis) -> np.ndarray:
    """(m,) places, rising: evenly over the axis, and every eigenvalue and node, so that no peak is missed."""
    low, high = axis.scale.low, axis.scale.high
    count = int(np.clip(FINENESS * (high - low) / axis.width, FEWEST, MOST_POINTS))
    own = axis.places(np.append(all_values(density), 0.0))
    return np.union1d(np.linspace(low, high, count), own[(own > low) & (own < high)])


def _probe(density: Density, row: int) -> Density:
    return Density(density.nodes[row : row + 1], density.weights[row : row + 1], density.known, density.dimension)


def _curve(
    density: Density, axis: EigenAxis, places: np.ndarray, label: str, color: str, *, floor: float | None = None,
    faint: bool = False, dashed: bool = False,
) -> Curve:  # fmt: skip
    y = density_on(axis, density, places)
    bottom, top = (None, None) if floor is None else (np.full(len(y), floor), np.maximum(y, floor))
    return Curve("density", label, places, y, bottom, top, color, dashed, right=False, percent=False, faint=faint)
