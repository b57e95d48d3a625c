"""What lies beyond the ends of the colour bar, hatched and outlined on matplotlib axes.

Owns: the drawing of these regions of a `Field`, and of those where its sign is open. Decides nothing: the scale says where it
ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from landscape.scene.colors import BEYOND
from landscape.scene.scale import Scale
from landscape.scene.views.field import Field

DOTS = "..."
HATCH, LINE = "////", 0.8
_STYLE: dict[Any, Any] = {"hatch.linewidth": 0.45}


def draw_beyond(axes: Axes, field: Field, *, cells: bool) -> None:
    """Hatches what is above or below the range; of cells those whose own value is."""
    with rc_context(_STYLE):
        if cells:
            _cells(axes, field)
        else:
            _regions(axes, field, field.scale)


def draw_uncertain(axes: Axes, field: Field, margin: np.ndarray) -> None:
    """Dots and an outline where the margin (ny, nx) is negative."""
    z = np.ma.masked_invalid(margin)
    if not (z < 0).any():
        return
    with rc_context(_STYLE):
        ends = (float(z.min()) - 1, 0.0)
        drawn = axes.contourf(
            field.x, field.y, z, levels=ends, colors="none", hatches=[DOTS], corner_mask=False, zorder=1.7
        )
        drawn.set_edgecolor(BEYOND)
        drawn.set_linewidth(0)
        axes.contour(field.x, field.y, z, levels=[0.0], colors=BEYOND, linewidths=0.6, linestyles="dotted", zorder=1.9)


def _regions(axes: Axes, field: Field, scale: Scale) -> None:
    z = np.ma.masked_invalid(field.mesh.z)
    far = 10 * (scale.high - scale.low)
    for crossed, end, ends in (
        ((z > scale.high).any(), scale.high, (scale.high, scale.high + far)),
        ((z < scale.low).any(), scale.low, (scale.low - far, scale.low)),
    ):
        if crossed is not np.ma.masked and crossed:
            drawn = axes.contourf(
                field.mesh.x,
                field.mesh.y,
                z,
                levels=ends,
                colors="none",
                hatches=[HATCH],
                corner_mask=False,
                zorder=1.8,
            )
            drawn.set_edgecolor(BEYOND)
            drawn.set_linewidth(0)
            axes.contour(
                field.mesh.x, field.mesh.y, z, levels=[end], colors=BEYOND, linewidths=LINE, linestyles="solid",
                corner_mask=False, zorder=1.9,
            )  # fmt: skip


def _cells(axes: Axes, field: Field) -> None:
    out = (field.values > field.scale.vmax) | (field.values < field.scale.vmin)
    rows, columns = np.nonzero(out)
    x, y = field.x_edges, field.y_edges
    left, right, low, high = x[columns], x[columns + 1], y[rows], y[rows + 1]
    corners = np.stack([left, low, right, low, right, high, left, high], axis=1).reshape(-1, 4, 2)
    if len(corners):
        axes.add_collection(
            PolyCollection(list(corners), facecolor="none", edgecolor=BEYOND, hatch=HATCH, linewidth=0, zorder=1.8),
            autolim=False,
        )
