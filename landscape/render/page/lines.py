"""Curves over one coordinate on a page.

Owns: the drawing of `Lines`: traces, axes and strips. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape.render.page.figures import GRID, SOFT, TEMPLATE, Drawn, Options, changes, options_of, shortened
from landscape.scene.colors import tint
from landscape.scene.scale import LOG, SYMLOG, Scale
from landscape.scene.scene import Scene
from landscape.scene.views.lines import Curve, Lines, Strip, ValueAxis

# The share of the figure's height between two panels, and the height of a strip beside the curves up to which it is low.
GAP, LOW = 0.05, 0.4
# How much of its colour fills a ridge.
RIDGE = 0.25
# Letters of the name of a net above the curves, and of a name beside them.
NAME, LABEL = 24, 40
# Of a figure that is higher than others.
LEGEND_UNDER_STACK = -0.1
# The number of the first strip's vertical axis: the curves above have one or two.
FIRST_STRIP = 3


def draw(scene: Scene) -> Drawn:
    """The curves over their strips."""
    views = scene.views_as(Lines)
    place = "stack" if stacked(views[0]) else "line"
    return Drawn((place,), [line_figure(scene)], [[line_changes(view)] for view in views])


def line_figure(scene: Scene) -> go.Figure:
    """The curves of a scene on one or two vertical axes, and the strip below; the first scale is visible."""
    views, frame = scene.views_as(Lines), scene.frame
    first = views[0]
    traces = [trace for view, lines in enumerate(views) for c in lines.curves for trace in _curve(c, view, lines.left)]
    figure = go.Figure(traces)
    layout = {
        "xaxis": {
            "title": {"text": shortened(frame.x_label)},
            "range": list(frame.x_range),
            "gridcolor": GRID,
            "zeroline": False,
        },
        "yaxis": {**value_axis(first.left), "gridcolor": GRID, "automargin": True},
    }
    if first.right:
        right = {"overlaying": "y", "side": "right", "showgrid": False}
        right |= {} if first.right.ticks else {"tickmode": "linear", "dtick": 20}
        layout["yaxis2"] = {**value_axis(first.right), **right}
        if not any(curve.right for curve in first.curves):  # plotly leaves out an axis without a trace
            figure.add_scatter(x=[None], y=[None], yaxis="y2", hoverinfo="skip", showlegend=False)
    figure.update_layout(
        template=TEMPLATE, hovermode="x unified", margin={"l": 70, "r": 70, "t": 50, "b": 60},
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.16}, **layout,
    )  # fmt: skip
    if first.strips:
        _add_strips(figure, scene)
    for x, name in first.marks:
        side = "left" if x <= frame.x_range[0] else "right" if x >= frame.x_range[1] else "center"
        figure.add_vline(x=x, line={"color": SOFT, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=x, y=1, yref="paper", text=shortened(name, NAME), showarrow=False, yanchor="bottom", xanchor=side,
            font={"color": SOFT},
        )  # fmt: skip
    return figure


def _add_strips(figure: go.Figure, scene: Scene) -> None:
    """The panels below, on the horizontal axis of the curves; hovering shows their values together."""
    views = scene.views_as(Lines)
    first = views[0]
    domains = _domains(first)
    for view, lines in enumerate(views):
        for number, strip in enumerate(lines.strips):
            for curve in strip.curves:
                options = {"showlegend": curve in lines.named, "yaxis": f"y{FIRST_STRIP + number}"}
                figure.add_traces(_curve(curve, view, strip.axis, **options))
    last = f"y{FIRST_STRIP - 1 + len(first.strips)}"
    figure.update_layout(yaxis={"domain": domains[0]}, xaxis={"anchor": last}, hoversubplots="axis")
    if stacked(first):
        figure.update_layout(legend={"y": LEGEND_UNDER_STACK})
    for number, (strip, domain) in enumerate(zip(first.strips, domains[1:], strict=True)):
        axis = {**_strip_axis(strip), "domain": domain, "anchor": "x", "gridcolor": GRID}
        zero = {"zeroline": strip.zero, "zerolinecolor": SOFT, "zerolinewidth": 1}
        figure.update_layout({f"yaxis{FIRST_STRIP + number}": {**axis, **zero}})
    if first.right:
        figure.update_layout(yaxis2={"anchor": "x"})


def stacked(lines: Lines) -> bool:
    """Whether there are panels below that need a higher figure."""
    return any(strip.height > LOW for strip in lines.strips)


def _domains(lines: Lines) -> list[list[float]]:
    """The shares of the figure's height that the curves and each strip take, from above to below."""
    heights = [1.0, *(strip.height for strip in lines.strips)]
    unit = (1 - GAP * len(lines.strips)) / sum(heights)
    top, found = 1.0, []
    for height in heights:
        found.append([max(0.0, top - unit * height), top])
        top -= unit * height + GAP
    return found


