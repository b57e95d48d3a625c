"""What hovering over a plane tells, as plain values.

Owns: the frozen types `Reading` and `Table`; `scene.py` puts them into a scene. Which metrics are told where is the business of
tables.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Reading:
    """What hovering tells of one metric: values (ny, nx), NaN in holes, and how far each may be off.

    A `sparse` one is told only where it is known: it was computed on a part of the grid.
    """

    metric: str
    label: str
    percent: bool
    values: np.ndarray
    errors: np.ndarray | None = None
    sparse: bool = False


@dataclass(frozen=True, eq=False)
class Table:
    """What hovering tells at the points of a grid: x (nx,), y (ny,)."""

    x: np.ndarray
    y: np.ndarray
    readings: tuple[Reading, ...]
