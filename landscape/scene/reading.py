"""What hovering over a plane shows, as plain values.

Owns: the frozen types `HoverValues` and `Table`. Which metrics are shown where is decided in tables.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class HoverValues:
    """One metric at the points: values (ny, nx), NaN in holes, and how far each may be off.

    A `sparse` one was computed on a part of the grid, and is shown only where it is known.
    """

    metric: str
    label: str
    percent: bool
    values: np.ndarray
    errors: np.ndarray | None = None
    sparse: bool = False


@dataclass(frozen=True, eq=False)
class Table:
    """What hovering shows at the points of a grid: x (nx,), y (ny,)."""

    x: np.ndarray
    y: np.ndarray
    readings: tuple[HoverValues, ...]
