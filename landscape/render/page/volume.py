"""A volume on a page: one isosurface, whose level a slider chooses.

Owns: the drawing of `Volume`. Decides nothing: the levels are the scene's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape.render.page.figures import GRID, INK, SOFT, TEMPLATE, Drawn, color_bar, color_scale, options_of, shares
from landscape.render.page.traces3d import LAMP, LIGHTING, eye
from landscape.scene.scene import Scene
from landscape.scene.views.volume import Volume

OPACITY = 0.75
# A box is further away than a relief, which is lower.
FAR = 1.15


def draw(scene: Scene) -> Drawn:
    """One figure with the isosurfaces of all views."""
    views = scene.views_as(Volume)
    figure = go.Figure([_trace(view, number) for number, view in enumerate(views)])
    figure.update_layout(
        scene=_box(scene, views[0]),
        template=TEMPLATE,
        margin={"l": 0, "r": 0, "t": 0, "b": 70},
        sliders=_sliders(views[0]),
    )
    return Drawn(("volume",), [figure], [[{"sliders": _sliders(view)}] for view in views])


def _trace(view: Volume, number: int) -> go.Isosurface:
    """Shares of the drawn range at all points, the last axis x."""
    field = view.slices[0].flat.field
    x, y, z = view.axes
    depth, rows, columns = np.meshgrid(z, y, x, indexing="ij")
    level = _levels(view)[view.start] if len(view.steps.heights) else 0.5
    bar = color_bar(shares(field.z_ticks.heights, field.scale), field.z_ticks, field.label)
    return go.Isosurface(
        x=_few(columns), y=_few(rows), z=_few(depth), value=_few(shares(view.heights, field.scale)), isomin=level, isomax=level,
        surface={"count": 1}, caps={axis: {"show": False} for axis in "xyz"}, opacity=OPACITY, cmin=0, cmax=1,
        colorscale=color_scale(field.colors), colorbar=bar, showscale=False, lighting=LIGHTING, lightposition=LAMP,
        hoverinfo="x+y+z", **options_of(number),
    )  # fmt: skip


def _levels(view: Volume) -> list[float]:
    return [float(share) for share in shares(view.steps.heights, view.slices[0].flat.field.scale)]


def _sliders(view: Volume) -> list[dict[str, Any]]:
    """One step for each level."""
    steps = [
        {"method": "restyle", "label": label, "args": [{"isomin": level, "isomax": level}]}
        for level, label in zip(_levels(view), view.steps.labels, strict=True)
    ]
    name = {"prefix": f"{view.slices[0].flat.field.label}: ", "font": {"color": INK}}
    return [{"active": view.start, "steps": steps, "currentvalue": name, "pad": {"t": 10, "b": 10, "l": 40, "r": 40}}]


def _box(scene: Scene, view: Volume) -> dict[str, Any]:
    style = {"gridcolor": GRID, "color": SOFT, "showbackground": False, "showspikes": False}
    axes = {
        f"{name}axis": {**style, "title": {"text": name}, "range": [float(values[0]), float(values[-1])]}
        for name, values in zip("xyz", view.axes, strict=True)
    }
    return {
        **axes,
        "aspectmode": "manual",
        "aspectratio": dict(zip("xyz", scene.camera.box, strict=True)),
        "camera": {
            "eye": {name: FAR * place for name, place in eye(scene.camera).items()},
            "center": {"x": 0, "y": 0, "z": -0.08},
        },
    }


def _few(values: np.ndarray) -> np.ndarray:
    """In as few bytes as a screen needs."""
    return values.ravel().astype(np.float32)
