"""The lit relief of a field in three dimensions, on matplotlib axes.

Owns: the drawing of a `Relief`: one small tile per mesh cell, in the colour that the scene gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from mpl_toolkits.mplot3d.axes3d import Axes3D

from landscape.render.still import paper
from landscape.render.still.bars import color_bar, mapping_of
from landscape.render.still.painter import Measures, Painter, PanelPainter, Place, sheet_of
from landscape.scene.scene import Scene
from landscape.scene.views.field import Field
from landscape.scene.views.relief import Relief
from landscape.scene.views.tiles import tiles_of
from landscape.scene.views.traces import Trace

PANE, GRID = (0.965, 0.965, 0.97, 1.0), "#d3d3d8"


def single(scene: Scene) -> Figure:
    """The relief and its colour bar."""
    wide, tall, right = 5.6, 4.3, 0.85
    figure, bottom = sheet_of(scene, wide + right, tall, below=0.2, middle=wide / 2)
    draw_relief(paper.place(figure, 0.0, bottom, wide, tall, projection="3d"), scene)
    _bar(figure, scene, Place(wide - 0.08, bottom + 0.8, 0.15, tall - 1.5))
    return figure


def _panel(figure: Figure, scene: Scene, place: Place, first: bool, last: bool) -> None:
    draw_relief(paper.place(figure, place.left, place.bottom, place.wide, place.tall, projection="3d"), scene)


def _panels_bar(figure: Figure, scene: Scene, place: Place) -> None:
    """Shorter than the panels, which have air above and below the relief."""
    _bar(figure, scene, Place(place.left, place.bottom + 0.5, place.wide, place.tall - 1.4 * 0.5))


def _bar(figure: Figure, scene: Scene, place: Place) -> None:
    field = scene.views_as(Relief)[0].field
    axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall)
    color_bar(figure, axes, field, mapping_of(field, field.colors), field.z_ticks)


def _measures(panels: Sequence[Scene]) -> Measures:
    return Measures(4.0, 3.3, left=0.15, gap=0.3, right=1.05, under=0.34)


def draw_relief(axes: Axes3D, scene: Scene) -> None:
    """The first view of a scene."""
    field = scene.views_as(Relief)[0].field
    dress(axes, scene, field)
    tiles, colors = painted_tiles(field)
    if len(tiles):
        # Hard edges: see paper.save. Forty thousand tiles would make a slow PDF, so they are pixels there too.
        style = {"edgecolors": "none", "linewidths": 0, "antialiaseds": False, "rasterized": True}
        axes.add_collection3d(Poly3DCollection(tiles, facecolors=colors, zorder=2, **style))
    x, y, z = field.dots.T
    axes.plot(x, y, z, ".", ms=2.2, mew=0, color=paper.INK, zorder=4)
    for trace in field.traces:
        draw_trace(axes, trace, field)


def painted_tiles(field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Corners (n, 4, 3) and colours (n, 4) of the tiles."""
    tiles, colors = tiles_of(field.mesh, field.scale, field.colors)
    return tiles, np.column_stack([colors, np.ones(len(colors))])


def draw_trace(axes: Axes3D, trace: Trace, field: Field) -> None:
    """A path or named nets, lifted a little off the relief."""
    seen = np.isfinite(trace.z)
    if not seen.any():
        return
    lift = 0.012 * (field.scale.high - field.scale.low)
    if trace.kind == "center":
        # Dark on light ground and light on dark: the rim shows where the cross does not.
        for color, width, order in (("white", 3.0, 4.9), (paper.INK, 1.3, 5.0)):
            axes.plot(trace.x, trace.y, trace.z + lift, "+", color=color, ms=8, mew=width, zorder=order)
        return
    x, y, z = trace.x[seen], trace.y[seen], trace.z[seen] + lift
    style: dict[str, Any] = (
        {"marker": "o", "ms": 2.6, "lw": 1.2} if trace.kind == "path" else {"marker": "o", "ms": 4.5, "lw": 0}
    )
    color = trace.color or paper.INK
    axes.plot(x, y, z, color=color, mec="white", mew=0.4, zorder=5, **style)
    for a, b, c, label in zip(x, y, z, np.array(trace.labels)[seen] if trace.labels else (), strict=False):
        axes.text(a, b, c + 2 * lift, str(label), fontsize=paper.TICK, color=color, zorder=6, parse_math=False)


def dress(axes: Axes3D, scene: Scene, field: Field) -> None:
    """The viewpoint, and the axes with the heights of a field."""
    frame, camera = scene.frame, scene.camera
    axes.computed_zorder = False
    axes.set_proj_type("persp", focal_length=1.6)
    axes.view_init(elev=camera.elevation, azim=camera.azimuth)
    axes.set_box_aspect(camera.box, zoom=1.08)
    axes.set(xlim=frame.x_range, ylim=frame.y_range, zlim=field.z_range)
    axes.set_xlabel(frame.x_label, fontsize=paper.LABEL, labelpad=2, parse_math=False)
    axes.set_ylabel(frame.y_label, fontsize=paper.LABEL, labelpad=2, parse_math=False)
    axes.set_zticks(list(field.z_ticks.heights), labels=list(field.z_ticks.labels))
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color(PANE)
        axis.line.set(color=paper.FAINT, linewidth=0.6)
        axis._axinfo["grid"].update(color=GRID, linewidth=0.5)
        axis.set_tick_params(labelsize=paper.TICK, pad=0, color=paper.FAINT)
    # The upper end of x and the lower end of y share a corner, which has room for one label.
    for axis, pruned in ((axes.xaxis, None), (axes.yaxis, "lower")):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10], prune=pruned))


PAINTER = Painter(single, PanelPainter(_measures, _panel, bar=_panels_bar))
