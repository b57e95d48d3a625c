"""Small panels of dots that share their vertical axis: one property of several things against many others.

Owns: the view `Scatter` and its panels. What they show is decided by the kinds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape.scene.scene import Choice, View
from landscape.scene.views.lines import ValueAxis


@dataclass(frozen=True, eq=False)
class DotPanel:
    """One property along x: its dots (n,), NaN where there is none; under its title a line, `strong` if it is to stand out.

    `ends` (2, n) are those of the dots' error bars, None without any. `gauge` is a number from -1 to 1 with the ends of its
    interval, drawn to scale along the upper side.
    """

    title: str
    text: str
    strong: bool
    x: np.ndarray
    axis: ValueAxis
    ends: np.ndarray | None = None
    gauge: tuple[float, float, float] | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Scatter(View):
    """Panels in rows of `columns`; dot k of each is the thing `names[k]`, at the height `y[k]` and in the colour `colors[k]`.

    `legend` are (label, colour), named together by `legend_title`. `y_ends` (2, n) are those of error bars.
    """

    panels: tuple[DotPanel, ...]
    columns: int
    y: np.ndarray
    axis: ValueAxis
    names: tuple[str, ...]
    colors: tuple[str, ...]
    legend_title: str = ""
    legend: tuple[tuple[str, str], ...] = ()
    y_ends: np.ndarray | None = None

    @property
    def choice(self) -> Choice:
        return Choice("", self.axis.kind, self.axis.label)

    @property
    def rows(self) -> int:
        return -(-len(self.panels) // self.columns)
