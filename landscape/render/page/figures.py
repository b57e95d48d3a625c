"""What the figures of a page have in common: fonts, colours, axes, and heights.

Owns: `Drawn`, what a renderer makes of the views of one scene, `Sheet`, and the pieces that several types of views use.

On a page heights are shares of the drawn range, from 0 at its low end to 1 at its high end: WebGL counts in float32, which could
not show a range of 1e-7 around 2.3, nor one up to 1e38.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape.scene.colors import INK, LIGHT
from landscape.scene.scale import Scale
from landscape.scene.ticks import Ticks
from landscape.scene.views.mesh import Mesh

FONT = {
    "family": "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
    "size": 12,
    "color": INK,
}
SOFT, GRID = LIGHT.soft, LIGHT.line
_AXIS = {
    "automargin": True, "ticks": "", "gridcolor": GRID, "linecolor": GRID, "zerolinecolor": GRID, "zerolinewidth": 1,
    "title": {"standoff": 15},
}  # fmt: skip
# What every figure begins with, in place of plotly's own, which has colours of its own.
TEMPLATE = {"layout": {"font": FONT, "xaxis": _AXIS, "yaxis": _AXIS, "hoverlabel": {"align": "left"}}}
# Letters of an axis's title and of a name in a picture; hovering and the facts have the whole.
TITLE, NAME = 60, 24
Options = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Sheet:
    """Heights over the plane, stored once for all traces that show them: x (mx,), y (my,), z (my, mx).

    z are shares, NaN where nothing is drawn. Of cells, x and y are their edges, one more each.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray


@dataclass(frozen=True)
class Drawn:
    """The figures of one scene.

    Attributes:
        places: what each figure is, which gives its size: relief, flat, map, line, stack, layers, many or volume.
        figures: with the traces of all views.
        layouts: the changes of the layout of each figure, for each view.
        table: the number of the table that hovering shows, for each view; empty without tables.
        sheets: the heights that traces name in their `meta`.
        levels: of volumes, for each view: the shares and the names of the levels of a slider, the first one, and the metric.
        course: the steps of paths, for a slider; None without paths.
    """

    places: tuple[str, ...]
    figures: list[go.Figure]
    layouts: list[list[dict[str, Any]]]
    table: tuple[int, ...] = field(default=())
    sheets: dict[str, Sheet] = field(default_factory=dict)
    course: dict[str, Any] | None = None
    levels: tuple[dict[str, Any], ...] = ()


def options_of(view: int, **known: Any) -> Options:
    """What every trace of a view has: the view's number, and what else the page's script must know. The first is visible.

    `sheet` names the heights of the trace; `edges` are the levels between which it has bands; `apart` says that these are of
    another metric; `over` says that it lies over colours, so that its own do not change on a dark page.
    """
    return {"meta": {"view": view, **known}, "visible": view == 0}


def at_heights(places: np.ndarray, options: Options) -> Options:
    """The options of a trace of points, whose heights (n,) are shares of the drawn range: a slider leaves out those beyond it."""
    return {**options, "meta": {**options["meta"], "heights": [round(float(place), 4) for place in places]}}


def changes(where: str, axis: dict[str, Any]) -> dict[str, Any]:
    """The changes of a layout that give one of its axes new properties."""
    return {f"{where}.{key}": value for key, value in axis.items()}


def color_scale(colors: tuple[str, ...]) -> list[list[Any]]:
    """Equidistant colours."""
    return [[i / (len(colors) - 1), color] for i, color in enumerate(colors)]


def color_bar(heights: np.ndarray, ticks: Ticks, label: str) -> dict[str, Any]:
    """Marked heights, as shares or as numbers of levels; the page shows one bar for all its figures."""
    return {
        "title": {"text": label, "side": "right"},
        "tickvals": heights.tolist(),
        "ticktext": list(ticks.labels),
        "thickness": 12,
        "len": 0.8,
        "outlinewidth": 0,
    }


def shortened(text: str, most: int = TITLE) -> str:
    """The text, or its beginning.

    >>> shortened("short"), shortened("somewhat long", 9)
    ('short', 'somewhat…')
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def shares(heights: np.ndarray, scale: Scale) -> np.ndarray:
    """Heights as shares of the drawn range."""
    return (np.asarray(heights, dtype=np.float64) - scale.low) / (scale.high - scale.low)


def sheet_of(mesh: Mesh, scale: Scale) -> Sheet:
    """The fine mesh."""
    return Sheet(mesh.x, mesh.y, shares(mesh.z, scale))
