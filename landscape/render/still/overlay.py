"""Two metrics over each other on matplotlib axes: contour lines seen from above, or two reliefs.

Owns: the drawing of an `Overlay`: as lines, solid and dashed; as reliefs, tiles of the closed sheet and the wires of the other
layer, sorted by depth together, so that each hides what lies behind it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from mpl_toolkits.mplot3d.axes3d import Axes3D

from landscape.options.looks import AXES, LEGEND
from landscape.render.still import flat, marks, paper
from landscape.render.still.painter import Around, Painter, sheet_of
from landscape.render.still.relief import draw_trace, dress, fit, painted_tiles
from landscape.scene.look import Look
from landscape.scene.scene import Scene
from landscape.scene.views.field import Field
from landscape.scene.views.overlay import Layer, Overlay

WIRE = 0.65
# Wires are sorted as if they were nearer to the eye by this share of the distance: the tiles beside them do not cut them.
NEARER = 0.0012


def single(scene: Scene, look: Look) -> Figure:
    """The overlay as the scene wants it."""
    return _reliefs(scene, look) if scene.views_as(Overlay)[0].relief else _lines(scene, look)


def _lines(scene: Scene, look: Look) -> Figure:
    """Lines of two colours need no colour bar, but a legend."""
    around = Around(0.72, 0.3, below=0.8 if look.has(LEGEND) else 0.52)
    figure, place = sheet_of(scene, look, *paper.box(scene.frame, 4.3), around)
    draw_lines(paper.place(figure, place.left, place.bottom, place.wide, place.tall), scene, look)
    middle, low = place.left + place.wide / 2, place.bottom - 0.63 * look.em
    draw_layer_legend(figure, scene.views_as(Overlay)[0].layers, look, middle, low)
    return figure


def _reliefs(scene: Scene, look: Look) -> Figure:
    figure, place = sheet_of(scene, look, 5.6, 4.3, Around(0.0, 0.4, below=0.5))
    draw_reliefs(paper.place(figure, place.left, place.bottom, place.wide, place.tall, projection="3d"), scene, look)
    middle, low = place.left + place.wide / 2 + 0.1 * look.em, place.bottom - 0.3 * look.em
    draw_layer_legend(figure, scene.views_as(Overlay)[0].layers, look, middle, low, relief=True)
    return figure


def draw_lines(axes: Axes, scene: Scene, look: Look) -> None:
    """The contour lines of both layers of the first view, the first solid and the second dashed."""
    layers = scene.views_as(Overlay)[0].layers
    flat.draw_frame(axes, scene.frame, look)
    for layer in layers:
        flat.draw_contour(axes, _shown(layer, look), look, dashes=paper.DASHES if layer.dashed else "solid", halo=True)
    flat.draw_holes(axes, layers[0].field, look, cells=False)
    flat.draw_dots(axes, layers[0].field, look)
    for trace in layers[0].field.traces:
        marks.draw_trace(axes, trace, look)


def _shown(layer: Layer, look: Look) -> Field:
    """A layer's lines have the colour of the layer, also on a dark ground."""
    return replace(layer.field, night_colors=tuple(look.shown(color) for color in layer.field.line_colors))


def draw_reliefs(axes: Axes3D, scene: Scene, look: Look) -> None:
    """Both layers of the first view as reliefs."""
    view = scene.views_as(Overlay)[0]
    layers = view.layers
    dress(axes, scene, layers[0].field, look)
    if look.has(AXES):
        axes.set_zlabel(view.label, fontsize=look.letters.label, color=look.palette.ink, labelpad=6, parse_math=False)
    axes.tick_params(axis="z", pad=3)
    fit(axes, scene.camera, layers[0].field, look)
    eye = _eye(axes)
    shapes: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    edges: list[np.ndarray] = []
    for layer in layers:
        tiles, colors = painted_tiles(layer.field)
        if layer.opacity < 1:  # tiles that let light through show the seams between them; the wires say enough
            tiles, colors = tiles[:0], colors[:0]
        wires = _wires(layer)
        wires = wires + NEARER * (eye - wires)
        shapes += [*tiles, *wires]
        faces += [colors, np.zeros((len(wires), 4))]
        edges += [np.zeros((len(tiles), 4)), np.tile(to_rgba(layer.color), (len(wires), 1))]
    if shapes:
        style = {"facecolors": np.concatenate(faces), "edgecolors": np.concatenate(edges)}
        # As in relief.py: hard edges, and pixels also in a PDF.
        # One width for all, since matplotlib sorts colours by depth but not widths; the edges of tiles are transparent.
        options: dict[str, Any] = {
            "linewidths": WIRE,
            "antialiaseds": False,
            "rasterized": True,
            "clip_on": False,
            "zorder": 2,
        }
        axes.add_collection3d(Poly3DCollection(shapes, **style, **options))
    for trace in layers[0].field.traces:
        draw_trace(axes, trace, layers[0].field, look)


def draw_layer_legend(
    figure: Figure, layers: tuple[Layer, ...], look: Look, x: float, y: float, *, relief: bool = False
) -> None:
    """One row that names the layers as lines, or as what they are in a relief, centred at a place in inches."""
    if not look.has(LEGEND):
        return
    across, up = figure.get_size_inches()
    figure.legend(
        handles=[_solid(layer) if relief else _line(layer, look) for layer in layers], loc="center",
        bbox_to_anchor=(x / across, y / up), ncols=len(layers), fontsize=look.letters.tick, frameon=False,
        handlelength=2.6, columnspacing=1.4, borderpad=0, labelcolor=look.palette.ink,
    )  # fmt: skip


def _line(layer: Layer, look: Look) -> Line2D:
    return Line2D(
        [],
        [],
        color=look.shown(layer.color),
        lw=1.5 * look.stroke,
        ls=paper.DASHES if layer.dashed else "-",
        label=layer.label,
    )


def _solid(layer: Layer) -> Patch:
    """A piece of the sheet; of wires, hatched as they cross."""
    wired = len(layer.wire_rows) > 0
    face = "none" if wired else layer.field.colors[0]
    edge: dict[str, Any] = (
        {"edgecolor": layer.color, "hatch": "+++", "linewidth": WIRE} if wired else {"edgecolor": "none"}
    )
    return Patch(facecolor=face, label=layer.label, **edge)


def _eye(axes: Axes3D) -> np.ndarray:
    """(3,) the eye in the coordinates of the data: the one point that the projection sends nowhere."""
    matrix = axes.get_proj()[[0, 1, 3]]
    return np.linalg.solve(matrix[:, :3], -matrix[:, 3])


def _wires(layer: Layer) -> np.ndarray:
    """(n, 3, 3): each piece of a wire between two mesh points as a polygon without area."""
    mesh = layer.field.mesh
    x, y = np.meshgrid(mesh.x, mesh.y)
    points = np.stack([x, y, mesh.z], axis=-1)
    along, across = points[layer.wire_rows], points[:, layer.wire_columns].swapaxes(0, 1)
    ends = [np.stack([lines[:, :-1], lines[:, 1:]], axis=2).reshape(-1, 2, 3) for lines in (along, across)]
    pieces = np.concatenate(ends)
    pieces = pieces[np.isfinite(pieces).all(axis=(1, 2))]
    return np.concatenate([pieces, pieces[:, :1]], axis=1)


PAINTER = Painter(single, bare=True)
