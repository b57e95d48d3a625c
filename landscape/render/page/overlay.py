"""Two metrics over each other on a page: reliefs in three dimensions, and contour lines seen from above.

Owns: the drawing of `Overlay`. Decides nothing. Hover text is put in by the page's script.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from landscape.render.page.figures import Drawn, Options, color_scale, options_of, shares, sheet_of
from landscape.render.page.traces2d import grid_dots, hole_traces, level_edges, path_trace, plane_figure
from landscape.render.page.traces3d import LAMP, LIGHTING, figure3d, path3d_trace, z_changes
from landscape.scene.scene import Scene
from landscape.scene.tables import table_of
from landscape.scene.views.overlay import Layer, Overlay

LEGEND = {"orientation": "h", "x": 0.5, "xanchor": "center"}


def draw(scene: Scene) -> Drawn:
    """Both layers as reliefs, and beside them as lines."""
    views = scene.views_as(Overlay)
    # The legend names both metrics, each with heights of its own.
    unnamed = {"scene.zaxis.title": {"text": ""}}
    layouts = [[{**z_changes(v.layers[0].field), **unnamed, "legend.title.text": v.label}, {}] for v in views]
    table = tuple(table_of(scene.tables, view.layers[0].field) for view in views)
    sheets = {
        _name(number, layer): sheet_of(layer.field.mesh, layer.field.scale)
        for number, view in enumerate(views)
        for layer in view.layers
    }
    return Drawn(("relief", "flat"), [_reliefs(scene), _plane(scene)], layouts, table, sheets)


def _name(view: int, layer: Layer) -> str:
    """Of a sheet: the layers of a view are one scale apart from their metric."""
    return f"{layer.field.metric}{view}"


def _reliefs(scene: Scene) -> go.Figure:
    views = scene.views_as(Overlay)
    traces = [trace for number, view in enumerate(views) for trace in _relief_traces(view, number)]
    figure = figure3d(traces, scene, views[0].layers[0].field)
    # There is no colour bar that would name the heights.
    return figure.update_layout(legend={**LEGEND, "y": 0.02, "itemclick": False, "title": {"text": views[0].label}})


def _plane(scene: Scene) -> go.Figure:
    traces = [trace for number, view in enumerate(scene.views_as(Overlay)) for trace in _flat_traces(view, number)]
    return plane_figure(traces, scene).update_layout(legend={**LEGEND, "y": 1.08, "itemclick": False})


def _relief_traces(overlay: Overlay, view: int) -> list:
    """The traces of one view of the three-dimensional figure."""
    options = options_of(view)
    layers = [layer for layer in overlay.layers if np.isfinite(layer.field.mesh.z).any()]
    sheets = [_sheet(layer, view) for layer in layers]
    wires = [_wires(layer, options) for layer in layers if len(layer.wire_rows)]
    field = overlay.layers[0].field
    marks = [path3d_trace(t, field, options) for t in field.traces if np.isfinite(t.z).any()]
    return [*sheets, *wires, *marks] or [go.Scatter3d(x=[None], y=[None], z=[None], **options)]


def _flat_traces(overlay: Overlay, view: int) -> list:
    """The traces of one view of the figure seen from above."""
    options = options_of(view)
    first = overlay.layers[0].field
    drawn = [trace for layer in overlay.layers for trace in _lines(layer, view)]
    holes = hole_traces(first, options, cells=False)
    return [*holes, *drawn, *grid_dots(first, options), *(path_trace(t, options) for t in first.traces)]


def _sheet(layer: Layer, view: int) -> go.Surface:
    field, options = layer.field, options_of(view, over=True, sheet=_name(view, layer))
    return go.Surface(
        cmin=0, cmax=1,
        colorscale=color_scale(field.colors[:2]), showscale=False, opacity=layer.opacity, lighting=LIGHTING,
        lightposition=LAMP, hoverinfo="text", connectgaps=False, name=layer.label,
        showlegend=not len(layer.wire_rows), contours={axis: {"highlight": False} for axis in "xyz"}, **options,
    )  # fmt: skip


def _wires(layer: Layer, options: Options) -> go.Scatter3d:
    """All wires as one line that is interrupted between them."""
    mesh = layer.field.mesh
    x, y = np.meshgrid(mesh.x, mesh.y)
    points = np.stack([x, y, shares(mesh.z, layer.field.scale)], axis=-1)
    lines = [*points[layer.wire_rows], *points[:, layer.wire_columns].swapaxes(0, 1)]
    path = np.concatenate([np.append(line, np.full((1, 3), np.nan), axis=0) for line in lines])
    path[np.isnan(path).any(axis=1)] = np.nan
    few = path.astype(np.float32)
    return go.Scatter3d(
        x=few[:, 0], y=few[:, 1], z=few[:, 2], mode="lines", hoverinfo="skip",
        line={"color": layer.color, "width": 3}, name=layer.label, connectgaps=False, **options,
    )  # fmt: skip


def _lines(layer: Layer, view: int) -> list:
    """Contour lines, their numbers, and an entry of the legend, which plotly does not give to contours."""
    field, options = layer.field, options_of(view)
    edges = level_edges(field)
    style = {"color": layer.color, "width": 1.6, "dash": "dash" if layer.dashed else "solid"}
    contour = go.Contour(
        hoverinfo="text", showscale=False, showlegend=False,
        contours={"start": 1, "end": max(1, len(edges) - 2), "size": 1, "coloring": "none"},
        line={**style, "smoothing": 0}, connectgaps=False,
        **options_of(view, sheet=_name(view, layer), edges=edges.tolist()),
    )  # fmt: skip
    entry = go.Scatter(x=[None], y=[None], mode="lines", line=style, name=layer.label, hoverinfo="skip", **options)
    x, y, which = field.label_points.T
    names = [field.level_ticks.labels[int(i)] for i in which]
    numbers = go.Scatter(
        x=x, y=y, text=names, mode="text", textfont={"color": layer.color, "size": 10}, hoverinfo="skip",
        showlegend=False, **options,
    )  # fmt: skip
    return [contour, entry, numbers] if len(field.levels) else [entry]
