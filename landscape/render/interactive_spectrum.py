"""Spectra as plotly figures: the density over the eigenvalues with its rug, and the rows of layers.

Owns: the translation of `SpectrumView` and `LayersView` into traces and axes. Decides nothing.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from landscape.render.interactive_lines import value_axis
from landscape.render.interactive_traces import FONT, GRID, SOFT
from landscape.scene.axes import Curve
from landscape.scene.scene import LINEAR, Scene
from landscape.scene.spectrum_view import EigenAxis, LayerRow, LayersView, Rug, SpectrumView

SHADE, ZERO = "#f1f3f8", "#b9bec9"
# The share of the height that a row of the rug takes, and the gap above the rows.
RUG, GAP = 0.045, 0.015
# Pixels of a row of layers, and of what stands above and below all rows.
ROW, AROUND = 17, 120


def spectrum_panel(scene: Scene) -> tuple[go.Figure, list[list[dict]]]:
    """(the figure, the changes of its layout for each view)."""
    if scene.kind == "layers":
        return layers_figure(scene), [[layers_changes(view)] for view in scene.spectra]
    return spectrum_figure(scene), [[spectrum_changes(view)] for view in scene.spectra]


def spectrum_figure(scene: Scene) -> go.Figure:
    """The densities of a scene and the rug under them; the first scale is seen."""
    traces = [trace for number, view in enumerate(scene.spectra) for trace in _density_traces(view, number)]
    first = scene.spectra[0]
    under = RUG * len(first.rugs)
    rows = {"range": [len(first.rugs) - 0.5, -0.5], "visible": False, "fixedrange": True}
    figure = go.Figure(traces)
    return figure.update_layout(
        template="plotly_white", font=FONT, hovermode="closest", hoverdistance=30,
        margin={"l": 70, "r": 80, "t": 30, "b": 60}, showlegend=first.legend,
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.14},
        yaxis={"domain": [under + GAP, 1], "gridcolor": GRID, "ticks": "outside"}, xaxis={"anchor": "y2"},
        yaxis2={**rows, "domain": [0, under], "anchor": "x"},
    ).update_layout(spectrum_changes(first))  # fmt: skip


def layers_figure(scene: Scene) -> go.Figure:
    """A row per layer, from top to bottom; the first scale is seen."""
    traces = [trace for number, view in enumerate(scene.spectra) for trace in _layer_traces(view, number)]
    first = scene.spectra[0]
    names = [f"<b>{row.name}</b>" if row.whole else row.name for row in first.rows]
    rows = {"tickvals": list(range(len(names))), "ticktext": names, "range": [len(names) - 0.4, -0.6]}
    figure = go.Figure(traces)
    return figure.update_layout(
        height=AROUND + ROW * len(names), template="plotly_white", font=FONT, hovermode="closest",
        margin={"l": 10, "r": 30, "t": 30, "b": 60},
        showlegend=False, yaxis={**rows, "showgrid": False, "zeroline": False, "automargin": True},
    ).update_layout(layers_changes(first))  # fmt: skip


def spectrum_changes(view: SpectrumView) -> dict:
    """What the layout of one view has of its own."""
    left = {f"yaxis.{key}": value for key, value in value_axis(view.left).items()}
    lone = {
        "x": 1, "xref": "paper", "xanchor": "left", "xshift": 4, "yref": "y", "showarrow": False, "align": "left",
        "text": "one<br>eigenvalue", "font": {"color": SOFT, "size": 11},
    }  # fmt: skip
    notes = [] if view.lone is None else [{**lone, "y": float(np.log10(view.lone))}]
    return {
        **_eigenvalues(view.axis),
        **left,
        "shapes": _ground(view.axis, view.shaded, view.lone),
        "annotations": notes,
    }


def layers_changes(view: LayersView) -> dict:
    """What the layout of one view has of its own."""
    return {**_eigenvalues(view.axis), "shapes": _ground(view.axis, view.shaded, None)}


def _eigenvalues(axis: EigenAxis) -> dict:
    """The horizontal axis; a linear one marks values itself, also when one looks nearer."""
    linear = axis.scale.kind == LINEAR
    own = {
        "title": {"text": axis.label},
        "range": [axis.scale.low, axis.scale.high],
        "tickvals": None if linear else axis.ticks.heights.tolist(),
        "ticktext": None if linear else list(axis.ticks.labels),
        "minor.tickvals": None if linear else axis.minor.tolist(),
        "minor.ticks": "" if linear else "outside",
        "minor.ticklen": 3,
        "ticks": "outside",
        "gridcolor": GRID,
        "zeroline": False,
    }
    return {f"xaxis.{key}": value for key, value in own.items()}


def _ground(axis: EigenAxis, shaded: tuple[float, float] | None, lone: float | None) -> list[dict]:
    """The shade of the negative side, zero, and the height of a single eigenvalue."""
    zero = float(axis.places(0.0))
    full = {"y0": 0, "y1": 1, "yref": "paper", "xref": "x", "layer": "below"}
    shapes = [{**full, "type": "line", "x0": zero, "x1": zero, "line": {"color": ZERO, "width": 1}}]
    if shaded:
        # A little further, for when one looks from further away.
        beyond = shaded[0] - (axis.scale.high - axis.scale.low)
        shade = {"type": "rect", "x0": beyond, "x1": shaded[1], "fillcolor": SHADE, "line": {"width": 0}}
        shapes.insert(0, {**full, **shade})
    if lone is not None:
        line = {"color": SOFT, "width": 1, "dash": "dot"}
        ends = {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": lone, "y1": lone}
        shapes.append({**ends, "type": "line", "line": line, "layer": "below"})
    return shapes


def _density_traces(view: SpectrumView, number: int) -> list[go.Scatter]:
    options = {"meta": {"view": number}, "visible": number == 0}
    fills = [_fill(curve, options) for curve in view.curves if curve.low is not None]
    lines = [_line(curve, view.axis, options) for curve in view.curves]
    return fills + lines + [_rug(rug, row, options) for row, rug in enumerate(view.rugs) if len(rug.places)]


def _fill(curve: Curve, options: dict) -> go.Scatter:
    x, y = np.concatenate([curve.x, curve.x[::-1]]), np.concatenate([curve.high, curve.low[::-1]])
    return go.Scatter(
        x=_few(x), y=_few(y), mode="lines", fill="toself", fillcolor=curve.color, opacity=0.16, line={"width": 0},
        hoverinfo="skip", showlegend=False, **options,
    )  # fmt: skip


def _line(curve: Curve, axis: EigenAxis, options: dict) -> go.Scatter:
    width, opacity = (1, 0.45) if curve.faint else (2, 1)
    told = {"hoverinfo": "skip", "showlegend": False}
    if curve.label:
        per = "" if axis.scale.kind == LINEAR else " per decade"
        text = f"eigenvalue %{{customdata:.4g}}<br>density %{{y:.3g}}{per}"
        told = {"name": curve.label, "hovertemplate": text, "customdata": _few(axis.scale.values(curve.x))}
    # Simplified, as plotly does by default, a smooth curve has corners.
    line = {"color": curve.color, "width": width, "dash": "dash" if curve.dashed else "solid", "simplify": False}
    # On a log axis a density of 0 has no place; plotly leaves a gap there, far below the picture.
    y = np.where(curve.y > 0, curve.y, np.nan)
    return go.Scatter(x=_few(curve.x), y=_few(y), mode="lines", line=line, opacity=opacity, **told, **options)


def _rug(rug: Rug, row: int, options: dict) -> go.Scatter:
    ends = {"symmetric": False, "array": rug.high - rug.places, "arrayminus": rug.places - rug.low}
    return go.Scatter(
        x=rug.places, y=np.full(len(rug.places), row), yaxis="y2", mode="markers", name=rug.name, showlegend=False,
        marker={"symbol": "line-ns-open", "size": 15, "line": {"width": 2}, "color": list(rug.colors)},
        error_x={**ends, "thickness": 1, "width": 0}, text=list(rug.told), hovertemplate="%{text}", **options,
    )  # fmt: skip


def _layer_traces(view: LayersView, number: int) -> list[go.Scatter]:
    options = {"meta": {"view": number}, "visible": number == 0, "showlegend": False}
    return [trace for place, row in enumerate(view.rows) for trace in _row(row, place, options)]


def _row(row: LayerRow, place: int, options: dict) -> list[go.Scatter]:
    told = {"text": row.told, "hovertemplate": "%{text}", "name": ""}
    spans = [
        go.Scatter(
            x=[start, end], y=[place, place], mode="lines", line={"color": color, "width": 5}, opacity=0.35,
            hoverinfo="skip", **options,
        )
        for start, end, color in row.spans
    ]  # fmt: skip
    if not row.dots:
        return spans
    at, low, high, colors = (list(each) for each in zip(*row.dots, strict=True))
    errors = {
        "symmetric": False, "array": np.subtract(high, at), "arrayminus": np.subtract(at, low), "width": 0, "thickness": 1,
    }  # fmt: skip
    dots = go.Scatter(
        x=at,
        y=[place] * len(at),
        mode="markers",
        marker={"color": colors, "size": 8},
        error_x=errors,
        **told,
        **options,
    )
    return [*spans, dots]


def _few(values: np.ndarray) -> np.ndarray:
    """In as few bytes as a screen needs."""
    return values.astype(np.float32)
