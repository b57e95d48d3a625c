"""Marked values on axes and colour bars.

Owns: `Ticks`, and which of many values have room for a label. Where round values lie is decided in levels.py.
"""

from __future__ import annotations

import re
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


def spaced(ticks: Ticks, scale: Scale, share: float = BAR_ROOM) -> Ticks:
    """The same marks, without the labels that would overlap; the roundest stay. `share` of a bar is as high as a label."""
    room, kept = share * (scale.high - scale.low), list[int]()
    named = [number for number, label in enumerate(ticks.labels) if label]
    for number in sorted(named, key=lambda number: (_odd(ticks.labels[number]), number)):
        if all(abs(ticks.heights[number] - ticks.heights[other]) > room for other in kept):
            kept.append(number)
    return Ticks(ticks.heights, tuple(label if number in kept else "" for number, label in enumerate(ticks.labels)))


def _odd(label: str) -> int:
    """How late a label is chosen: powers of ten first, then 5 and 2, then other single digits.

    >>> [_odd(label) for label in ("0.1", "10", "10⁻⁴", "50", "0.3", "2.5", "3×10⁻⁴")]
    [0, 0, 0, 1, 2, 3, 2]
    """
    digits = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]|%", "", label.partition("×")[0]).strip(" −-").lstrip("0.").rstrip("0.")
    return {"1": 0, "": 0, "5": 1, "2": 1}.get(digits, 2 if len(digits) == 1 else 3)
