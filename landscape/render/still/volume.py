"""A volume on paper: three slices through the net, and its isosurfaces.

Owns: the drawing of a `Volume`. Decides nothing: levels, colours, light and slices are the scene's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from mpl_toolkits.mplot3d.axes3d import Axes3D

from landscape.render.still import flat, paper
from landscape.render.still.bars import extra
from landscape.render.still.painter import Around, Painter, Place, beside, sheet_of
from landscape.scene.look import Look
from landscape.scene.scene import Scene
from landscape.scene.views.volume import Slice, Volume

# Inches that a panel gives its letters, at their usual size, and the picture of a free sheet.
SIDE, BETWEEN, ROWS, WIDE = 0.55, 0.5, 0.72, 6.0
# What the axes of a box reach beyond their share of the sheet: matplotlib leaves air around it.
AIR = 0.16


def single(scene: Scene, look: Look) -> Figure:
    """Two rows of two panels and one colour bar."""
    view, em = scene.views_as(Volume)[0], look.em
    first = _plane(view.slices[0])
    right = 1.15 + extra(view.slices[0].flat.field.bar_ticks, look)
    around = Around(SIDE, beside(look, right, 0.2), below=0.5, above=0.2)
    figure, place = sheet_of(scene, look, WIDE, WIDE - 0.2, around, rigid=False)
    wide, tall = (place.wide - BETWEEN * em) / 2, (place.tall - ROWS * em) / 2
    for number, each in enumerate(view.slices):
        left, bottom = _corner(place, number, wide, tall, em)
        _draw_slice(figure, each, look, Place(left, bottom, wide, tall))
    left, bottom = _corner(place, 3, wide, tall, em)
    room = AIR * em
    axes = paper.place(figure, left - room, bottom - 2 * room, wide + 2 * room, tall + 3 * room, projection="3d")
    _draw_shells(axes, scene, view, look)
    flat.draw_bar(figure, first, look, Place(place.left + place.wide + 0.3 * em, place.bottom, 0.16 * em, place.tall))
    return figure


def _corner(place: Place, number: int, wide: float, tall: float, em: float) -> tuple[float, float]:
    row, column = divmod(number, 2)
    return place.left + column * (wide + BETWEEN * em), place.bottom + (1 - row) * (tall + ROWS * em)


def _plane(each: Slice) -> Scene:
    return Scene(each.frame, (each.flat,))


def _draw_slice(figure: Figure, each: Slice, look: Look, place: Place) -> None:
    axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall)
    flat.draw_flat(axes, _plane(each), look)
    paper.heading(
        figure, look, each.name, place.left + place.wide / 2, place.bottom + place.tall + 0.08 * look.em, place.wide,
        look.letters.label,
    )  # fmt: skip


def _draw_shells(axes: Axes3D, scene: Scene, view: Volume, look: Look) -> None:
    """All triangles in one collection, so that matplotlib sorts them by depth together."""
    _dress(axes, scene, view, look)
    shells = [shell for shell in view.shells if len(shell.triangles)]
    if not shells:
        return
    faces = [np.column_stack([shell.colors, np.full(len(shell.colors), shell.opacity)]) for shell in shells]
    style: dict[str, Any] = {"edgecolors": "none", "linewidths": 0, "antialiaseds": False, "rasterized": True}
    triangles = np.concatenate([shell.triangles for shell in shells])
    axes.add_collection3d(Poly3DCollection(triangles, facecolors=np.concatenate(faces), zorder=2, **style))


def _dress(axes: Axes3D, scene: Scene, view: Volume, look: Look) -> None:
    camera, letters, palette = scene.camera, look.letters, look.palette
    axes.computed_zorder = False
    axes.set_proj_type("persp", focal_length=1.6)
    axes.view_init(elev=camera.elevation, azim=camera.azimuth)
    axes.set_box_aspect(camera.box, zoom=0.98)
    x, y, z = view.axes
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), zlim=(z[0], z[-1]))
    for axis, name in zip((axes.xaxis, axes.yaxis, axes.zaxis), view.names, strict=True):
        axis.set_label_text(name, fontsize=letters.label, color=palette.ink)
        axis.labelpad = -8
        axis.set_pane_color(to_rgba(palette.wall))
        axis.line.set(color=palette.faint, linewidth=0.6)
        axis._axinfo["grid"].update(color=palette.line, linewidth=0.5)
        axis.set_tick_params(labelsize=letters.tick, pad=-3, color=palette.faint, labelcolor=palette.ink)
        axis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10], prune="both"))


PAINTER = Painter(single)
