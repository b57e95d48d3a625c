"""Contours, filled contours and heat maps seen from above, on matplotlib axes.

Owns: the drawing of a `Field` in the plane. Decides nothing: levels, ranges, colours and label places are the
scene's.
"""

from __future__ import annotations

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap, ListedColormap, Normalize
from matplotlib.patches import Patch

from landscape.render import paper
from landscape.scene.scene import DRAWN, HOLE_NAMES, Field, Frame, Scene, Trace

# Kinds whose cells are centred on the points.
CELLS = ("heatmap", "ratio")
# Widths of lines over cells and of their rim, and how much of that covers the cells.
OVER, RIM, VEIL = 0.75, 1.7, 0.5
_HOLES = {1: ("#dcdcdc", "//////"), 2: ("#f1f1f1", None), 3: ("#d9c9c9", "xxxx")}


def draw_flat(axes: Axes, scene: Scene) -> None:
    """The first field of a scene."""
    field = scene.fields[0]
    _frame(axes, scene.frame)
    _PAINTERS[scene.kind](axes, field)
    _holes(axes, field, cells=scene.kind in CELLS)
    if scene.contours:
        _lines_over(axes, scene.contours, *field.ink)
    for trace in field.traces:
        _trace(axes, trace)


def draw_overlay(axes: Axes, scene: Scene) -> None:
    """The contour lines of both layers of the first overlay, the first solid and the second dashed."""
    layers = scene.overlays[0].layers
    _frame(axes, scene.frame)
    for layer in layers:
        _contour(axes, layer.field, dashes=paper.DASHES if layer.dashed else "solid", halo=True)
    _holes(axes, layers[0].field, cells=False)
    for trace in layers[0].field.traces:
        _trace(axes, trace)


def color_map(colors: tuple[str, ...]) -> LinearSegmentedColormap:
    """A continuous map through equidistant colours."""
    return LinearSegmentedColormap.from_list("landscape", list(colors), N=512)


def color_bar(figure, axes: Axes, field: Field, kind: str) -> None:
    """The colours beside their values; an empty field has none."""
    if not len(field.z_ticks.heights) and not len(field.levels):
        axes.set_axis_off()
        return
    ends = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    extend = ends[(field.scale.below, field.scale.above)]
    mappable = ScalarMappable(*_mapping(field, kind))
    options = {"spacing": "proportional"} if kind == "filled" else {}
    bar = figure.colorbar(mappable, cax=axes, extend=extend, extendfrac=0.035, **options)
    ticks = field.bar_ticks if len(field.bar_ticks.labels) > 1 and kind != "surface" else field.z_ticks
    bar.set_ticks(list(ticks.heights), labels=list(ticks.labels))
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=paper.TICK, length=2.5, width=0.6, color=paper.SOFT, labelcolor=paper.INK)
    bar.outline.set_linewidth(0.5)
    bar.set_label(field.label, fontsize=paper.LABEL, color=paper.INK, labelpad=7, parse_math=False)


def _trace(axes: Axes, trace: Trace) -> None:
    """A path, named nets or the centre, with a halo that shows on dark colours."""
    halo = [patheffects.withStroke(linewidth=2.6, foreground="white", alpha=0.9)]
    if trace.kind == "center":
        axes.plot(trace.x, trace.y, "+", color=paper.INK, ms=8, mew=1.3, zorder=6, path_effects=halo)
        return
    style = {"marker": "o", "ms": 3.0, "lw": 1.1} if trace.kind == "path" else {"marker": "o", "ms": 5.0, "lw": 0}
    axes.plot(trace.x, trace.y, color=paper.INK, mec="white", mew=0.5, zorder=6, **style)
    for x, y, label in zip(trace.x, trace.y, trace.labels, strict=False):
        axes.annotate(
            label, (x, y), (5, 5), textcoords="offset points", fontsize=paper.TICK, color=paper.INK, zorder=7,
            path_effects=halo, parse_math=False,
        )  # fmt: skip


def _frame(axes: Axes, frame: Frame) -> None:
    axes.set_xlim(frame.x_range)
    axes.set_ylim(frame.y_range)
    axes.set_xlabel(frame.x_label, fontsize=paper.LABEL, color=paper.INK, parse_math=False)
    axes.set_ylabel(frame.y_label, fontsize=paper.LABEL, color=paper.INK, parse_math=False)
    axes.tick_params(labelsize=paper.TICK, length=3, width=0.6, color=paper.SOFT, labelcolor=paper.INK)
    axes.locator_params(nbins=6)
    for spine in axes.spines.values():
        spine.set(linewidth=0.7, color=paper.SOFT)


def _mapping(field: Field, kind: str):
    """(norm, colour map) of the colour bar."""
    if kind == "filled":
        edges = _band_edges(field)
        return BoundaryNorm(edges, len(edges) - 1), ListedColormap(_band_colors(field, edges))
    colors = {"contour": field.line_colors, "surface": field.relief_colors}.get(kind, field.colors)
    return Normalize(field.scale.low, field.scale.high), color_map(colors)


