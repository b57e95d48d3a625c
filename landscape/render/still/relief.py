"""The lit relief of a field in three dimensions, on matplotlib axes.

Owns: the drawing of a `Relief`: one small tile per mesh cell, in the colour that the scene gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from mpl_toolkits.mplot3d.axes3d import Axes3D
from mpl_toolkits.mplot3d.proj3d import proj_transform

from landscape.options.looks import AXES, BAR
from landscape.render.still import paper
from landscape.render.still.bars import color_bar, extra, mapping_of
from landscape.render.still.painter import Around, Measures, Painter, PanelPainter, Place, Sides, beside, sheet_of
from landscape.scene.colors import LIGHT
from landscape.scene.look import Look
from landscape.scene.scene import Camera, Scene
from landscape.scene.views.field import Field
from landscape.scene.views.relief import Relief
from landscape.scene.views.sight import height_in_sight, in_sight
from landscape.scene.views.tiles import tiles_of
from landscape.scene.views.traces import Trace

# Each comes some ten times nearer to the final size.
FITTINGS = 4
# Degrees of azimuth at which a box that turns is measured; corners and letters reach farthest at some of these.
AROUND = tuple(range(0, 360, 45))
# How strong the mark is where the relief hides it; how far the head of its pin rises
# above what hides it, as a share of the height.
PALE, PIN = 0.6, 0.07
# The share of the width that the name of a horizontal axis may take.
ALONG = 0.6
# Degrees above which an upright axis has room for that many labels.
STEEP, FEW = 45.0, 4


def single(scene: Scene, look: Look) -> Figure:
    """The relief and its colour bar."""
    right = 1.0 + extra(scene.views_as(Relief)[0].field.z_ticks, look)
    around = Around(0.08, beside(look, right, 0.08), below=0.1)
    # Without axes the relief may fill a sheet of any shape.
    figure, place = sheet_of(scene, look, 5.4, 4.2, around, rigid=look.has(AXES))
    draw_relief(paper.place(figure, place.left, place.bottom, place.wide, place.tall, projection="3d"), scene, look)
    if look.has(BAR):
        share, em = place.tall / 4.2, look.em
        low, high = place.bottom + 0.8 * share, place.bottom + place.tall - 0.7 * share
        _bar(figure, scene, look, Place(place.left + place.wide + 0.12 * em, low, 0.15 * em, high - low))
    return figure


def into(axes: Axes3D, scene: Scene, look: Look) -> None:
    """The relief in axes of the user's, and its colour bar beside it."""
    draw_relief(axes, scene, look, fitted=False)
    if look.has(BAR):
        field = scene.views_as(Relief)[0].field
        where = {"ax": axes, "fraction": 0.04, "pad": 0.08, "shrink": 0.7}
        color_bar(axes.figure, where, field, look, mapping_of(field, field.colors), field.z_ticks)


def _panel(figure: Figure, scene: Scene, look: Look, place: Place, sides: Sides) -> None:
    """One of many has no letters, which would leave little of the relief: the bar says how high it is, the facts how wide."""
    axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall, projection="3d")
    draw_relief(axes, scene, look, lettered=not sides.small)


def _panels_bar(figure: Figure, scene: Scene, look: Look, place: Place) -> None:
    """Where it stands, shorter than the panels, which have air above and below the relief."""
    air = min(0.5, 0.15 * place.tall) if place.tall > place.wide else 0.0
    _bar(figure, scene, look, Place(place.left, place.bottom + air, place.wide, place.tall - 1.4 * air))


def _bar(figure: Figure, scene: Scene, look: Look, place: Place) -> None:
    field = scene.views_as(Relief)[0].field
    axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall)
    color_bar(figure, {"cax": axes}, field, look, mapping_of(field, field.colors), field.z_ticks)


def _measures(panels: Sequence[Scene], look: Look) -> Measures:
    wider = extra(panels[0].views_as(Relief)[0].field.z_ticks, look)
    return Measures(4.0, 3.3, left=0.15, gap=0.3, right=0.15, under=0.34, bar=beside(look, 0.9 + wider, 0.0))


def draw_relief(axes: Axes3D, scene: Scene, look: Look, *, fitted: bool = True, lettered: bool = True) -> None:
    """The first view of a scene; `fitted`: as large as the axes allow; `lettered`: with words and numbers on its box."""
    view = scene.views_as(Relief)[0]
    field = view.field
    if look.floor:
        scene = replace(scene, camera=view.above_floor(scene.camera))
    dress(axes, scene, field, look)
    if not lettered:
        axes.set(xlabel="", ylabel="", zlabel="", xticklabels=[], yticklabels=[], zticklabels=[])
    if look.floor:
        _draw_floor(axes, view, look)
    if fitted:
        fit(axes, scene.camera, field, look)
    tiles, colors = painted_tiles(field)
    if len(tiles):
        # Hard edges: see paper.save. Forty thousand tiles would make a slow PDF, so they are pixels there too.
        style = {"edgecolors": "none", "linewidths": 0, "antialiaseds": False, "rasterized": True, "clip_on": False}
        axes.add_collection3d(Poly3DCollection(tiles, facecolors=colors, zorder=2, **style))
    x, y, z = field.dots.T
    axes.plot(x, y, z, ".", ms=2.2, mew=0, color=LIGHT.ink, zorder=4)
    for trace in field.traces:
        draw_trace(axes, trace, field, look)


