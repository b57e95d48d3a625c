"""Small panels of dots that share their vertical axis: one property of several things against many others.

Owns: the view `Scatter` and its panels. What they show is decided by the kinds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape.scene.scene import Choice, View
from landscape.scene.views.lines import ValueAxis


@dataclass(frozen=True, eq=False)
class Panel:
    """One property along x: its dots (n,), NaN where there is none; under its title a line, `strong` if it is to stand out."""

    title: str
    text: str
    strong: bool
    x: np.ndarray
    axis: ValueAxis


@dataclass(frozen=True, eq=False, kw_only=True)
class Scatter(View):
    """Panels in rows of `columns`; dot k of each is the thing `names[k]`, at the height `y[k]` and in the colour `colors[k]`.

    `legend` are (label, colour), named together by `legend_title`.
    """

    panels: tuple[Panel, ...]
    columns: int
    y: np.ndarray
    axis: ValueAxis
    names: tuple[str, ...]
    colors: tuple[str, ...]
    legend_title: str = ""
    legend: tuple[tuple[str, str], ...] = ()

    @property
    def choice(self) -> Choice:
        return Choice("", self.axis.kind, self.axis.label)

    @property
    def rows(self) -> int:
        return -(-len(self.panels) // self.columns)
