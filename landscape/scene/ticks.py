"""Marked values on axes and colour bars.

Owns: `Ticks`, and which of many values have room for a label. Where round values lie is decided in levels.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape.scene.scale import Scale
from landscape.scene.text import labels_of

# The share of the length of a colour bar that a label takes.
BAR_ROOM = 0.034
# The share of the values themselves that their range spans at least, for labels that differ within five digits.
CLOSE = 1e-4


@dataclass(frozen=True, eq=False)
class Ticks:
    """Marked values: their heights (k,), and the labels beside them."""

    heights: np.ndarray
    labels: tuple[str, ...]


NO_TICKS = Ticks(np.zeros(0), ())


def offset_of(scale: Scale) -> float:
    """What is subtracted from all labels where they would be alike: the number of fewest digits near the values, else 0."""
    span, size = scale.vmax - scale.vmin, max(abs(scale.vmin), abs(scale.vmax))
    if span >= CLOSE * size:
        return 0.0
    tries = (float(f"{scale.vmin:.{digits}g}") for digits in range(2, 17))
    return next((number for number in tries if abs(number - scale.vmin) <= span), scale.vmin)


def ticks_at(values: np.ndarray, scale: Scale, *, percent: bool = False) -> Ticks:
    """Ticks at values (k,), with labels of the values less `offset_of` the scale."""
    offset, shown = offset_of(scale), np.asarray(values, dtype=np.float64)
    if offset:
        shown = np.array([float(f"{value:.3g}") for value in shown - offset])
    return Ticks(scale.heights(values), labels_of(shown, percent=percent))


def spaced(ticks: Ticks, scale: Scale) -> Ticks:
    """The same marks, rising, without the labels that would overlap the one before."""
    last, labels = -np.inf, []
    for height, label in zip(ticks.heights, ticks.labels, strict=True):
        room = height - last > BAR_ROOM * (scale.high - scale.low)
        last = height if room else last
        labels.append(label if room else "")
    return Ticks(ticks.heights, tuple(labels))
