"""What pictures of eigenvalues are made of, as plain values.

Owns: the frozen types `EigenAxis`, `Rug`, `SpectrumView`, `LayerRow` and `LayersView`; `scene.py` puts them into a scene.
How they are made from a spectrum is the business of spectrum.py and spectrum_layers.py.

A *place* is an eigenvalue on the scale of the horizontal axis: the eigenvalue itself, or on a symmetric log scale a number
of decades.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from landscape.scene.axes import Curve, ValueAxis

if TYPE_CHECKING:
    from landscape.scene.scene import Caption, Scale, Ticks


def unlimited(scale: Scale) -> Scale:
    """The same scale without ends: nothing is clipped."""
    return replace(scale, vmin=-np.inf, vmax=np.inf)


@dataclass(frozen=True, eq=False)
class EigenAxis:
    """The horizontal axis. `width` is the standard deviation, in places, by which a density on it is smoothed; 0 without one.

    `ticks` are marked and named, the places `minor` (k,) only marked.
    """

    label: str
    scale: Scale
    ticks: Ticks
    minor: np.ndarray
    width: float = 0.0

    def places(self, values) -> np.ndarray:
        """Where eigenvalues stand, also those beyond the ends of the axis."""
        return unlimited(self.scale).heights(values)

    @property
    def negative(self) -> tuple[float, float] | None:
        """The places of negative eigenvalues that are on the axis."""
        zero = float(self.places(0.0))
        return (self.scale.low, min(zero, self.scale.high)) if self.scale.low < zero else None


@dataclass(frozen=True, eq=False)
class Rug:
    """Eigenvalues that were found one by one: `places` (k,) from `low` to `high` (k,), as far off as they may be.

    Each has its colour and the words that hovering tells.
    """

    name: str
    places: np.ndarray
    low: np.ndarray
    high: np.ndarray
    colors: tuple[str, ...]
    told: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SpectrumView:
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
    notes: tuple[str, ...]
    caption: Caption


@dataclass(frozen=True, eq=False)
class LayerRow:
    """One layer: its smallest and its largest eigenvalue, as places; NaN for what was not asked for or is not there yet.

    `spans` are (from, to, colour) of the bar between them, at most one on each side of zero. `dots` are (place, from, to,
    colour), as far off as they may be.
    """

    name: str
    smallest: float
    largest: float
    spans: tuple[tuple[float, float, str], ...]
    dots: tuple[tuple[float, float, float, str], ...]
    told: str
    whole: bool = False


@dataclass(frozen=True, eq=False)
class LayersView:
    """Rows from top to bottom in the order of the net, the first for all parameters."""

    axis: EigenAxis
    rows: tuple[LayerRow, ...]
    shaded: tuple[float, float] | None
    notes: tuple[str, ...]
    caption: Caption
