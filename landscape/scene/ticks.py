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


@dataclass(frozen=True, eq=False)
class Ticks:
    """Marked values: their heights (k,), and the labels beside them."""

    heights: np.ndarray
    labels: tuple[str, ...]


NO_TICKS = Ticks(np.zeros(0), ())


def ticks_at(values: np.ndarray, scale: Scale, *, percent: bool = False) -> Ticks:
    """Ticks at values (k,)."""
    return Ticks(scale.heights(values), labels_of(values, percent=percent))


def spaced(ticks: Ticks, scale: Scale) -> Ticks:
    """The same marks, rising, without the labels that would overlap the one before."""
    last, labels = -np.inf, []
    for height, label in zip(ticks.heights, ticks.labels, strict=True):
        room = height - last > BAR_ROOM * (scale.high - scale.low)
        last = height if room else last
        labels.append(label if room else "")
    return Ticks(ticks.heights, tuple(labels))
