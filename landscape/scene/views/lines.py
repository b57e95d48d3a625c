"""Curves over one coordinate, with strips below that share it.

Owns: the view `Lines`, and what it is made of: `Curve`, `ValueAxis` and `Strip`. How they are made from values is decided
in curve.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape.scene.scene import Choice, View


@dataclass(frozen=True, eq=False)
class Curve:
    """One line over one axis: x, y (n,), with NaN where it is interrupted.

    `low` and `high` (n,) bound its band, when there is one: two standard errors, or what the notes say. Shares are in
    percent. A `faint` curve is one of many and stands behind the others; one without a `label` is not in the legend.
    `dots` marks the points, so that a curve with few of them is visible. Curves with a `front` above 0 are ridges: they fill
    their bands and hide those with a lower one; `values` (n,) are what they stand for, and `name` is said on hovering.
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
    front: int = 0
    values: np.ndarray | None = None
    name: str = ""


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

    `height` is relative to that of the curves above. `zero` adds a thin line there, for values of both signs.
    """

    curves: tuple[Curve, ...]
    axis: ValueAxis
    height: float
    zero: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Lines(View):
    """Curves over one coordinate, on one scale; `marks` are (x, name) of the nets that lie on it.

    `strips` are the panels below, from top to bottom.
    """

    curves: tuple[Curve, ...]
    left: ValueAxis
    right: ValueAxis | None
    marks: tuple[tuple[float, str], ...] = ()
    strips: tuple[Strip, ...] = ()

    @property
    def choice(self) -> Choice:
        return Choice("", self.left.kind)

    @property
    def named(self) -> tuple[Curve, ...]:
        """The curves that a legend tells apart: those above, and of the strips all or none.

        Where each is alone in its strip, the axes name them.
        """
        shared = any(len(strip.curves) > 1 for strip in self.strips)
        below = [curve for strip in self.strips for curve in strip.curves] if shared else []
        return tuple(curve for curve in (*self.curves, *below) if curve.label)
