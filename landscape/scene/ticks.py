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


def ticks_at(values: np.ndarray, scale: Scale, *, percent: bool = False) -> Ticks:
    """Ticks at values (k,)."""
    return Ticks(scale.heights(values), labels_of(values, percent=percent))


def apart(values: np.ndarray, scale: Scale) -> np.ndarray:
    """The rising values (k,) without those so close to the one before that their labels would overlap."""
    kept: list[float] = []
    for value in values:
        if not kept or scale.heights(value) - scale.heights(kept[-1]) > BAR_ROOM * (scale.high - scale.low):
            kept.append(value)
    return np.array(kept)
