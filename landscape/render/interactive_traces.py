"""A field as plotly traces: the relief in three dimensions, and the same seen from above.

Owns: the translation of `Field` into `graph_objects`. Decides nothing. Hover text is put in by the page's script.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from landscape.scene.scene import DRAWN, HOLE_NAMES, Field, Frame, Scene, Ticks, Trace

# One colour per reason in the order of the codes: not finite, not computed, failed.
HOLES = ("#c4c4c4", "#ececec", "#d9c0c0")
FONT = {
    "family": "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
    "size": 12,
    "color": "#1a1a1a",
}
INK, SOFT, GRID = "#1a1a1a", "#5c5c5c", "#dfe1e6"
LIGHT = {"ambient": 0.55, "diffuse": 0.62, "specular": 0.08, "roughness": 0.6, "fresnel": 0.03}
LAMP = {"x": -9000, "y": -4000, "z": 14000}
# Heights keep six digits: far more than a screen shows, and the page is smaller.
DIGITS = 6


def relief_traces(field: Field, view: int) -> list:
    """The traces of one view of the three-dimensional figure."""
    mesh = field.mesh
    options = {"meta": {"view": view}, "visible": view == 0}
    surface = go.Surface(
        x=mesh.x,
        y=mesh.y,
        z=compact(mesh.z),
        cmin=field.scale.low,
        cmax=field.scale.high,
        colorscale=color_scale(field.relief_colors),
        colorbar=color_bar(field.z_ticks, field.label),
        lighting=LIGHT,
        lightposition=LAMP,
        hoverinfo="text",
        connectgaps=False,
        contours={axis: {"highlight": False} for axis in "xyz"},
        **options,
    )
    if not np.isfinite(mesh.z).any():
        # plotly fails on a surface without a point; something unseen keeps the axes.
        ends = {"x": mesh.x[[0, -1]], "y": mesh.y[[0, -1]], "z": [field.scale.low, field.scale.high]}
        return [
            go.Scatter3d(mode="markers", marker={"opacity": 0}, hoverinfo="skip", showlegend=False, **ends, **options)
        ]
    seen = [trace for trace in field.traces if np.isfinite(trace.z).any()]
    return [surface, *(path3d_trace(trace, field, options) for trace in seen)]


def flat_traces(field: Field, view: int, kind: str) -> list:
    """The traces of one view of the figure seen from above."""
    options = {"meta": {"view": view}, "visible": view == 0}
    painted = heat_map(field, field.relief_colors, options) if kind == "heatmap" else _bands(field, options)
    return [
        *hole_traces(field, options, cells=kind == "heatmap"),
        painted,
        *(path_trace(t, options) for t in field.traces),
    ]


def relief_layout(field: Field, frame: Frame, scene: Scene) -> dict:
    """The axes of the three-dimensional figure for one view."""
    axis = {"backgroundcolor": "#f6f6f8", "showbackground": True, "gridcolor": GRID, "zeroline": False, "color": SOFT}
    spikes = {"showspikes": False}
    return {
        "xaxis": {**axis, **spikes, "title": {"text": frame.x_label}, "range": list(frame.x_range)},
        "yaxis": {**axis, **spikes, "title": {"text": frame.y_label}, "range": list(frame.y_range)},
        "zaxis": {**axis, **spikes, **z_axis(field)},
        "aspectmode": "manual",
        "aspectratio": dict(zip("xyz", scene.camera.box, strict=True)),
        "camera": {"eye": _eye(scene), "center": {"x": 0, "y": 0, "z": -0.12}, "projection": {"type": "perspective"}},
    }


def z_axis(field: Field) -> dict:
    """Range, ticks and name of the vertical axis of one view."""
    return {
        "range": list(field.z_range),
        "tickvals": field.z_ticks.heights.tolist(),
        "ticktext": list(field.z_ticks.labels),
        # The colour bar beside it has the name.
        "title": {"text": ""},
    }


def changes(where: str, axis: dict) -> dict:
    """The changes of a layout that give one of its axes new properties."""
    return {f"{where}.{key}": value for key, value in axis.items()}


def color_scale(colors: tuple[str, ...]) -> list:
    return [[i / (len(colors) - 1), color] for i, color in enumerate(colors)]


def color_bar(ticks: Ticks, label: str) -> dict:
    return {
        "title": {"text": label, "side": "right"},
        "tickvals": ticks.heights.tolist(),
        "ticktext": list(ticks.labels),
        "thickness": 12,
        "len": 0.8,
        "outlinewidth": 0,
    }


def compact(heights: np.ndarray) -> np.ndarray:
    """Heights in as few bytes as a screen needs."""
    return np.round(heights, DIGITS).astype(np.float32)


def _eye(scene: Scene) -> dict:
    up, around = np.deg2rad(scene.camera.elevation), np.deg2rad(scene.camera.azimuth)
    far = 2.15
    eye = far * np.cos(up) * np.cos(around), far * np.cos(up) * np.sin(around), far * np.sin(up)
    return dict(zip("xyz", map(float, eye), strict=True))


def heat_map(field: Field, colors: tuple[str, ...], options: dict):
    """One cell for each point."""
    return go.Heatmap(
        x=field.x_edges, y=field.y_edges, z=compact(field.heights), zmin=field.scale.low, zmax=field.scale.high,
        colorscale=color_scale(colors), colorbar=color_bar(field.bar_ticks, field.label), hoverinfo="text",
        hoverongaps=False, **options,
    )  # fmt: skip


def level_numbers(field: Field) -> tuple[np.ndarray, np.ndarray]:
    """(heights of the ends and levels (k,), number of the level that each mesh point lies above, with fractions).

    plotly knows equidistant levels only.
    """
    inner = field.level_ticks.heights
    inner = inner[(inner > field.scale.low) & (inner < field.scale.high)]
    edges = np.concatenate([[field.scale.low], inner, [field.scale.high]])
    return edges, np.interp(field.mesh.z, edges, np.arange(len(edges)))


def _bands(field: Field, options: dict):
    """Filled contours."""
    edges, number = level_numbers(field)
    inner = edges[1:-1]
    last = len(edges) - 1
    middle = ((edges[:-1] + edges[1:]) / 2 - edges[0]) / (edges[-1] - edges[0])
    picked = [field.relief_colors[round(m * (len(field.relief_colors) - 1))] for m in middle]
    steps = [[share, color] for i, color in enumerate(picked) for share in (i / last, (i + 1) / last)]
    labels = [t for t, h in zip(field.level_ticks.labels, field.level_ticks.heights, strict=True) if h in inner]
    return go.Contour(
        x=field.mesh.x, y=field.mesh.y, z=compact(number), zmin=0, zmax=last, colorscale=steps, hoverinfo="text",
        contours={"start": 1, "end": max(1, last - 1), "size": 1, "coloring": "fill", "showlines": True},
        line={"color": "rgba(255,255,255,0.75)", "width": 0.7, "smoothing": 0}, connectgaps=False,
        colorbar=color_bar(Ticks(np.arange(1.0, last), tuple(labels)), field.label), **options,
    )  # fmt: skip


def hole_traces(field: Field, options: dict, *, cells: bool) -> list:
    """Grey cells where nothing is drawn."""
    if not (field.holes != DRAWN).any():
        return []
    found = field.holes if cells else field.hole_cells
    x, y = (field.x_edges, field.y_edges) if cells else (field.x, field.y)
    codes = np.where(found == DRAWN, np.nan, found.astype(float))
    steps = [[share, color] for i, color in enumerate(HOLES) for share in (i / len(HOLES), (i + 1) / len(HOLES))]
    names = np.vectorize(lambda code: HOLE_NAMES.get(int(code), ""))(found)
    return [
        go.Heatmap(
            x=x, y=y, z=codes, zmin=0.5, zmax=3.5, colorscale=steps, showscale=False, text=names, hoverinfo="text",
            hoverongaps=False, name="holes", **options,
        )
    ]  # fmt: skip


def path_trace(trace: Trace, options: dict, color: str = INK):
    """What lies on the plane, seen from above; `color` is that of marks and words without an edge."""
    names = list(trace.labels) or None
    mode = {"path": "lines+markers", "nets": "markers+text", "center": "markers"}[trace.kind]
    symbol = {"symbol": "cross-thin", "size": 11, "line": {"width": 2, "color": color}}
    marker = symbol if trace.kind == "center" else {"size": 8, "color": INK, "line": {"width": 1, "color": "white"}}
    return go.Scatter(
        x=trace.x, y=trace.y, mode=mode, text=names, textposition="top right", textfont={"color": color}, marker=marker,
        line={"color": color}, hoverinfo="skip" if trace.kind == "center" else "x+y+text", name=trace.name,
        showlegend=False, **options,
    )  # fmt: skip


def path3d_trace(trace: Trace, field: Field, options: dict):
    """What lies on the plane, a little above the relief."""
    lift = 0.01 * (field.scale.high - field.scale.low)
    mode = {"path": "lines+markers", "nets": "markers+text", "center": "markers"}[trace.kind]
    return go.Scatter3d(
        x=trace.x, y=trace.y, z=trace.z + lift, mode=mode, text=list(trace.labels) or None, hoverinfo="skip",
        marker={"size": 3 if trace.kind == "path" else 4, "color": INK}, line={"color": INK, "width": 4},
        name=trace.name, showlegend=False, **options,
    )  # fmt: skip
