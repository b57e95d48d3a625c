"""The density of eigenvalues on a page.

Owns: the drawing of `SpectralDensity`: curves and the rug under them. Decides nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape.render.page.eigen_axis import eigen_changes, ground
from landscape.render.page.figures import GRID, SOFT, TEMPLATE, Drawn, Options, changes, options_of
from landscape.render.page.lines import value_axis
from landscape.scene.scale import LINEAR
from landscape.scene.scene import Scene
from landscape.scene.views.density import Rug, SpectralDensity
from landscape.scene.views.eigen_axis import EigenAxis
from landscape.scene.views.lines import Curve

# The share of the height that a row of the rug takes, and the gap above the rows.
RUG, GAP = 0.045, 0.015


def draw(scene: Scene) -> Drawn:
    """The densities over their rug."""
    views = scene.views_as(SpectralDensity)
    return Drawn(("line",), [_figure(views)], [[density_changes(view)] for view in views])


def _figure(views: tuple[SpectralDensity, ...]) -> go.Figure:
    """The densities and the rug under them; the first scale is visible."""
    traces = [trace for number, view in enumerate(views) for trace in _traces(view, number)]
    first = views[0]
    under = RUG * len(first.rugs)
    rows = {"range": [len(first.rugs) - 0.5, -0.5], "visible": False, "fixedrange": True}
    figure = go.Figure(traces)
    return figure.update_layout(
        template=TEMPLATE, hovermode="closest", hoverdistance=30,
        margin={"l": 70, "r": 80, "t": 30, "b": 60}, showlegend=first.legend,
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.14},
        yaxis={"domain": [under + GAP, 1], "gridcolor": GRID, "ticks": "outside"}, xaxis={"anchor": "y2"},
        yaxis2={**rows, "domain": [0, under], "anchor": "x"},
    ).update_layout(density_changes(first))  # fmt: skip


def density_changes(view: SpectralDensity) -> dict[str, Any]:
    """The changes of the layout for one view."""
    left = changes("yaxis", value_axis(view.left))
    lone = {
        "x": 1, "xref": "paper", "xanchor": "left", "xshift": 4, "yref": "y", "showarrow": False, "align": "left",
        "text": "one<br>eigenvalue", "font": {"color": SOFT, "size": 11},
    }  # fmt: skip
    notes = [] if view.lone is None else [{**lone, "y": float(np.log10(view.lone))}]
    return {
        **eigen_changes(view.axis),
        **left,
        "shapes": ground(view.axis, view.shaded, view.lone),
        "annotations": notes,
    }


def _traces(view: SpectralDensity, number: int) -> list[go.Scatter]:
    options = options_of(number)
    fills = [
        _fill(curve, curve.low, curve.high, options)
        for curve in view.curves
        if curve.low is not None and curve.high is not None
    ]
    lines = [_line(curve, view.axis, options) for curve in view.curves]
    return fills + lines + [_rug(rug, row, options) for row, rug in enumerate(view.rugs) if len(rug.places)]


def _fill(curve: Curve, low: np.ndarray, high: np.ndarray, options: Options) -> go.Scatter:
    x, y = np.concatenate([curve.x, curve.x[::-1]]), np.concatenate([high, low[::-1]])
    return go.Scatter(
        x=_few(x), y=_few(y), mode="lines", fill="toself", fillcolor=curve.color, opacity=0.16, line={"width": 0},
        hoverinfo="skip", showlegend=False, **options,
    )  # fmt: skip


def _line(curve: Curve, axis: EigenAxis, options: Options) -> go.Scatter:
    width, opacity = (1, 0.45) if curve.faint else (2, 1)
    naming: Options = {"hoverinfo": "skip", "showlegend": False}
    if curve.label:
        per = "" if axis.scale.kind == LINEAR else " per decade"
        text = f"eigenvalue %{{customdata:.4g}}<br>density %{{y:.3g}}{per}"
        naming = {"name": curve.label, "hovertemplate": text, "customdata": _few(axis.scale.values(curve.x))}
    # Simplified, as plotly does by default, a smooth curve has corners.
    line = {"color": curve.color, "width": width, "dash": "dash" if curve.dashed else "solid", "simplify": False}
    # On a log axis a density of 0 has no place; plotly leaves a gap there, far below the picture.
    y = np.where(curve.y > 0, curve.y, np.nan)
    return go.Scatter(x=_few(curve.x), y=_few(y), mode="lines", line=line, opacity=opacity, **naming, **options)


def _rug(rug: Rug, row: int, options: Options) -> go.Scatter:
    ends = {"symmetric": False, "array": rug.high - rug.places, "arrayminus": rug.places - rug.low}
    return go.Scatter(
        x=rug.places, y=np.full(len(rug.places), row), yaxis="y2", mode="markers", name=rug.name, showlegend=False,
        marker={"symbol": "line-ns-open", "size": 15, "line": {"width": 2}, "color": list(rug.colors)},
        error_x={**ends, "thickness": 1, "width": 0}, text=list(rug.texts), hovertemplate="%{text}", **options,
    )  # fmt: skip


def _few(values: np.ndarray) -> np.ndarray:
    """In as few bytes as a screen needs."""
    return values.astype(np.float32)
