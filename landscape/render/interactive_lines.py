"""One-dimensional pictures as plotly figures.

Owns: the translation of `Lines` into traces and axes. Decides nothing.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from landscape.render.interactive_traces import FONT, GRID, SOFT
from landscape.scene.scene import LOG, Curve, Scene, ValueAxis


def line_figure(scene: Scene) -> go.Figure:
    """The curves of a scene on one or two vertical axes."""
    lines, frame = scene.lines, scene.frame
    figure = go.Figure()
    for curve in lines.curves:
        figure.add_traces(_curve(curve))
    layout = {
        "xaxis": {"title": {"text": frame.x_label}, "range": list(frame.x_range), "gridcolor": GRID, "zeroline": False},
        "yaxis": {**_axis(lines.left), "gridcolor": GRID},
    }
    if lines.right:
        layout["yaxis2"] = {**_axis(lines.right), "overlaying": "y", "side": "right", "showgrid": False}
    figure.update_layout(
        template="plotly_white", font=FONT, hovermode="x unified", margin={"l": 70, "r": 70, "t": 30, "b": 60},
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.16}, **layout,
    )  # fmt: skip
    for x, name in lines.marks:
        figure.add_vline(x=x, line={"color": SOFT, "width": 1, "dash": "dot"}, annotation_text=name)
    return figure


def axis_range(axis: ValueAxis, kind: str) -> list[float]:
    """plotly wants the exponents of a log axis."""
    return [float(np.log10(axis.low)), float(np.log10(axis.high))] if kind == LOG else [axis.low, axis.high]


def _axis(axis: ValueAxis) -> dict:
    kind = LOG if axis.kind == LOG else "linear"
    named = {"text": axis.label, "font": {"color": axis.color}}
    return {
        "title": named, "type": kind, "range": axis_range(axis, kind), "tickfont": {"color": axis.color},
        "zeroline": False, "exponentformat": "power",
    }  # fmt: skip


def _curve(curve: Curve) -> list:
    side = {"yaxis": "y2"} if curve.right else {}
    traces = []
    if curve.spread is not None:
        seen = np.isfinite(curve.y)
        x, low, high = curve.x[seen], (curve.y - curve.spread)[seen], (curve.y + curve.spread)[seen]
        traces.append(
            go.Scatter(
                x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself", opacity=0.18,
                fillcolor=curve.color, line={"width": 0}, hoverinfo="skip", showlegend=False, **side,
            )
        )  # fmt: skip
    line = {"color": curve.color, "width": 2, "dash": "dash" if curve.dashed else "solid"}
    form = "%{y:.1f} %" if curve.right else "%{y:.4g}"
    traces.append(go.Scatter(x=curve.x, y=curve.y, name=curve.label, line=line, hovertemplate=form, **side))
    return traces