def _strip_axis(strip: Strip) -> dict[str, Any]:
    axis = value_axis(strip.axis)
    axis["title"] = {
        "text": axis["title"]["text"].replace(" (", "<br>("),
        "font": {**axis["title"]["font"], "size": 11},
    }
    return {**axis, "nticks": 4}


def line_changes(lines: Lines) -> dict[str, Any]:
    """The changes of the layout for a view: its scales."""
    axes = {f"yaxis{FIRST_STRIP + number}": _strip_axis(strip) for number, strip in enumerate(lines.strips)}
    # The line at zero is that of the figure: it stays.
    for axis in axes.values():
        del axis["zeroline"]
    return {
        key: value
        for name, axis in {"yaxis": value_axis(lines.left), **_right(lines), **axes}.items()
        for key, value in changes(name, axis).items()
    }


def _right(lines: Lines) -> dict[str, Any]:
    """The right axis, where its ticks depend on the scale of the view."""
    return {"yaxis2": value_axis(lines.right)} if lines.right and lines.right.ticks else {}


def value_axis(axis: ValueAxis) -> dict[str, Any]:
    """A vertical axis of the layout; plotly takes the exponents of a log range, and has no symmetric log scale."""
    low, high, *ticks = _heights((axis.low, axis.high, *axis.ticks), axis)
    log = axis.kind == LOG
    return {
        "title": {"text": shortened(axis.label), "font": {"color": axis.color}},
        "type": "log" if log else "linear",
        "range": [float(np.log10(end)) for end in (low, high)] if log else [low, high],
        "tickvals": ticks or None,
        "ticktext": [shortened(label, LABEL) for label in axis.tick_labels] or None,
        "tickfont": {"color": axis.color},
        "zeroline": False,
        "exponentformat": "power",
    }


def _heights(values: Sequence[float] | np.ndarray, axis: ValueAxis) -> list[float]:
    """Values as they are drawn: on a symmetric log axis their heights, else themselves."""
    if axis.kind != SYMLOG:
        return [float(value) for value in values]
    return Scale(SYMLOG, -np.inf, np.inf, axis.unit).heights(values).tolist()


def _curve(curve: Curve, view: int, axis: ValueAxis, **more: Any) -> list:
    options = {**options_of(view), **({"yaxis": "y2"} if curve.right else {}), **more}
    return [*_bands(curve, axis, {**options, "showlegend": False}), _line(curve, axis, options)]


def _filled(curve: Curve) -> dict[str, Any]:
    """How a band is filled: a ridge hides what is behind it."""
    if curve.front:
        return {"fillcolor": tint(curve.color, 1 - RIDGE), "opacity": 1.0}
    return {"fillcolor": curve.color, "opacity": 0.18}


def _line(curve: Curve, axis: ValueAxis, options: Options) -> go.Scatter:
    width, opacity = (1, 0.45) if curve.faint else (2, 1)
    line = {"color": curve.color, "width": width, "dash": "dash" if curve.dashed else "solid"}
    values = curve.y if curve.values is None else curve.values
    return go.Scatter(
        x=curve.x, y=np.array(_heights(curve.y, axis)), customdata=values, line=line, opacity=opacity,
        mode="lines+markers" if curve.dots else "lines", **{**options, **_naming(curve)},
    )  # fmt: skip


def _naming(curve: Curve) -> dict[str, Any]:
    """The name of a curve in the legend and on hovering: one without a label is in neither."""
    if not curve.label and not curve.name:
        return {"showlegend": False, "hoverinfo": "skip"}
    shown = "%{customdata:.1f} %" if curve.percent else "%{customdata:.4g}"
    return {"name": curve.label or curve.name, "hovertemplate": shown, **({} if curve.label else {"showlegend": False})}


def _bands(curve: Curve, axis: ValueAxis, options: Options) -> list:
    """Two standard errors to either side, one closed shape per uninterrupted stretch."""
    if curve.low is None or curve.high is None:
        return []
    low, high = (np.array(_heights(edge, axis)) for edge in (curve.low, curve.high))
    seen = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    stretches = [s for s in np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1) if len(s) > 1]
    return [
        go.Scatter(
            x=np.concatenate([curve.x[s], curve.x[s][::-1]]), y=np.concatenate([high[s], low[s][::-1]]), mode="lines",
            fill="toself", line={"width": 0}, hoverinfo="skip", **_filled(curve), **options,
        )
        for s in stretches
    ]  # fmt: skip
