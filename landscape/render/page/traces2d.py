"""What lies in a plane, as plotly traces seen from above.

Owns: the drawing of a `Field` as bands or cells, of holes and marks, and the figure of a plane. Decides nothing. Hover text
is put in by the page's script.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape.render.page.figures import (
    GRID,
    INK,
    NAME,
    SOFT,
    TEMPLATE,
    Options,
    Sheet,
    at_heights,
    color_bar,
    color_scale,
    options_of,
    shares,
    shortened,
)
from landscape.render.page.hatched import hole_hatching
from landscape.scene.colors import HOLE_COLORS, LIGHT, is_light, veiled
from landscape.scene.holes import DRAWN, HOLE_NAMES
from landscape.scene.scene import Scene
from landscape.scene.ticks import Ticks
from landscape.scene.views.field import Field
from landscape.scene.views.traces import BEST, BEST_MEAN, Trace

HOLES = tuple(HOLE_COLORS[code] for code in sorted(HOLE_COLORS))
# How much of the bands the lines between them hide.
VEIL = 0.75
# Of a path: more nets than that are a line.
MOST_DOTS = 60
# What marks on the plane look like, by their kind.
NAMED = "markers+text"
MODES = {
    "path": "lines+markers", "nets": NAMED, BEST: NAMED, BEST_MEAN: NAMED, "center": "markers", "saddles": "markers",
    "outline": "lines",
}  # fmt: skip
DIAMONDS = {BEST: "diamond", BEST_MEAN: "diamond-open"}
# With a light rim, as on reliefs: the ground may be as dark as they are.
CROSSES = {"center": ("cross", 10), "saddles": ("x", 7)}


def plane_figure(traces: list, scene: Scene) -> go.Figure:
    """Traces over the axes of a plane."""
    frame, figure = scene.frame, go.Figure(traces)
    axis = {
        "gridcolor": GRID,
        "zeroline": False,
        "showgrid": False,
        "ticks": "outside",
        "constrain": "domain",
        "exponentformat": "power",
    }
    figure.update_layout(
        template=TEMPLATE,
        margin={"l": 60, "r": 10, "t": 34, "b": 50},
        xaxis={**axis, "title": {"text": shortened(frame.x_label)}, "range": list(frame.x_range)},
        yaxis={**axis, "title": {"text": shortened(frame.y_label)}, "range": list(frame.y_range)},
    )
    if frame.equal:
        figure.update_yaxes(scaleanchor="x")
    return figure


def cells_of(field: Field) -> Sheet:
    """One cell for each point."""
    return Sheet(field.x_edges, field.y_edges, shares(field.heights, field.scale))


def heat_map(field: Field, colors: tuple[str, ...], view: int, sheet: str) -> go.Heatmap:
    """The cells of a sheet."""
    bar = color_bar(shares(field.bar_ticks.heights, field.scale), field.bar_ticks, field.label)
    return go.Heatmap(
        zmin=0, zmax=1, colorscale=color_scale(colors), colorbar=bar, hoverinfo="text", hoverongaps=False,
        **options_of(view, sheet=sheet),
    )  # fmt: skip


def level_edges(field: Field) -> np.ndarray:
    """(k,) shares of the levels inside of the range, between its ends.

    plotly supports only equidistant levels: the page's script numbers each point by the levels that it lies above, with
    fractions.
    """
    inner = field.level_ticks.heights
    inner = inner[(inner > field.scale.low) & (inner < field.scale.high)]
    return shares(np.concatenate([[field.scale.low], inner, [field.scale.high]]), field.scale)


def bands(field: Field, view: int, sheet: str) -> go.Contour:
    """Filled contours of a sheet."""
    edges = level_edges(field)
    last = len(edges) - 1
    middle = (edges[:-1] + edges[1:]) / 2
    picked = [field.colors[round(m * (len(field.colors) - 1))] for m in middle]
    steps = [[share, color] for i, color in enumerate(picked) for share in (i / last, (i + 1) / last)]
    return go.Contour(
        zmin=0, zmax=last, colorscale=steps, hoverinfo="text", connectgaps=False, colorbar=_level_bar(field, edges),
        contours={"start": 1, "end": max(1, last - 1), "size": 1, "coloring": "fill", "showlines": True},
        line={"color": veiled(LIGHT.ground, VEIL), "width": 0.7, "smoothing": 0},
        **options_of(view, sheet=sheet, edges=edges.tolist()),
    )  # fmt: skip


def _level_bar(field: Field, edges: np.ndarray) -> dict[str, Any]:
    """A colour bar over the numbers of levels, with their values."""
    heights = shares(field.level_ticks.heights, field.scale)
    labels = tuple(t for t, h in zip(field.level_ticks.labels, heights, strict=True) if h in edges[1:-1])
    return color_bar(np.arange(1.0, len(edges) - 1), Ticks(edges[1:-1], labels), field.label)


def lines(field: Field, view: int, sheet: str) -> go.Contour:
    """Contour lines of a sheet in the colours of their levels."""
    edges = level_edges(field)
    last = len(edges) - 1
    return go.Contour(
        zmin=0, zmax=last, hoverinfo="text", connectgaps=False, colorbar=_level_bar(field, edges),
        colorscale=color_scale(field.line_colors), line={"width": 1.4, "smoothing": 0},
        contours={"start": 1, "end": max(1, last - 1), "size": 1, "coloring": "lines"},
        **options_of(view, sheet=sheet, edges=edges.tolist()),
    )  # fmt: skip


def tinted(field: Field, ground: np.ndarray, tints: Sequence[str], options: Options) -> go.Heatmap:
    """The cells of the points that have a tint."""
    count = len(tints)
    steps = [[share, tint] for i, tint in enumerate(tints) for share in (i / count, (i + 1) / count)]
    return go.Heatmap(
        x=field.x_edges, y=field.y_edges, z=np.where(ground == 0, np.nan, ground.astype(float)), zmin=0.5, zmax=count + 0.5,
        colorscale=steps, showscale=False, hoverinfo="skip", hoverongaps=False, name="ground", **options,
    )  # fmt: skip


def extra_lines(field: Field, view: int, sheet: str, *, ink: str | None = None) -> list:
    """Dashed lines at levels that only this field needs, and their numbers; in `ink`, or in the colours of their levels."""
    heights = field.extra_ticks.heights
    if not len(heights):
        return []
    edges = shares(np.concatenate([[field.scale.low], heights, [field.scale.high]]), field.scale)
    last = len(edges) - 1
    line: Options = {"width": 1.2, "smoothing": 0, "dash": "6px,4px"}
    steps = [[number / last, _at(field.line_colors, share)] for number, share in enumerate(edges)]
    dashed = go.Contour(
        zmin=0, zmax=last, hoverinfo="skip", showscale=False, connectgaps=False, showlegend=False, colorscale=steps,
        contours={"start": 1, "end": max(1, last - 1), "size": 1, "coloring": "none" if ink else "lines"},
        line={**line, "color": ink} if ink else line, name="extra",
        **options_of(view, sheet=sheet, edges=edges.tolist(), over=True),
    )  # fmt: skip
    return [dashed, *_numbers(field, field.extra_ticks, field.extra_points, options_of(view, over=True), None)]


def level_numbers(field: Field, options: Options, *, ink: str | None = None) -> list[go.Scatter]:
    """The numbers of lines: in `ink`, or over bands, dark or light as the colour under them asks for."""
    return _numbers(field, field.level_ticks, field.label_points, options, ink)


def _numbers(field: Field, ticks: Ticks, points: np.ndarray, options: Options, ink: str | None) -> list[go.Scatter]:
    if not len(points):
        return []
    x, y, which = points.T
    under = shares(ticks.heights, field.scale)[which.astype(int)]
    return [
        go.Scatter(
            x=x, y=y, text=[ticks.labels[int(i)] for i in which], mode="text", hoverinfo="skip",
            name="dark levels" if ink else "levels",
            textfont={"color": [ink or over(_at(field.colors, share)) for share in under], "size": 10}, showlegend=False,
            **at_heights(under, options),
        )
    ]  # fmt: skip


def grid_dots(field: Field, options: Options) -> list[go.Scatter]:
    """The grid points, where the scene marks them."""
    if not len(field.dots):
        return []
    x, y, heights = field.dots.T
    return [
        go.Scatter(
            x=x, y=y, mode="markers", marker={"size": 3, "color": SOFT}, hoverinfo="skip", name="grid", showlegend=False,
            **at_heights(shares(heights, field.scale), options),
        )
    ]  # fmt: skip


def _at(colors: tuple[str, ...], share: float) -> str:
    """The colour of a share of the drawn range."""
    return colors[round(min(1.0, max(0.0, float(share))) * (len(colors) - 1))]


def over(color: str) -> str:
    """Ink on a colour."""
    return INK if is_light(color) else LIGHT.ground


def hole_traces(field: Field, options: Options, *, cells: bool) -> list:
    """Grey cells where nothing is drawn, hatched as in stills."""
    if not (field.holes != DRAWN).any():
        return []
    found = field.holes if cells else field.hole_cells
    hatching = hole_hatching(field, options, cells=cells)
    x, y = (field.x_edges, field.y_edges) if cells else (field.x, field.y)
    codes = np.where(found == DRAWN, np.nan, found.astype(float))
    steps = [[share, color] for i, color in enumerate(HOLES) for share in (i / len(HOLES), (i + 1) / len(HOLES))]
    names = np.vectorize(lambda code: HOLE_NAMES.get(int(code), ""))(found)
    return [
        go.Heatmap(
            x=x, y=y, z=codes, zmin=0.5, zmax=3.5, colorscale=steps, showscale=False, text=names, hoverinfo="text",
            hoverongaps=False, name="holes", **options,
        ),
        *hatching,
    ]  # fmt: skip


def path_trace(trace: Trace, options: Options, color: str = INK) -> go.Scatter:
    """What lies on the plane, seen from above; `color` is that of marks and words without an edge."""
    names, color = [shortened(name, NAME) for name in trace.labels] or None, trace.color or color
    if trace.kind == "path":
        options = {**options, "meta": {**options["meta"], "path": True}}
    symbol, size = CROSSES.get(trace.kind, ("circle", 8))
    cross = {"symbol": symbol, "size": size, "color": color, "line": {"width": 1, "color": LIGHT.ground}}
    marker: Options = {"size": 8, "color": trace.color or INK, "line": {"width": 1, "color": LIGHT.ground}}
    mode = MODES[trace.kind]
    hover: Options = {"hoverinfo": "skip" if trace.kind in ("center", "outline") else "x+y+text"}
    if trace.kind in DIAMONDS:
        marker |= {"symbol": DIAMONDS[trace.kind], "size": 10}
    if trace.kind == "path":
        marker |= {"size": path_sizes(trace, 6, 11)}
        mode += "+text" if names else ""
    if trace.readings:
        hover = {"hovertemplate": "%{customdata}<extra></extra>", "customdata": list(trace.readings)}
    return go.Scatter(
        x=trace.x, y=trace.y, mode=mode, text=names, textposition=_positions(trace), textfont={"color": color},
        marker=cross if trace.kind in CROSSES else marker, name=trace.name, showlegend=False,
        line={"color": color, "dash": "dash" if trace.dashed or trace.kind == "outline" else "solid"},
        **hover, **options,
    )  # fmt: skip


def _positions(trace: Trace) -> str | list[str]:
    """Of the labels."""
    if trace.sides is None:
        return "top right"
    return [f"{'top' if up > 0 else 'bottom'} {'right' if right > 0 else 'left'}" for right, up in trace.sides]


def path_sizes(trace: Trace, each: float, last: float) -> list[float]:
    """Of the dots of a path: its last net is the one that was trained. Many dots are small, so that the line is seen."""
    each = each if len(trace.x) <= MOST_DOTS else each / 3
    return [each] * (len(trace.x) - 1) + [last]
