"""One-dimensional pictures as plotly figures.

Owns: the translation of `Lines` into traces and axes. Decides nothing.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from landscape.render.interactive_traces import FONT, GRID, SOFT
from landscape.scene.axes import Curve, ValueAxis
from landscape.scene.scene import LOG, Scene

# The share of the figure's height that the strip below takes, and where the curves above it begin.
STRIP, ABOVE = 0.15, 0.2


def line_figure(scene: Scene) -> go.Figure:
    """The curves of a scene on one or two vertical axes, and the strip below; the first scale is seen."""
    first, frame = scene.lines[0], scene.frame
    traces = [trace for view, lines in enumerate(scene.lines) for c in lines.curves for trace in _curve(c, view)]
    figure = go.Figure(traces)
    layout = {
        "xaxis": {"title": {"text": frame.x_label}, "range": list(frame.x_range), "gridcolor": GRID, "zeroline": False},
        "yaxis": {**value_axis(first.left), "gridcolor": GRID},
    }
    if first.right:
        right = {"overlaying": "y", "side": "right", "showgrid": False, "tickmode": "linear", "dtick": 20}
        layout["yaxis2"] = {**value_axis(first.right), **right}
    figure.update_layout(
        template="plotly_white", font=FONT, hovermode="x unified", margin={"l": 70, "r": 70, "t": 50, "b": 60},
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.16}, **layout,
    )  # fmt: skip
    if first.strip:
        _add_strip(figure, scene)
    for x, name in first.marks:
        figure.add_vline(x=x, line={"color": SOFT, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=x, y=1, yref="paper", text=name, showarrow=False, yanchor="bottom", font={"color": SOFT}
        )
    return figure


def _add_strip(figure: go.Figure, scene: Scene) -> None:
    """The panel below, on the horizontal axis of the curves; hovering tells its value with theirs."""
    for view, lines in enumerate(scene.lines):
        options = {"meta": {"view": view}, "visible": view == 0, "yaxis": "y3", "showlegend": False}
        figure.add_trace(_line(lines.strip.curve, options))
    axis = value_axis(scene.lines[0].strip.axis)
    axis["title"]["text"] = axis["title"]["text"].replace(" (", "<br>(")
    ticks = {} if axis["tickvals"] else {"nticks": 4}
    figure.update_layout(
        yaxis={"domain": [ABOVE, 1]},
        yaxis3={**axis, **ticks, "domain": [0, STRIP], "anchor": "x", "gridcolor": GRID},
        xaxis={"anchor": "y3"},
        hoversubplots="axis",
    )
    if scene.lines[0].right:
        figure.update_layout(yaxis2={"anchor": "x"})


def value_axis(axis: ValueAxis) -> dict:
    """A vertical axis of the layout; plotly wants the exponents of a log range."""
    log = axis.kind == LOG
    ends = [axis.low, axis.high]
    return {
        "title": {"text": axis.label, "font": {"color": axis.color}},
        "type": "log" if log else "linear",
        "range": [float(np.log10(end)) for end in ends] if log else ends,
        "tickvals": list(axis.ticks) or None,
        "ticktext": list(axis.tick_labels) or None,
        "tickfont": {"color": axis.color},
        "zeroline": False,
        "exponentformat": "power",
    }


def _curve(curve: Curve, view: int) -> list:
    options = {"meta": {"view": view}, "visible": view == 0, **({"yaxis": "y2"} if curve.right else {})}
    return [*_bands(curve, options), _line(curve, options)]


def _line(curve: Curve, options: dict) -> go.Scatter:
    width, opacity = (1, 0.45) if curve.faint else (2, 1)
    line = {"color": curve.color, "width": width, "dash": "dash" if curve.dashed else "solid"}
    return go.Scatter(
        x=curve.x, y=curve.y, **_naming(curve), mode="lines+markers" if curve.dots else "lines", line=line,
        opacity=opacity, **options,
    )  # fmt: skip


def _naming(curve: Curve) -> dict:
    """How a curve is told in the legend and on hovering: one without a label is neither."""
    if not curve.label:
        return {"showlegend": False, "hoverinfo": "skip"}
    return {"name": curve.label, "hovertemplate": "%{y:.1f} %" if curve.percent else "%{y:.4g}"}


def _bands(curve: Curve, options: dict) -> list:
    """Two standard errors to either side, one closed shape per uninterrupted stretch."""
    if curve.low is None:
        return []
    low, high = curve.low, curve.high
    seen = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    stretches = [s for s in np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1) if len(s) > 1]
    return [
        go.Scatter(
            x=np.concatenate([curve.x[s], curve.x[s][::-1]]), y=np.concatenate([high[s], low[s][::-1]]), mode="lines",
            fill="toself", opacity=0.18, fillcolor=curve.color, line={"width": 0}, hoverinfo="skip", showlegend=False,
            **options,
        )
        for s in stretches
    ]  # fmt: skip