def _draw_floor(axes: Axes3D, view: Relief, look: Look) -> None:
    """The contour lines of the field in the plane below the relief, where the box then ends."""
    field, mesh = view.field, view.field.mesh
    axes.set_zlim(view.floor, field.z_range[1])
    if not len(field.levels) or not np.isfinite(mesh.z).any():
        return
    colors = field.night_colors if look.palette.dark else field.line_colors
    norm, shades = mapping_of(field, colors)
    axes.contour(
        mesh.x, mesh.y, np.ma.masked_invalid(mesh.z), levels=field.level_ticks.heights, zdir="z", offset=view.floor,
        norm=norm, cmap=shades, linewidths=0.9 * look.stroke, linestyles="solid", corner_mask=False, zorder=1,
    )  # fmt: skip


def painted_tiles(field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Corners (n, 4, 3) and colours (n, 4) of the tiles."""
    tiles, colors = tiles_of(field.mesh, field.scale, field.colors)
    return tiles, np.column_stack([colors, np.ones(len(colors))])


def draw_trace(axes: Axes3D, trace: Trace, field: Field, look: Look) -> None:
    """A path or named nets, lifted a little off the relief; the centre where nothing hides it."""
    seen = np.isfinite(trace.z)
    if not seen.any():
        return
    lift = 0.012 * (field.scale.high - field.scale.low)
    if trace.kind == "center":
        within = (field.scale.low <= trace.z) & (trace.z <= field.scale.high)
        if within.all():
            _draw_center(axes, trace, field, lift)
        return
    x, y, z = trace.x[seen], trace.y[seen], trace.z[seen] + lift
    style: dict[str, Any] = (
        {"marker": "o", "ms": 2.6, "lw": 1.2} if trace.kind == "path"
        else {"ls": "--", "lw": 1.1} if trace.kind == "outline"
        else {"marker": "o", "ms": 4.5, "lw": 0}
    )  # fmt: skip
    color = trace.color or LIGHT.ink  # on the relief, whatever its ground
    axes.plot(x, y, z, color=color, mec=LIGHT.ground, mew=0.4, zorder=5, **style)
    for a, b, c, label in zip(x, y, z, np.array(trace.labels)[seen] if trace.labels else (), strict=False):
        written = axes.text(
            a, b, c + 2 * lift, str(label), fontsize=look.letters.tick, color=color, zorder=6, parse_math=False
        )
        written.set_path_effects([withStroke(linewidth=2.2, foreground=LIGHT.ground, alpha=0.8)])  # on dark colours too


def _draw_center(axes: Axes3D, trace: Trace, field: Field, lift: float) -> None:
    """A cross; behind a ridge a paler one, seen through it, with a pin that rises from it until it is seen."""
    (x,), (y,), (z,) = trace.x, trace.y, trace.z + lift
    hidden = not in_sight(field.mesh, field.mesh.camera, trace.x, trace.y, trace.z + lift).all()
    # Dark on light ground and light on dark: the rim shows where the cross does not.
    for color, width, order in ((LIGHT.ground, 3.0, 4.9), (LIGHT.ink, 1.3, 5.0)):
        axes.plot([x], [y], [z], "+", color=color, ms=8, mew=width, zorder=order, alpha=PALE if hidden else 1.0)
    if not hidden:
        return
    ridge = height_in_sight(field.mesh, field.mesh.camera, float(x), float(y), float(z))
    head = ridge + PIN * (field.scale.high - field.scale.low)
    for color, width, order in ((LIGHT.ground, 2.4, 4.9), (LIGHT.ink, 1.0, 5.0)):
        axes.plot([x, x], [y, y], [z, ridge], color=color, lw=width, ls=(0, (2.5, 1.5)), zorder=order, alpha=PALE)
        axes.plot([x, x], [y, y], [ridge, head], color=color, lw=width, zorder=order)
    axes.plot([x], [y], [head], "o", color=LIGHT.ink, mec=LIGHT.ground, ms=5, mew=0.8, zorder=5.1)


def dress(axes: Axes3D, scene: Scene, field: Field, look: Look) -> None:
    """The viewpoint, and the axes with the heights of a field."""
    frame, camera, letters, palette = scene.frame, scene.camera, look.letters, look.palette
    axes.computed_zorder = False
    axes.set_proj_type("persp", focal_length=1.6)
    axes.view_init(elev=camera.elevation, azim=camera.azimuth)
    axes.set_box_aspect(camera.box, zoom=1.08)
    axes.set(xlim=frame.x_range, ylim=frame.y_range, zlim=field.z_range)
    if not look.has(AXES):
        axes.set_axis_off()
        return
    for axis, ends, label in ((axes.xaxis, frame.x_range, frame.x_label), (axes.yaxis, frame.y_range, frame.y_label)):
        room = ALONG * paper.inches(axes)[0]
        text, size = paper.fitted(paper.number(axis, ends, label), letters.label, letters.foot, room)
        axis.labelpad = 2
        axis.set_label_text(text, fontsize=size, color=palette.ink, parse_math=False)
    # Seen from high above, the upright axis is short.
    every = 2 if (camera.elevation > STEEP or look.floor) and len(field.z_ticks.labels) > FEW else 1
    axes.set_zticks(list(field.z_ticks.heights)[::every], labels=list(field.z_ticks.labels)[::every])
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color(to_rgba(palette.wall))
        axis.line.set(color=palette.faint, linewidth=0.6)
        axis._axinfo["grid"].update(color=palette.line, linewidth=0.5)
        # Labels are centred on their place: long ones would reach into the relief.
        pad = 36 * look.em * extra(field.z_ticks, look) if axis is axes.zaxis else 0.0
        axis.set_tick_params(labelsize=letters.tick, pad=pad, color=palette.faint, labelcolor=palette.ink)
    # Two ends meet in the nearest corner, which has room for one label; from the usual side they are the upper one of x and the
    # lower one of y.
    # On the way around, the same labels stay, whichever corner is near.
    usual = -90 < camera.azimuth < 0 and not camera.turns
    for axis, pruned in ((axes.xaxis, None if usual else "both"), (axes.yaxis, "lower" if usual else "both")):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10], prune=pruned))


def fit(axes: Axes3D, camera: Camera, field: Field, look: Look) -> None:
    """Makes the box as large as its axes allow with the letters around it, and centres what is seen.

    How far letters reach beyond the box depends on the viewpoint and on sizes, so it is measured. Of a box that turns, what is
    seen on the whole way counts: a size for each frame would come and go.
    """
    room, zoom = axes.bbox.frozen(), 1.0
    seen, azimuths = room, AROUND if camera.turns else (camera.azimuth,)
    for _ in range(FITTINGS):
        axes.set_box_aspect(camera.box, zoom=zoom)
        axes.apply_aspect()
        seen = Bbox.union([_seen_from(axes, camera, azimuth, field, look) for azimuth in azimuths])
        zoom = float(np.clip(zoom * min(room.width / seen.width, room.height / seen.height), 0.2, 3.0))
    right, up = (room.x0 + room.x1 - seen.x0 - seen.x1) / 2, (room.y0 + room.y1 - seen.y0 - seen.y1) / 2
    place, sheet = axes.get_position(), axes.figure.bbox
    axes.set_position((place.x0 + right / sheet.width, place.y0 + up / sheet.height, place.width, place.height))
    axes.view_init(elev=camera.elevation, azim=camera.azimuth)


def _seen_from(axes: Axes3D, camera: Camera, azimuth: float, field: Field, look: Look) -> Bbox:
    axes.view_init(elev=camera.elevation, azim=azimuth)
    axes.M = axes.get_proj()  # what its axes place their letters by, set by drawing otherwise
    axes.invM = np.linalg.inv(axes.M)
    return _seen(axes, field, lettered=look.has(AXES))


def _seen(axes: Axes3D, field: Field, *, lettered: bool) -> Bbox:
    """What the box with its letters, or the relief alone, covers of the sheet, in pixels."""
    x, y = np.meshgrid(field.mesh.x, field.mesh.y)
    points = np.stack([x, y, field.mesh.z], axis=-1)[np.isfinite(field.mesh.z)]
    if lettered or not len(points):
        ends = (axes.get_xlim(), axes.get_ylim(), axes.get_zlim())
        points = np.stack(np.meshgrid(*ends), axis=-1).reshape(-1, 3)
    flat = axes.transData.transform(np.column_stack(proj_transform(*points.T, axes.M)[:2]))
    boxes = [Bbox([flat.min(axis=0), flat.max(axis=0)])]
    if lettered:
        renderer = axes.figure.canvas.get_renderer()
        boxes += [axis.get_tightbbox(renderer) for axis in (axes.xaxis, axes.yaxis, axes.zaxis)]
    return Bbox.union(boxes)


PAINTER = Painter(
    single, PanelPainter(_measures, _panel, bar=_panels_bar, across=False, wide=True), into, projection="3d", bare=True
)
