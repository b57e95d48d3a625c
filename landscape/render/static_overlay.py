"""Two reliefs over each other in three dimensions, on matplotlib axes.

Owns: the drawing of an `Overlay`: tiles of the closed sheet, tiles of the veil, and the wires on it, sorted by depth
together, so that each hides what lies behind it.
"""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from mpl_toolkits.mplot3d.axes3d import Axes3D

from landscape.render import paper
from landscape.render.static_relief import draw_trace, dress, tiles_of
from landscape.scene.scene import Layer, Scene

WIRE = 0.65
# Wires are sorted as if they were nearer to the eye by this share of the distance: the tiles beside them do not cut them.
NEARER = 0.0012


def draw_relief_overlay(axes: Axes3D, scene: Scene) -> None:
    """The first overlay of a scene."""
    layers = scene.overlays[0].layers
    dress(axes, scene, layers[0].field)
    axes.set_zlabel(scene.overlays[0].label, fontsize=paper.LABEL, labelpad=6, parse_math=False)
    axes.tick_params(axis="z", pad=3)
    eye = _eye(axes)
    shapes, faces, edges = [], [], []
    for layer in layers:
        tiles, colors = tiles_of(layer.field)
        wires = _wires(layer)
        wires = wires + NEARER * (eye - wires)
        colors[:, 3] = layer.opacity
        shapes += [*tiles, *wires]
        faces += [colors, np.zeros((len(wires), 4))]
        edges += [np.zeros((len(tiles), 4)), np.tile(to_rgba(layer.color), (len(wires), 1))]
    if shapes:
        style = {"facecolors": np.concatenate(faces), "edgecolors": np.concatenate(edges)}
        # As in static_relief.py: hard edges, and pixels also in a PDF.
        # One width for all, since matplotlib sorts colours by depth but not widths; the edges of tiles are transparent.
        options = {"linewidths": WIRE, "antialiaseds": False, "rasterized": True, "zorder": 2}
        axes.add_collection3d(Poly3DCollection(shapes, **style, **options))
    for trace in layers[0].field.traces:
        draw_trace(axes, trace, layers[0].field)


def draw_layer_legend(figure: Figure, layers: tuple[Layer, ...], x: float, y: float, *, relief: bool = False) -> None:
    """One row that names the layers as lines, or as what they are in a relief, centred at a place in inches."""
    across, up = figure.get_size_inches()
    figure.legend(
        handles=[_solid(layer) if relief else _line(layer) for layer in layers], loc="center",
        bbox_to_anchor=(x / across, y / up), ncols=len(layers), fontsize=paper.TICK, frameon=False, handlelength=2.6,
        columnspacing=1.4, borderpad=0,
    )  # fmt: skip


def _line(layer: Layer) -> Line2D:
    return Line2D([], [], color=layer.color, lw=1.5, ls=paper.DASHES if layer.dashed else "-", label=layer.label)


def _solid(layer: Layer) -> Patch:
    """A piece of the sheet; of wires, hatched as they cross."""
    wired = len(layer.wire_rows) > 0
    face = to_rgba(layer.field.relief_colors[0], layer.opacity)
    edge = {"edgecolor": layer.color, "hatch": "+++", "linewidth": WIRE} if wired else {"edgecolor": "none"}
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
