"""A volume on paper: three slices through the net, and its isosurfaces.

Owns: the drawing of a `Volume`. Decides nothing: levels, colours, light and slices are the scene's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from mpl_toolkits.mplot3d.axes3d import Axes3D

from landscape.render.still import flat, paper
from landscape.render.still.bars import extra
from landscape.render.still.painter import Around, Painter, Place, beside, sheet_of
from landscape.scene.look import Look
from landscape.scene.scene import Scene
from landscape.scene.views.volume import Volume, VolumeSlice

# Inches that a panel gives its letters, at their usual size, and the picture of a free sheet.
SIDE, BETWEEN, ROWS, WIDE = 0.6, 0.6, 0.72, 6.0
# What the axes of a box reach beyond their share of the sheet: matplotlib leaves air around it.
AIR = 0.16
# Points: closes the gaps that pixels leave between triangles.
SEAM = 0.3
# Inches: a smaller panel has room for few labels.
SMALL = 1.4


def single(scene: Scene, look: Look) -> Figure:
    """Two rows of two panels and one colour bar."""
    view, em = scene.views_as(Volume)[0], look.em
    first = _plane(view.slices[0])
    right = 1.15 + extra(view.slices[0].flat.field.bar_ticks, look)
    around = Around(SIDE, beside(look, right, 0.2), below=0.5, above=0.2)
    across = WIDE if look.width is None else look.width - (around.left + around.right) * em
    side = paper.box(first.frame, 1.0)
    up = (across - BETWEEN * em) * side[1] / side[0] + ROWS * em
    figure, place = sheet_of(scene, look, across, up, around, rigid=False)
    wide, tall = (place.wide - BETWEEN * em) / 2, (place.tall - ROWS * em) / 2
    for number, each in enumerate(view.slices):
        left, bottom = _corner(place, number, wide, tall, em)
        _draw_slice(figure, each, look, Place(left, bottom, wide, tall))
    left, bottom = _corner(place, 3, wide, tall, em)
    room = AIR * em
    axes = paper.place(
        figure, left - 2.4 * room, bottom - 2.0 * room, wide + 2 * room, tall + 2 * room, projection="3d"
    )
    _draw_shells(axes, scene, view, look)
    if view.shells:
        _heading(figure, look, f"at {', '.join(shell.label for shell in view.shells)}", Place(left, bottom, wide, tall))
    flat.draw_bar(figure, first, look, Place(place.left + place.wide + 0.3 * em, place.bottom, 0.16 * em, place.tall))
    return figure


def _corner(place: Place, number: int, wide: float, tall: float, em: float) -> tuple[float, float]:
    row, column = divmod(number, 2)
    return place.left + column * (wide + BETWEEN * em), place.bottom + (1 - row) * (tall + ROWS * em)


def _plane(each: VolumeSlice) -> Scene:
    return Scene(each.frame, (each.flat,))


def _draw_slice(figure: Figure, each: VolumeSlice, look: Look, place: Place) -> None:
    axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall)
    flat.draw_flat(axes, _plane(each), look)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(2 if place.wide < SMALL else 4, steps=[1, 2, 5, 10]))
        if isinstance(axis.get_major_formatter(), ScalarFormatter):  # else its name says what the numbers leave out
            axis.set_major_formatter("{x:g}")
        axis.labelpad = 1
    _heading(figure, look, each.name, place)


def _heading(figure: Figure, look: Look, name: str, place: Place) -> None:
    middle, y = place.left + place.wide / 2, place.bottom + place.tall + 0.08 * look.em
    paper.heading(figure, look, name, middle, y, place.wide + 0.3 * look.em, look.letters.label)


def _draw_shells(axes: Axes3D, scene: Scene, view: Volume, look: Look) -> None:
    """From the innermost outwards, each as a whole: of a shell that lets light through only the side towards the eye is seen."""
    _dress(axes, scene, view, look)
    style: dict[str, Any] = {"linewidths": SEAM, "antialiaseds": False, "rasterized": True}
    for number, shell in enumerate(shell for shell in view.shells if len(shell.triangles)):
        drawn = Poly3DCollection(
            shell.triangles, facecolors=shell.colors, edgecolors=shell.colors, zorder=2 + number / 100, **style
        )
        if shell.opacity < 1:
            drawn.set_agg_filter(_veil(shell.opacity))
        axes.add_collection3d(drawn)


def _veil(opacity: float) -> Callable[[np.ndarray, float], tuple[np.ndarray, float, float]]:
    """A filter of what was drawn (height, width, 4), which lets through what lies behind; matplotlib may apply it twice."""
    return lambda image, dpi: (np.minimum(image, np.array([1, 1, 1, opacity])), 0, 0)


def _dress(axes: Axes3D, scene: Scene, view: Volume, look: Look) -> None:
    camera, letters, palette = scene.camera, look.letters, look.palette
    axes.computed_zorder = False
    axes.set_proj_type("persp", focal_length=1.6)
    axes.view_init(elev=camera.elevation, azim=camera.azimuth)
    axes.set_box_aspect(camera.box, zoom=1.0)
    x, y, z = view.axes
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), zlim=(z[0], z[-1]))
    for axis, name in zip((axes.xaxis, axes.yaxis, axes.zaxis), view.names, strict=True):
        axis.set_label_text(name, fontsize=letters.label, color=palette.ink)
        axis.labelpad = -14 * look.em  # the ticks are those of the slices
        axis.set_pane_color(to_rgba(palette.wall))
        axis.line.set(color=palette.faint, linewidth=0.6)
        axis._axinfo["grid"].update(color=palette.line, linewidth=0.5)
        axis.set_tick_params(color=palette.faint, length=0)
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axis.set_ticklabels([])


PAINTER = Painter(single)