def _band_edges(field: Field) -> np.ndarray:
    inner = field.level_ticks.heights
    inner = inner[(inner > field.scale.low) & (inner < field.scale.high)]
    return np.concatenate([[field.scale.low], inner, [field.scale.high]])


def _band_colors(field: Field, edges: np.ndarray):
    middle = (edges[:-1] + edges[1:]) / 2
    return color_map(field.colors)((middle - field.scale.low) / (field.scale.high - field.scale.low))


def _contour(axes: Axes, field: Field, *, dashes="solid", halo: bool = False) -> None:
    mesh, levels = field.mesh, field.level_ticks.heights
    if not len(levels) or not np.isfinite(mesh.z).any():
        return
    norm, colors = _mapping(field, "contour")
    drawn = axes.contour(
        mesh.x, mesh.y, np.ma.masked_invalid(mesh.z), levels=levels, norm=norm, cmap=colors, linewidths=1.1,
        linestyles=[dashes], corner_mask=False,
    )  # fmt: skip
    for text in _labels(axes, field, drawn):
        if halo:
            # The lines of the other layer run through the gap too.
            text.set(zorder=5, path_effects=[patheffects.withStroke(linewidth=2.2, foreground="white")])


def _filled(axes: Axes, field: Field) -> None:
    mesh, edges = field.mesh, _band_edges(field)
    if not np.isfinite(mesh.z).any():
        return
    z = np.ma.masked_invalid(mesh.z)
    # The lowest and highest point belong to the outer bands.
    bounds = np.concatenate([[edges[0] - 1], edges[1:-1], [edges[-1] + 1]])
    colors = _band_colors(field, edges)
    axes.contourf(mesh.x, mesh.y, z, levels=bounds, colors=colors, corner_mask=False, antialiased=True)
    if len(field.levels):
        lines = axes.contour(
            mesh.x, mesh.y, z, levels=field.level_ticks.heights, colors="white", linewidths=0.45, alpha=0.75,
            linestyles="solid", corner_mask=False,
        )  # fmt: skip
        for text in _labels(axes, field, lines, inline=False):
            text.set(color=paper.INK, path_effects=[patheffects.withStroke(linewidth=1.6, foreground="white")])


def _heatmap(axes: Axes, field: Field) -> None:
    norm, colors = _mapping(field, "heatmap")
    heights = np.ma.masked_invalid(field.heights)
    axes.pcolormesh(field.x_edges, field.y_edges, heights, norm=norm, cmap=colors, rasterized=heights.size > 20_000)


def _lines_over(axes: Axes, field: Field, ink: str, rim: str) -> None:
    """Thin contour lines with their numbers, over a map of another metric."""
    if not len(field.levels) or not np.isfinite(field.mesh.z).any():
        return
    lines = axes.contour(
        field.mesh.x, field.mesh.y, np.ma.masked_invalid(field.mesh.z), levels=field.level_ticks.heights,
        colors=ink, linewidths=OVER, linestyles="solid", corner_mask=False, zorder=3,
    )  # fmt: skip
    lines.set_path_effects([patheffects.Stroke(linewidth=RIM, foreground=rim, alpha=VEIL), patheffects.Normal()])
    for text in _labels(axes, field, lines):
        text.set(zorder=5, path_effects=[patheffects.withStroke(linewidth=RIM, foreground=rim, alpha=0.75)])


def _labels(axes: Axes, field: Field, lines, *, inline: bool = True) -> list:
    """Numbers in the lines, at the places the scene chose."""
    if not len(field.label_points):
        return []
    names = dict(zip(map(float, lines.levels), field.level_ticks.labels, strict=False))
    places = [tuple(point) for point in field.label_points[:, :2]]
    texts = axes.clabel(
        lines, levels=lines.levels, inline=inline, inline_spacing=3, fontsize=7, fmt=names, manual=places,
    )  # fmt: skip
    for text in texts:
        text.set_clip_on(True)
    return list(texts)


def _holes(axes: Axes, field: Field, *, cells: bool) -> None:
    """Grey where nothing is drawn, named in a legend."""
    codes = field.holes if cells else field.hole_cells
    x, y = (field.x_edges, field.y_edges) if cells else (field.x, field.y)
    entries = []
    for code in np.unique(codes[codes != DRAWN]):
        color, hatch = _HOLES[int(code)]
        rows, columns = np.nonzero(codes == code)
        left, right, low, high = x[columns], x[columns + 1], y[rows], y[rows + 1]
        corners = np.stack([left, low, right, low, right, high, left, high], axis=1).reshape(-1, 4, 2)
        style = {"facecolor": color, "hatch": hatch, "edgecolor": "#a9a9a9" if hatch else color, "linewidth": 0.0}
        axes.add_collection(PolyCollection(corners, zorder=1.5, **style), autolim=False)
        entries.append(Patch(label=HOLE_NAMES[int(code)], **style))
    if entries:
        axes.legend(handles=entries, loc="upper right", fontsize=7, framealpha=0.92, edgecolor="none", handlelength=1.6)


_PAINTERS = {"contour": _contour, "filled": _filled, "heatmap": _heatmap, "ratio": _heatmap}
