"""Basins as bars on a page.

Owns: the drawing of `Barcode`. Decides nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape.render.page.figures import GRID, INK, TEMPLATE, Drawn, Options, changes, options_of
from landscape.render.page.lines import value_axis
from landscape.scene.scale import SYMLOG, Scale
from landscape.scene.scene import Scene
from landscape.scene.views.barcode import Bar, Barcode
from landscape.scene.views.lines import ValueAxis

# Pixels of a bar; and how much covers the paper of what the errors may make, and of what lies beyond a core.
WIDE = 7
WITHIN, BEYOND = 0.55, 0.35


def draw(scene: Scene) -> Drawn:
    """The bars from left to right."""
    views = scene.views_as(Barcode)
    return Drawn(("line",), [_figure(scene)], [[changes("yaxis", value_axis(view.axis))] for view in views])


def _figure(scene: Scene) -> go.Figure:
    views, frame = scene.views_as(Barcode), scene.frame
    figure = go.Figure([trace for number, view in enumerate(views) for trace in _traces(view, number)])
    ticks = {"tickvals": list(views[0].ticks), "range": list(frame.x_range), "showgrid": False, "zeroline": False}
    return figure.update_layout(
        template=TEMPLATE, hovermode="closest", margin={"l": 70, "r": 30, "t": 50, "b": 60},
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.16},
        xaxis={**ticks, "title": {"text": frame.x_label}}, yaxis={**value_axis(views[0].axis), "gridcolor": GRID},
    )  # fmt: skip


def _traces(view: Barcode, number: int) -> list[go.Scatter]:
    """Each part of all bars as one line that is interrupted between them, and the marks at their ends."""
    options, axis, (core, within) = options_of(number), view.axis, view.colors
    counted = [bar for bar in view.bars if bar.core]
    others = [bar for bar in view.bars if not bar.core]
    found = [
        _bars(counted, [(bar.low, bar.high) for bar in counted], core, BEYOND, axis, options),
        _bars(
            counted, [bar.core for bar in counted if bar.core], core, 1.0, axis, {**options, **_named(view.names[0])}
        ),
        _bars(
            others, [(bar.low, bar.high) for bar in others], within, WITHIN, axis, {**options, **_named(view.names[1])}
        ),
        _marks([(b.x, b.high) for b in view.bars if b.endless], "triangle-up", core, axis, options),
        _marks([(b.x, b.edge) for b in view.bars if np.isfinite(b.edge)], "line-ew-open", INK, axis, options),
    ]
    return [trace for trace in found if len(trace.x)] or [go.Scatter(x=[None], y=[None], **options)]


def _named(name: str) -> dict[str, Any]:
    return {"name": name, "showlegend": True} if name else {}


def _bars(
    bars: list[Bar], ends: list[tuple[float, float]], color: str, opacity: float, axis: ValueAxis, options: Options
) -> go.Scatter:
    x = [place for bar in bars for place in (bar.x, bar.x, None)]
    y = [value for low, high in ends for value in (*_heights((low, high), axis), None)]
    text = ["<br>".join(bar.text) for bar in bars for _ in range(3)]
    return go.Scatter(
        x=x, y=y, mode="lines", line={"color": color, "width": WIDE}, opacity=opacity, text=text,
        hovertemplate="%{text}<extra></extra>", connectgaps=False, **{"showlegend": False, **options},
    )  # fmt: skip


def _marks(places: list[tuple[float, float]], symbol: str, color: str, axis: ValueAxis, options: Options) -> go.Scatter:
    return go.Scatter(
        x=[x for x, _ in places], y=_heights(tuple(y for _, y in places), axis), mode="markers", hoverinfo="skip",
        marker={"symbol": symbol, "size": 10, "color": color}, cliponaxis=False, showlegend=False, **options,
    )  # fmt: skip


def _heights(values: tuple[float, ...], axis: ValueAxis) -> list[float]:
    """As they are drawn: on a symmetric log axis their heights, else themselves."""
    if axis.kind != SYMLOG:
        return list(values)
    return Scale(SYMLOG, -np.inf, np.inf, axis.unit).heights(values).tolist()
