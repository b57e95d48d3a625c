"""Flatness of a few nets: what each measure is for each of them, net by net, because dots of so few show no relation.

Owns: the rows and panels of that picture. From LEAST nets on measures are drawn against what they are to predict, which is the
business of kinds/flatness.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.correlation import LEAST
from landscape.quantity import Quantity
from landscape.scene.colors import INK, LOSS_COLOR
from landscape.scene.scale import LINEAR
from landscape.scene.views.lines import ValueAxis
from landscape.scene.views.scatter import DotPanel, Scatter
from landscape.surfaces.bounds import ERRORS
from landscape.surfaces.flatness import names
from landscape.surfaces.surface import Surface

COLUMNS, PLAIN = 4, LOSS_COLOR
# Of the room of a net above the first and below the last one.
MARGIN = 0.6
# Of the span of the values, on both sides.
ROOM = 0.08


def of_nets(surface: Surface, shown: Sequence[Quantity]) -> Scatter:
    """A panel for each quantity of which anything is known, in which each net has a row, the first one on top."""
    nets = tuple(names(surface))
    heights = np.arange(len(nets), dtype=float)[::-1]
    axis = ValueAxis("", LINEAR, -MARGIN, len(nets) - 1 + MARGIN, INK, ticks=tuple(heights), tick_labels=nets)
    panels = tuple(_panel(surface, row) for row in shown if np.isfinite(surface.values[row.name]).any())
    odd = [
        f"{panel.title}: not finite or not known of {int(np.isnan(panel.x).sum())} nets"
        for panel in panels
        if np.isnan(panel.x).any()
    ]
    return Scatter(
        panels=panels, columns=COLUMNS, y=heights, axis=axis, names=nets, colors=(PLAIN,) * len(nets),
        notes=(f"from {LEAST} nets on each measure is drawn against what it is to predict", *odd),
    )  # fmt: skip


def _panel(surface: Surface, row: Quantity) -> DotPanel:
    """The values of one quantity, with bars of two standard errors where they are known."""
    factor = 100.0 if row.percent else 1.0
    values = factor * np.where(np.isfinite(surface.values[row.name]), surface.values[row.name], np.nan)
    errors = surface.stderr.get(row.name)
    reach = np.zeros_like(values) if errors is None else factor * ERRORS * np.where(np.isfinite(errors), errors, 0.0)
    ends = np.stack([values - reach, values + reach])
    label = f"{row.label} (%)" if row.percent else row.label
    return DotPanel(label, "", False, values, _axis(ends), ends if reach.any() else None)


def _axis(ends: np.ndarray) -> ValueAxis:
    """With room for all bars."""
    known = ends[np.isfinite(ends)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    room = ROOM * (high - low or abs(high) or 1.0)
    return ValueAxis("", LINEAR, low - room, high + room, INK)
