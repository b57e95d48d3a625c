"""From densities to curves, and from eigenvalues found one by one to a rug.

Owns: the colours of signs and of spectra, the points of a curve, and the vertical axis of densities.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.scene.axes import Curve, ValueAxis
from landscape.scene.colors import ACCURACY_COLOR, LOSS_COLOR, OTHER_COLOR, RATE_COLOR
from landscape.scene.levels import round_values
from landscape.scene.scene import LINEAR, LOG, Scale
from landscape.scene.spectrum_axis import FLOOR, all_values, density_on
from landscape.scene.spectrum_facts import eigenvalue_text, matrix_of
from landscape.scene.spectrum_view import EigenAxis, Rug
from landscape.scene.text import short, typeset
from landscape.surfaces.spectrum import Density, Spectrum

# The two colours that are told apart with every common colour blindness; grey for a sign that the error leaves open.
NEGATIVE, POSITIVE, OPEN = LOSS_COLOR, ACCURACY_COLOR, "#6b6b6b"
# Of several spectra, as Okabe and Ito order them; those after the sixth are dashed.
SEVERAL = (LOSS_COLOR, ACCURACY_COLOR, "#00795c", OTHER_COLOR, "#8a6d00", RATE_COLOR)
# The axis ends at this multiple of the highest density.
TOP = 2.0
TICKS = 6
# Points per width of the smoothing, and how many at least and at most.
FINENESS, FEWEST, MOST_POINTS = 6, 800, 4000


def can_be_negative(spectrum: Spectrum) -> bool:
    """The Gauss-Newton matrix has no negative eigenvalue but for rounding."""
    return matrix_of(spectrum) != "ggn"


def signed_color(value: float, error: float = 0.0) -> str:
    """Grey when the error leaves the sign open."""
    if abs(value) <= error:
        return OPEN
    return NEGATIVE if value < 0 else POSITIVE


def lone_height(dimension: int, axis: EigenAxis) -> float:
    """The density at a single eigenvalue with no other near it."""
    return 1.0 / (dimension * axis.width * (2 * np.pi) ** 0.5)


def density_axis(spectra: Sequence[Spectrum], axis: EigenAxis) -> ValueAxis:
    """From below a single eigenvalue of the largest net to above the peak."""
    peak = max(density_on(axis, s.whole.density, _points(s.whole.density, axis)).max() for s in spectra)
    low = FLOOR * min(lone_height(s.whole.dimension, axis) for s in spectra)
    scale = Scale(LOG, low, float(max(TOP * peak, 10 * low)))
    ticks = tuple(map(float, round_values(scale, TICKS)))
    powers = np.log10(ticks)
    whole = np.allclose(powers, np.rint(powers))
    labels = [typeset(f"1e{round(p)}") if whole else typeset(short(t)) for p, t in zip(powers, ticks, strict=True)]
    per = "" if axis.scale.kind == LINEAR else " per decade"
    label = f"density of eigenvalues{per} (log scale)"
    return ValueAxis(label, LOG, scale.vmin, scale.vmax, RATE_COLOR, ticks=ticks, tick_labels=tuple(labels))


def signed_curves(spectrum: Spectrum, axis: EigenAxis, left: ValueAxis) -> tuple[Curve, ...]:
    """The probes one by one behind, then the negative and the positive side of their mean, which meet at zero."""
    density = spectrum.whole.density
    places, zero = _points(density, axis), float(axis.places(0.0))
    rows = range(len(density.nodes)) if len(density.nodes) > 1 else ()
    curves = [_curve(_probe(density, row), axis, places, "", OPEN, faint=True) for row in rows]
    sides = ((places <= zero, "negative", NEGATIVE), (places >= zero, "positive", POSITIVE))
    if not can_be_negative(spectrum):
        sides = ((np.ones(len(places), dtype=bool), "density", POSITIVE),)
    return (
        *curves,
        *(
            _curve(density, axis, places[side], name, color, floor=left.low)
            for side, name, color in sides
            if side.sum() > 1
        ),
    )


def one_curve_each(spectra: Sequence[Spectrum], names: Sequence[str], axis: EigenAxis) -> tuple[Curve, ...]:
    densities = [spectrum.whole.density for spectrum in spectra]
    return tuple(
        _curve(density, axis, _points(density, axis), name, SEVERAL[i % len(SEVERAL)], dashed=i >= len(SEVERAL))
        for i, (density, name) in enumerate(zip(densities, names, strict=True))
    )


def rug_of(spectrum: Spectrum, name: str, axis: EigenAxis, number: int | None) -> Rug:
    """The eigenvalues on the axis; of one spectrum alone coloured by sign, of several by spectrum."""
    block, scale = spectrum.whole, axis.scale
    seen = (block.values >= scale.vmin) & (block.values <= scale.vmax)
    values, errors = block.values[seen], np.nan_to_num(block.errors[seen])
    colors = [
        signed_color(v, e) if number is None else SEVERAL[number % len(SEVERAL)]
        for v, e in zip(values, errors, strict=True)
    ]
    told = [f"eigenvalue {eigenvalue_text(v, e)}" for v, e in zip(values, errors, strict=True)]
    low, high = (scale.heights(values + sign * errors) for sign in (-1, 1))
    return Rug(name, axis.places(values), low, high, tuple(colors), tuple(told))


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
