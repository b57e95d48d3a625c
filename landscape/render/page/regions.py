"""Regions of predicted classes on a page, under contour lines, beside the relief of the same metric.

Owns: the drawing of `Regions`. Decides nothing.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from landscape.render.page.figures import INK, Drawn, options_of, sheet_of
from landscape.render.page.traces2d import hole_traces, level_numbers, lines, path_trace, plane_figure
from landscape.render.page.traces3d import figure3d, relief_traces, z_changes
from landscape.scene.scene import Scene
from landscape.scene.tables import table_of
from landscape.scene.views.field import cell_edges
from landscape.scene.views.regions import Regions

LEGEND = {"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.16, "itemclick": False}


def draw(scene: Scene) -> Drawn:
    """The relief, and beside it the regions with the lines over them."""
    views = scene.views_as(Regions)
    reliefs = [
        trace for number, view in enumerate(views) for trace in relief_traces(view.field, number, f"mesh{number}")
    ]
    planes = [trace for number, view in enumerate(views) for trace in _plane(view, number)]
    flat = plane_figure(planes, scene).update_layout(legend={**LEGEND, "title": {"text": views[0].title}})
    return Drawn(
        ("relief", "flat"),
        [figure3d(reliefs, scene, views[0].field), flat],
        [[z_changes(view.field), {}] for view in views],
        tuple(table_of(scene.tables, view.field) for view in views),
        {f"mesh{number}": sheet_of(view.field.mesh, view.field.scale) for number, view in enumerate(views)},
    )


def _plane(view: Regions, number: int) -> list:
    field, options = view.field, options_of(number, over=True)
    marks = [path_trace(trace, options) for trace in field.traces]
    return [
        *hole_traces(field, options, cells=False), _ground(view, number), _boundaries(view, number),
        lines(field, number, f"mesh{number}"), *_levels(view, number), _names(view, number), *_legend(view, number), *marks,
    ]  # fmt: skip


def _ground(view: Regions, number: int) -> go.Heatmap:
    count = len(view.regions)
    steps = [[share, region.color] for i, region in enumerate(view.regions) for share in (i / count, (i + 1) / count)]
    return go.Heatmap(
        x=cell_edges(view.x), y=cell_edges(view.y), z=np.where(view.ground == 0, np.nan, view.ground.astype(np.float32)),
        zmin=0.5, zmax=count + 0.5, colorscale=steps, showscale=False, hoverinfo="skip", hoverongaps=False, name="ground",
        **options_of(number, over=True),
    )  # fmt: skip


def _boundaries(view: Regions, number: int) -> go.Contour:
    """Lines between the numbers of regions; those between two numbers lie within one step of the mesh."""
    return go.Contour(
        x=view.x, y=view.y, z=np.where(view.ground == 0, np.nan, view.ground.astype(np.float32)), hoverinfo="skip",
        showscale=False, showlegend=False, connectgaps=False, name="boundaries",
        contours={"start": 1.5, "end": len(view.regions) - 0.5, "size": 1, "coloring": "none"},
        line={"color": INK, "width": 2, "smoothing": 0}, **options_of(number, over=True),
    )  # fmt: skip


def _levels(view: Regions, number: int) -> list[go.Scatter]:
    return [
        each.update(textfont={"color": INK, "size": 10})
        for each in level_numbers(view.field, options_of(number, over=True))
    ]


def _names(view: Regions, number: int) -> go.Scatter:
    placed = [region for region in view.regions if region.place is not None]
    return go.Scatter(
        x=[each.place[0] for each in placed if each.place], y=[each.place[1] for each in placed if each.place],
        text=[f"<b>{each.name}</b>" for each in placed], mode="text", textfont={"color": INK, "size": 14}, hoverinfo="skip",
        showlegend=False, **options_of(number, over=True),
    )  # fmt: skip


def _legend(view: Regions, number: int) -> list[go.Scatter]:
    """An entry for each region, which plotly does not give to maps."""
    return [
        go.Scatter(
            x=[None], y=[None], mode="markers", name=each.name, hoverinfo="skip", **options_of(number, over=True),
            marker={"symbol": "square", "size": 12, "color": each.color, "line": {"width": 1, "color": INK}},
        )
        for each in view.regions
    ]  # fmt: skip
