"""A map of curvature as plotly traces: the cells of each view, and what lies over all of them.

Owns: the translation of a scene with `contours` into `graph_objects`. Decides nothing. Hover text is put in by the page's
script.
"""

from __future__ import annotations

import plotly.graph_objects as go

from landscape.render.interactive_traces import compact, heat_map, hole_traces, level_numbers, path_trace
from landscape.scene.scene import Field, Scene

# Widths of the lines and of their rim, and how much of that covers the cells.
OVER, RIM, VEIL = 1.2, 2.8, 0.5


def map_traces(field: Field, view: int) -> list:
    """The cells of one view, and those that are not drawn."""
    options = {"meta": {"view": view}, "visible": view == 0}
    return [*hole_traces(field, options, cells=True), heat_map(field, field.colors, options)]


def traces_over(scene: Scene) -> list:
    """Contour lines and marks over the cells, once for all views of the same ink: the page is to be small."""
    traces = []
    for ink in dict.fromkeys(field.ink for field in scene.fields):
        views = [view for view, field in enumerate(scene.fields) if field.ink == ink]
        options = {"meta": {"views": views}, "visible": 0 in views}
        if scene.contours is not None and len(scene.contours.levels):
            traces.append(_lines(scene.contours, ink[1], RIM, {**options, "opacity": VEIL}))
            traces.append(_lines(scene.contours, ink[0], OVER, options))
        traces += [path_trace(trace, options, ink[0]) for trace in scene.fields[0].traces]
    return traces


def _lines(field: Field, color: str, width: float, options: dict) -> go.Contour:
    edges, number = level_numbers(field)
    return go.Contour(
        x=field.mesh.x, y=field.mesh.y, z=compact(number), hoverinfo="skip", showscale=False, showlegend=False,
        contours={"start": 1, "end": max(1, len(edges) - 2), "size": 1, "coloring": "none"},
        line={"color": color, "width": width, "smoothing": 0}, connectgaps=False, **options,
    )  # fmt: skip
