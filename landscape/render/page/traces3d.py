"""Reliefs as plotly traces in three dimensions.

Owns: the drawing of a mesh and of the marks on it, and the figure around it. Decides nothing. Hover text is put in by the
page's script.
"""

from __future__ import annotations

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
    changes,
    color_bar,
    color_scale,
    options_of,
    shares,
    shortened,
)
from landscape.render.page.traces2d import MODES, path_sizes
from landscape.scene.colors import LIGHT
from landscape.scene.scene import Camera, Scene
from landscape.scene.views.field import Field
from landscape.scene.views.traces import Trace

LIGHTING = {"ambient": 0.7, "diffuse": 0.36}
LAMP = {"x": -9000, "y": -4000, "z": 14000}
# How far marks float above the relief, which would hide them.
LIFT = 0.01
# The size of the cross that marks the net.
CROSS = 9


def figure3d(traces: list, scene: Scene, field: Field) -> go.Figure:
    """Traces in the box of a scene, whose vertical axis is that of a field."""
    figure = go.Figure(traces)
    return figure.update_layout(
        scene=_layout(field, scene), template=TEMPLATE, margin={"l": 0, "r": 0, "t": 0, "b": 0}, uirevision="keep"
    )


def relief_traces(field: Field, view: int, sheet: str) -> list:
    """The traces of one view, whose mesh is a sheet."""
    mesh, options = field.mesh, options_of(view, over=True)
    surface = go.Surface(
        cmin=0,
        cmax=1,
        colorscale=color_scale(field.colors),
        colorbar=color_bar(shares(field.z_ticks.heights, field.scale), field.z_ticks, field.label),
        lighting=LIGHTING,
        lightposition=LAMP,
        hoverinfo="text",
        connectgaps=False,
        contours={axis: {"highlight": False} for axis in "xyz"},
        **options_of(view, over=True, sheet=sheet),
    )
    if not np.isfinite(mesh.z).any():
        # plotly fails on a surface without a point; an invisible trace keeps the axes.
        ends = {"x": mesh.x[[0, -1]], "y": mesh.y[[0, -1]], "z": [0, 1]}
        return [
            go.Scatter3d(mode="markers", marker={"opacity": 0}, hoverinfo="skip", showlegend=False, **ends, **options)
        ]
    seen = [trace for trace in field.traces if np.isfinite(trace.z).any()]
    return [surface, *_dots(field, options), *(path3d_trace(trace, field, options) for trace in seen)]


def _dots(field: Field, options: Options) -> list[go.Scatter3d]:
    """The grid points, where the scene marks them; those beyond the range are above or below what is drawn."""
    if not len(field.dots):
        return []
    inside = (field.values >= field.scale.vmin) & (field.values <= field.scale.vmax)
    x, y, heights = field.dots[inside[np.isfinite(field.heights)]].T
    return [
        go.Scatter3d(
            x=x, y=y, z=shares(heights, field.scale) + LIFT, mode="markers", marker={"size": 1.6, "color": INK}, name="grid",
            hoverinfo="skip", showlegend=False, **options,
        )
    ]  # fmt: skip


def _layout(field: Field, scene: Scene) -> dict[str, Any]:
    """The axes and the viewpoint."""
    frame = scene.frame
    axis = {"backgroundcolor": LIGHT.wall, "showbackground": True, "gridcolor": GRID, "zeroline": False, "color": SOFT}
    spikes = {"showspikes": False}
    return {
        "xaxis": {**axis, **spikes, "title": {"text": frame.x_label}, "range": list(frame.x_range)},
        "yaxis": {**axis, **spikes, "title": {"text": frame.y_label}, "range": list(frame.y_range)},
        "zaxis": {**axis, **spikes, **z_axis(field)},
        "aspectmode": "manual",
        "aspectratio": dict(zip("xyz", scene.camera.box, strict=True)),
        "camera": {
            "eye": eye(scene.camera),
            "center": {"x": 0, "y": 0, "z": -0.12},
            "projection": {"type": "perspective"},
        },
    }


def z_axis(field: Field) -> dict[str, Any]:
    """Range, ticks and name of the vertical axis of one view."""
    return {
        "range": shares(np.array(field.z_range), field.scale).tolist(),
        "tickvals": shares(field.z_ticks.heights, field.scale).tolist(),
        "ticktext": list(field.z_ticks.labels),
        "title": {"text": field.label},
    }


def z_changes(field: Field) -> dict[str, Any]:
    """The changes of the layout for the heights of one view."""
    return changes("scene.zaxis", z_axis(field))


def eye(camera: Camera) -> dict[str, float]:
    """Where a camera stands, in plotly's words."""
    up, around = np.deg2rad(camera.elevation), np.deg2rad(camera.azimuth)
    far = 2.15
    eye = far * np.cos(up) * np.cos(around), far * np.cos(up) * np.sin(around), far * np.sin(up)
    return dict(zip("xyz", map(float, eye), strict=True))


def path3d_trace(trace: Trace, field: Field, options: Options) -> go.Scatter3d:
    """What lies on the plane, a little above the relief."""
    color = trace.color or INK
    if trace.kind == "path":
        options = {**options, "meta": {**options["meta"], "path": True}}
    hover: Options = {"hovertemplate": "%{customdata}<extra></extra>", "customdata": list(trace.readings)}
    names = [shortened(name, NAME) for name in trace.labels] or None
    symbol: Options = {"symbol": "cross", "size": CROSS} if trace.kind == "center" else {}
    return go.Scatter3d(
        x=trace.x, y=trace.y, z=shares(trace.z, field.scale) + LIFT, mode=MODES[trace.kind], text=names,
        marker={"size": path_sizes(trace, 3, 6) if trace.kind == "path" else 4, "color": color, **symbol},
        line={"color": color, "width": 4}, name=trace.name, showlegend=False,
        **(hover if trace.readings else {"hoverinfo": "skip"}), **options,
    )  # fmt: skip
