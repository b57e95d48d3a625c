"""What pictures of lines are made of, as plain values: curves, vertical axes, and the strips below.

Owns: the frozen types `Curve`, `ValueAxis` and `Strip`; `scene.py` puts them together. How they are made from values
is the business of curve.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Curve:
    """One line over one axis: x, y (n,), with NaN where it is interrupted.

    `low` and `high` (n,) bound its band, when there is one: two standard errors, or what the notes say. Shares are in
    percent. A `faint` curve is one of many and stands behind the others; one without a `label` is not in the legend.
    `dots` marks the points, so that a curve of few is seen.
    """

    metric: str
    label: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    color: str
    dashed: bool
    right: bool
    percent: bool
    faint: bool = False
    dots: bool = False


@dataclass(frozen=True)
class ValueAxis:
    """The vertical axis of a line picture, left or right; `kind` is linear, log or symlog, whose `unit` is that of `Scale`.

    `ticks` (k,) are marked with `tick_labels`; without any, the plotting library chooses.
    """

    label: str
    kind: str
    low: float
    high: float
    color: str
    percent: bool = False
    ticks: tuple[float, ...] = ()
    tick_labels: tuple[str, ...] = ()
    unit: float = 1.0


@dataclass(frozen=True, eq=False)
class Strip:
    """A panel below the curves that shares their horizontal axis, with curves on an axis of its own.

    `height` is relative to that of the curves above. `zero` asks for a thin line there, for values of both signs.
    """

    curves: tuple[Curve, ...]
    axis: ValueAxis
    height: float
    zero: bool = False
