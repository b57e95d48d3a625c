"""A volume on a page: one isosurface, whose level a slider chooses.

Owns: the drawing of `Volume`. Decides nothing: the levels are the scene's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape.render.page.figures import GRID, SOFT, TEMPLATE, Drawn, color_bar, color_scale, options_of, shares
from landscape.render.page.traces3d import LAMP, LIGHTING, eye
from landscape.scene.scene import Scene
from landscape.scene.views.volume import Volume

OPACITY = 0.75
# A box is further away than a relief, which is lower.
FAR = 1.15
# On slices colours are those of the bar.
UNLIT = {"ambient": 1.0, "diffuse": 0.0, "specular": 0.0, "fresnel": 0.0}
PLACE = "x %{x:.3g}, y %{y:.3g}, z %{z:.3g}"


def draw(scene: Scene) -> Drawn:
    """One figure with the isosurfaces and the slices of all views."""
    views = scene.views_as(Volume)
    figure = go.Figure(
        [trace for number, view in enumerate(views) for trace in (_shell(view, number), *_slices(view, number))]
    )
    figure.update_layout(scene=_box(scene, views[0]), template=TEMPLATE, margin={"l": 0, "r": 0, "t": 0, "b": 0})
    return Drawn(("volume",), [figure], [[{}] for _ in views], levels=tuple(map(_levels, views)))


def _shell(view: Volume, number: int) -> go.Isosurface:
    """Shares of the drawn range at all points, the last axis x; the page's script sets the level."""
    field = view.slices[0].flat.field
    x, y, z = view.axes
    depth, rows, columns = np.meshgrid(z, y, x, indexing="ij")
    bar = color_bar(shares(field.z_ticks.heights, field.scale), field.z_ticks, field.label)
    return go.Isosurface(
        x=_few(columns), y=_few(rows), z=_few(depth), value=_few(shares(view.heights, field.scale)), isomin=0.5, isomax=0.5,
        surface={"count": 1}, caps={axis: {"show": False} for axis in "xyz"}, opacity=OPACITY, cmin=0, cmax=1,
        colorscale=color_scale(field.colors), colorbar=bar, showscale=False, lighting=LIGHTING, lightposition=LAMP,
        hovertemplate=PLACE, name="", **options_of(number, over=True),
    )  # fmt: skip


def _slices(view: Volume, number: int) -> list[go.Surface]:
    """The planes through the net, which a button of the page shows."""
    found = []
    for each in view.slices:
        field = each.flat.field
        columns, rows = np.meshgrid(field.x, field.y)
        places = [columns, rows]
        places.insert(each.across, np.full(columns.shape, each.at))
        x, y, z = (place.astype(np.float32) for place in places)
        found.append(go.Surface(
            x=x, y=y, z=z, surfacecolor=shares(field.heights, field.scale).astype(np.float32), cmin=0, cmax=1, showscale=False,
            colorscale=color_scale(field.colors), lighting=UNLIT, connectgaps=False, customdata=field.values.astype(np.float32),
            contours={axis: {"highlight": False} for axis in "xyz"}, name="slice",
            hovertemplate=f"{PLACE}<br>{field.quantity.label}: %{{customdata:.4g}}<extra></extra>",
            **{**options_of(number, over=True), "visible": False},
        ))  # fmt: skip
    return found


def _levels(view: Volume) -> dict[str, Any]:
    """Those of the slider."""
    field = view.slices[0].flat.field
    return {
        "at": [float(share) for share in shares(view.steps.heights, field.scale)],
        "names": list(view.steps.labels),
        "start": view.start,
        "label": field.quantity.label,
    }


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
