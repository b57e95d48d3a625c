"""Contours, filled contours and heat maps seen from above, on matplotlib axes.

Owns: the drawing of a `Flat`. Decides nothing: levels, ranges, colours and label places are the scene's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.text import Text

from landscape.render.still import paper
from landscape.render.still.bars import Mapping, color_bar, color_map, mapping_of
from landscape.render.still.beyond import draw_beyond, draw_uncertain
from landscape.render.still.painter import Measures, Painter, PanelPainter, Place, sheet_of
from landscape.scene.holes import DRAWN, HOLE_NAMES
from landscape.scene.scene import Frame, Scene
from landscape.scene.ticks import Ticks
from landscape.scene.views.field import Field
from landscape.scene.views.flat import BANDS, CELLS, LINES, Flat
from landscape.scene.views.traces import Trace

Dashes = str | tuple[float, tuple[float, ...]]
# Widths of lines over cells and of their rim, and how much of that covers the cells.
OVER, RIM, VEIL = 0.75, 1.7, 0.5
# Of a path: more nets than that are a line.
MOST_DOTS = 60
_HOLES = {1: ("#dcdcdc", "//////"), 2: ("#f1f1f1", None), 3: ("#d9c9c9", "xxxx")}


def single(scene: Scene) -> Figure:
    """The plane and its colour bar."""
    side, left, gap, bar, right = 4.3, 0.72, 0.16, 0.16, 0.85
    wide, tall = paper.box(scene.frame, side)
    figure, bottom = sheet_of(scene, left + wide + gap + bar + right, tall, below=0.52, middle=left + wide / 2)
    draw_flat(paper.place(figure, left, bottom, wide, tall), scene)
    draw_bar(figure, scene, Place(left + wide + gap, bottom, bar, tall))
    return figure


def draw_flat(axes: Axes, scene: Scene) -> None:
    """The first view of a scene."""
    view = scene.views_as(Flat)[0]
    draw_frame(axes, scene.frame)
    _PAINTS[view.paint](axes, view.field)
    draw_holes(axes, view.field, cells=view.paint == CELLS)
    draw_beyond(axes, view.field, cells=view.paint == CELLS)
    if view.margin is not None:
        draw_uncertain(axes, view.field, view.margin)
    if view.over:
        _lines_over(axes, view.over, *view.field.ink)
    draw_dots(axes, view.field)
    for trace in view.field.traces:
        draw_trace(axes, trace)


def draw_dots(axes: Axes, field: Field) -> None:
    """The grid points, where the scene marks them."""
    x, y, _ = field.dots.T
    axes.plot(x, y, ".", ms=2.2, mew=0, color=paper.SOFT, zorder=2.5)


def draw_bar(figure: Figure, scene: Scene, place: Place) -> None:
    """The colour bar of the first view."""
    view = scene.views_as(Flat)[0]
    field, axes = view.field, paper.place(figure, place.left, place.bottom, place.wide, place.tall)
    ticks = field.bar_ticks if len(field.bar_ticks.labels) > 1 else field.z_ticks
    color_bar(figure, axes, field, _mapping(view), ticks, bands=view.paint == BANDS)


def _measures(panels: Sequence[Scene]) -> Measures:
    wide, tall = paper.box(panels[0].frame, 3.3)
    return Measures(wide, tall, left=0.72, gap=0.34, right=1.1, under=0.5)


def _panel(figure: Figure, scene: Scene, place: Place, first: bool, last: bool) -> None:
    axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall)
    draw_flat(axes, scene)
    if not first:
        axes.set_ylabel("")
        axes.tick_params(axis="y", labelleft=False)


def _mapping(view: Flat) -> Mapping:
    if view.paint == BANDS:
        edges = _band_edges(view.field)
        return BoundaryNorm(edges, len(edges) - 1), ListedColormap(_band_colors(view.field, edges))
    return mapping_of(view.field, view.field.line_colors if view.paint == LINES else view.field.colors)


def draw_trace(axes: Axes, trace: Trace) -> None:
    """A path, named nets or the centre, with a halo that shows on dark colours."""
    halo = [patheffects.withStroke(linewidth=2.6, foreground="white", alpha=0.9)]
    if trace.kind == "center":
        axes.plot(trace.x, trace.y, "+", color=paper.INK, ms=8, mew=1.3, zorder=6, path_effects=halo)
        return
    color = trace.color or paper.INK
    if trace.kind == "path":
        _path(axes, trace, color)
    else:
        axes.plot(trace.x, trace.y, color=color, marker="o", ms=5.0, lw=0, mec="white", mew=0.5, zorder=6)
    sides = np.ones((len(trace.x), 2)) if trace.sides is None else trace.sides
    for x, y, label, (right, up) in zip(trace.x, trace.y, trace.labels, sides, strict=False):
        if label:
            axes.annotate(
                label, (x, y), (5 * right, 5 * up), textcoords="offset points", fontsize=paper.TICK, color=color, zorder=8,
                path_effects=halo, parse_math=False, ha="left" if right > 0 else "right", va="bottom" if up > 0 else "top",
            )  # fmt: skip


def _path(axes: Axes, trace: Trace, color: str) -> None:
    """From an open circle to a star; a dot for each net as long as they are few enough to be told apart."""
    rim = [patheffects.withStroke(linewidth=2.6, foreground="white", alpha=0.85)]
    axes.plot(trace.x, trace.y, color=color, lw=1.2, zorder=6, path_effects=rim, solid_joinstyle="round")
    if len(trace.x) <= MOST_DOTS:
        axes.plot(trace.x, trace.y, color=color, marker="o", ms=2.6, lw=0, mec="white", mew=0.35, zorder=6.2)
    axes.plot(trace.x[:1], trace.y[:1], color=color, marker="o", ms=5, mfc="white", mew=1.2, zorder=7)
    axes.plot(trace.x[-1:], trace.y[-1:], color=color, marker="*", ms=10, mec="white", mew=0.6, zorder=7)


def draw_frame(axes: Axes, frame: Frame) -> None:
    """The ends and names of both axes."""
    axes.set_xlim(frame.x_range)
    axes.set_ylim(frame.y_range)
    axes.set_xlabel(frame.x_label, fontsize=paper.LABEL, color=paper.INK, parse_math=False)
    axes.set_ylabel(frame.y_label, fontsize=paper.LABEL, color=paper.INK, parse_math=False)
    axes.tick_params(labelsize=paper.TICK, length=3, width=0.6, color=paper.SOFT, labelcolor=paper.INK)
    axes.locator_params(nbins=6)
    for spine in axes.spines.values():
        spine.set(linewidth=0.7, color=paper.SOFT)


def _band_edges(field: Field) -> np.ndarray:
    inner = field.level_ticks.heights
    inner = inner[(inner > field.scale.low) & (inner < field.scale.high)]
    return np.concatenate([[field.scale.low], inner, [field.scale.high]])


def _band_colors(field: Field, edges: np.ndarray) -> np.ndarray:
    middle = (edges[:-1] + edges[1:]) / 2
    return np.asarray(color_map(field.colors)((middle - field.scale.low) / (field.scale.high - field.scale.low)))


def draw_contour(axes: Axes, field: Field, *, dashes: Dashes = "solid", halo: bool = False) -> None:
    """Lines in the colours of their levels."""
    mesh, levels = field.mesh, field.level_ticks.heights
    if not len(levels) or not np.isfinite(mesh.z).any():
        return
    norm, colors = mapping_of(field, field.line_colors)
    drawn = axes.contour(
        mesh.x, mesh.y, np.ma.masked_invalid(mesh.z), levels=levels, norm=norm, cmap=colors, linewidths=1.1,
        linestyles=[dashes], corner_mask=False,
    )  # fmt: skip
    for text in _labels(axes, field, drawn):
        _legible(text, over_lines=halo)
    _extra_lines(axes, field, norm=norm, cmap=colors)


def _extra_lines(axes: Axes, field: Field, **style: Any) -> None:
    """Dashed lines at levels that only this field needs, with their numbers."""
    mesh, ticks = field.mesh, field.extra_ticks
    if not len(ticks.heights):
        return
    drawn = axes.contour(
        mesh.x, mesh.y, np.ma.masked_invalid(mesh.z), levels=ticks.heights, linewidths=0.8, corner_mask=False, **style
    )
    drawn.set_linestyle(paper.DASHES)
    for text in _numbers(axes, drawn, ticks, field.extra_points):
        _legible(text)


def _legible(text: Text, *, over_lines: bool = False) -> None:
    """Dark with a halo; over the lines of another layer, which run through the gap too, in the colour of its own."""
    halo = [patheffects.withStroke(linewidth=2.2, foreground="white")]
    text.set(zorder=5, path_effects=halo, **({} if over_lines else {"color": paper.INK}))


def _filled(axes: Axes, field: Field) -> None:
    mesh, edges = field.mesh, _band_edges(field)
    if not np.isfinite(mesh.z).any():
        return
    z = np.ma.masked_invalid(mesh.z)
    # The lowest and highest point belong to the outer bands, and so does what lies beyond.
    far = 2 * (edges[-1] - edges[0])
    bounds = np.concatenate([[edges[0] - far], edges[1:-1], [edges[-1] + far]])
    colors = _band_colors(field, edges)
    axes.contourf(mesh.x, mesh.y, z, levels=bounds, colors=colors, corner_mask=False, antialiased=True)
    if len(field.levels):
        lines = axes.contour(
            mesh.x, mesh.y, z, levels=field.level_ticks.heights, colors="white", linewidths=0.45, alpha=0.75,
            linestyles="solid", corner_mask=False,
        )  # fmt: skip
        for text in _labels(axes, field, lines, inline=False):
            text.set(color=paper.INK, path_effects=[patheffects.withStroke(linewidth=1.6, foreground="white")])
    _extra_lines(axes, field, colors="white")


def _heatmap(axes: Axes, field: Field) -> None:
    norm, colors = mapping_of(field, field.colors)
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


def _labels(axes: Axes, field: Field, lines: ContourSet, *, inline: bool = True) -> list[Text]:
    """Numbers in the lines, at the places that the scene chose."""
    return _numbers(axes, lines, field.level_ticks, field.label_points, inline=inline)


def _numbers(axes: Axes, lines: ContourSet, ticks: Ticks, points: np.ndarray, *, inline: bool = True) -> list[Text]:
    if not len(points):
        return []
    names = dict(zip(map(float, lines.levels), ticks.labels, strict=False))
    places = [tuple(point) for point in points[:, :2]]
    texts = axes.clabel(
        lines, levels=np.asarray(lines.levels), inline=inline, inline_spacing=3, fontsize=7, fmt=names, manual=places,
    )  # fmt: skip
    for text in texts:
        text.set_clip_on(True)
    return list(texts)


def draw_holes(axes: Axes, field: Field, *, cells: bool) -> None:
    """Grey where nothing is drawn, named in a legend."""
    codes = field.holes if cells else field.hole_cells
    x, y = (field.x_edges, field.y_edges) if cells else (field.x, field.y)
    entries = []
    for code in np.unique(codes[codes != DRAWN]):
        color, hatch = _HOLES[int(code)]
        rows, columns = np.nonzero(codes == code)
        left, right, low, high = x[columns], x[columns + 1], y[rows], y[rows + 1]
        corners = np.stack([left, low, right, low, right, high, left, high], axis=1).reshape(-1, 4, 2)
        style: dict[str, Any] = {
            "facecolor": color,
            "hatch": hatch,
            "edgecolor": "#a9a9a9" if hatch else color,
            "linewidth": 0.0,
        }
        axes.add_collection(PolyCollection(list(corners), zorder=1.5, **style), autolim=False)
        entries.append(Patch(label=HOLE_NAMES[int(code)], **style))
    if entries:
        axes.legend(handles=entries, loc="upper right", fontsize=7, framealpha=0.92, edgecolor="none", handlelength=1.6)


_PAINTS: dict[str, Callable[[Axes, Field], None]] = {LINES: draw_contour, BANDS: _filled, CELLS: _heatmap}
PAINTER = Painter(single, PanelPainter(_measures, _panel, bar=draw_bar))
