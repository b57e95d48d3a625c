"""Contours, filled contours and heat maps seen from above, on matplotlib axes.

Owns: the drawing of a `Flat`. Decides nothing: levels, ranges, colours and label places are the scene's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
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

from landscape.options.looks import AXES, BAR, LEGEND
from landscape.render.still import paper
from landscape.render.still.bars import Mapping, beside_axes, color_bar, color_map, extra, mapping_of
from landscape.render.still.beyond import draw_beyond, draw_uncertain
from landscape.render.still.marks import draw_trace
from landscape.render.still.painter import Around, Measures, Painter, PanelPainter, Place, Sides, beside, sheet_of
from landscape.scene.colors import HOLE_COLORS, HOLE_HATCH, LIGHT
from landscape.scene.holes import DRAWN, HOLE_NAMES
from landscape.scene.look import Look
from landscape.scene.scene import Frame, Scene
from landscape.scene.ticks import Ticks
from landscape.scene.views.field import Field
from landscape.scene.views.flat import BANDS, CELLS, LINES, Flat

Dashes = str | tuple[float, tuple[float, ...]]
# Widths of lines over cells and of their rim, and how much of that covers the cells.
OVER, RIM, VEIL = 0.75, 1.7, 0.5
# Of holes, by their code.
HATCHES = {1: "//////", 2: None, 3: "xxxx"}
# Inches, at the usual size of letters: numbers have room in the lines of one of many panels that is wider.
ROOMY = 1.5


def single(scene: Scene, look: Look) -> Figure:
    """The plane and its colour bar."""
    gap, bar = 0.16, 0.16
    right = gap + bar + 0.85 + extra(_bar_ticks(scene), look)
    around = Around(0.72, beside(look, right, 0.2), below=0.52)
    figure, place = sheet_of(scene, look, *paper.box(scene.frame, 4.3), around)
    draw_flat(paper.place(figure, place.left, place.bottom, place.wide, place.tall), scene, look)
    draw_bar(
        figure, scene, look, Place(place.left + place.wide + gap * look.em, place.bottom, bar * look.em, place.tall)
    )
    return figure


def into(axes: Axes, scene: Scene, look: Look) -> None:
    """The plane and its colour bar, in axes of the user's, which give it some of their room."""
    draw_flat(axes, scene, look)
    axes.set_aspect("equal" if scene.frame.equal else "auto")
    if look.has(BAR):
        _bar(axes.figure, scene, look, beside_axes(axes, _bar_ticks(scene), look))


def draw_flat(axes: Axes, scene: Scene, look: Look, *, numbered: bool = True) -> None:
    """The first view of a scene; `numbered`: with numbers in its lines."""
    view = scene.views_as(Flat)[0]
    if not numbered:
        view = replace(view, field=view.field.unnumbered, over=view.over and view.over.unnumbered)
    draw_frame(axes, scene.frame, look)
    if view.ground is not None:
        _tinted(axes, view.field, view.ground, view.tints)
    _PAINTS[view.paint](axes, view.field, look)
    draw_holes(axes, view.field, look, cells=view.paint == CELLS)
    draw_beyond(axes, view.field, cells=view.paint == CELLS)
    if view.margin is not None:
        draw_uncertain(axes, view.field, view.margin)
    if view.over:
        _lines_over(axes, view.over, look, *view.field.ink)
    draw_dots(axes, view.field, look)
    for trace in view.field.traces:
        draw_trace(axes, trace, look)


def _tinted(axes: Axes, field: Field, ground: np.ndarray, tints: Sequence[str]) -> None:
    """The cells of the points that have a tint."""
    shown = np.ma.masked_equal(ground, 0)
    axes.pcolormesh(
        field.x_edges,
        field.y_edges,
        shown,
        cmap=ListedColormap(list(tints)),
        vmin=0.5,
        vmax=len(tints) + 0.5,
        zorder=0.5,
    )


def draw_dots(axes: Axes, field: Field, look: Look) -> None:
    """The grid points, where the scene marks them."""
    x, y, _ = field.dots.T
    axes.plot(x, y, ".", ms=2.2, mew=0, color=look.palette.soft, zorder=2.5)


def draw_bar(figure: Figure, scene: Scene, look: Look, place: Place) -> None:
    """The colour bar of the first view."""
    if look.has(BAR):
        axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall)
        _bar(figure, scene, look, {"cax": axes})


def _bar(figure: Any, scene: Scene, look: Look, where: dict[str, Any]) -> None:
    view = scene.views_as(Flat)[0]
    color_bar(figure, where, view.field, look, _mapping(view, look), _bar_ticks(scene), bands=view.paint == BANDS)


def _bar_ticks(scene: Scene) -> Ticks:
    field = scene.views_as(Flat)[0].field
    return field.bar_ticks if len(field.bar_ticks.labels) > 1 else field.z_ticks


def _measures(panels: Sequence[Scene], look: Look) -> Measures:
    wide, tall = paper.box(panels[0].frame, 3.3)
    bar = beside(look, 0.9 + extra(_bar_ticks(panels[0]), look), 0.0)
    return Measures(wide, tall, left=0.72, gap=0.34, right=0.2, under=0.5, bar=bar)


def _panel(figure: Figure, scene: Scene, look: Look, place: Place, sides: Sides) -> None:
    axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall)
    draw_flat(axes, scene, look, numbered=not sides.small or place.wide > ROOMY * look.em)
    paper.show_sides(axes, sides.left, sides.below, small=sides.small)


def _mapping(view: Flat, look: Look) -> Mapping:
    if view.paint == BANDS:
        edges = _band_edges(view.field)
        return BoundaryNorm(edges, len(edges) - 1), ListedColormap(_band_colors(view.field, edges))
    return mapping_of(view.field, line_colors(view.field, look) if view.paint == LINES else view.field.colors)


def draw_frame(axes: Axes, frame: Frame, look: Look) -> None:
    """The ends and names of both axes."""
    palette, letters = look.palette, look.letters
    axes.set_xlim(frame.x_range)
    axes.set_ylim(frame.y_range)
    if not look.has(AXES):
        axes.set_axis_off()
        return
    paper.name_x(axes, paper.number(axes.xaxis, frame.x_range, frame.x_label), look)
    paper.name_along(axes, 1, paper.number(axes.yaxis, frame.y_range, frame.y_label), look)
    axes.tick_params(labelsize=letters.tick, length=3, width=0.6, color=palette.soft, labelcolor=palette.ink)
    axes.locator_params(axis="x", nbins=paper.tick_count(axes, look))
    axes.locator_params(axis="y", nbins=6)
    for spine in axes.spines.values():
        spine.set(linewidth=0.7, color=palette.soft)


def _band_edges(field: Field) -> np.ndarray:
    inner = field.level_ticks.heights
    inner = inner[(inner > field.scale.low) & (inner < field.scale.high)]
    return np.concatenate([[field.scale.low], inner, [field.scale.high]])


def _band_colors(field: Field, edges: np.ndarray) -> np.ndarray:
    middle = (edges[:-1] + edges[1:]) / 2
    return np.asarray(color_map(field.colors)((middle - field.scale.low) / (field.scale.high - field.scale.low)))


def line_colors(field: Field, look: Look) -> tuple[str, ...]:
    """On a dark ground lines take the colours of areas without their dark end."""
    return field.night_colors if look.palette.dark else field.line_colors


def draw_contour(axes: Axes, field: Field, look: Look, *, dashes: Dashes = "solid", halo: bool = False) -> None:
    """Lines in the colours of their levels."""
    mesh, levels = field.mesh, field.level_ticks.heights
    if not len(levels) or not np.isfinite(mesh.z).any():
        return
    norm, colors = mapping_of(field, line_colors(field, look))
    drawn = axes.contour(
        mesh.x, mesh.y, np.ma.masked_invalid(mesh.z), levels=levels, norm=norm, cmap=colors, linewidths=1.1 * look.stroke,
        linestyles=[dashes], corner_mask=False,
    )  # fmt: skip
    numbers = draw_numbers(axes, field, drawn, look)
    _extra_lines(axes, field, look, norm=norm, cmap=colors)
    for text in numbers:  # last: further lines of the same norm give numbers the colours of their lines again
        _legible(text, look, over_lines=halo)


def _extra_lines(axes: Axes, field: Field, look: Look, **style: Any) -> None:
    """Dashed lines at levels that only this field needs, with their numbers."""
    mesh, ticks = field.mesh, field.extra_ticks
    if not len(ticks.heights):
        return
    drawn = axes.contour(
        mesh.x, mesh.y, np.ma.masked_invalid(mesh.z), levels=ticks.heights, linewidths=0.8 * look.stroke,
        corner_mask=False, **style,
    )  # fmt: skip
    drawn.set_linestyle(paper.DASHES)
    for text in _numbers(axes, drawn, ticks, field.extra_points, look):
        _legible(text, look)


def _legible(text: Text, look: Look, *, over_lines: bool = False) -> None:
    """Dark with a halo; over the lines of another layer, which run through the gap too, in the colour of its own."""
    own = {} if over_lines else {"color": look.palette.ink}
    text.set(zorder=5, path_effects=paper.halo(look), **own)


def _filled(axes: Axes, field: Field, look: Look) -> None:
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
            mesh.x, mesh.y, z, levels=field.level_ticks.heights, colors=LIGHT.ground, linewidths=0.45, alpha=0.75,
            linestyles="solid", corner_mask=False,
        )  # fmt: skip
        for text in draw_numbers(axes, field, lines, look, inline=False):
            text.set(color=LIGHT.ink, path_effects=[patheffects.withStroke(linewidth=1.6, foreground=LIGHT.ground)])
    _extra_lines(axes, field, look, colors=LIGHT.ground)


def _heatmap(axes: Axes, field: Field, look: Look) -> None:
    norm, colors = mapping_of(field, field.colors)
    heights = np.ma.masked_invalid(field.heights)
    axes.pcolormesh(field.x_edges, field.y_edges, heights, norm=norm, cmap=colors, rasterized=heights.size > 20_000)


def _lines_over(axes: Axes, field: Field, look: Look, ink: str, rim: str) -> None:
    """Thin contour lines with their numbers, over a map of another metric."""
    if not len(field.levels) or not np.isfinite(field.mesh.z).any():
        return
    lines = axes.contour(
        field.mesh.x, field.mesh.y, np.ma.masked_invalid(field.mesh.z), levels=field.level_ticks.heights,
        colors=ink, linewidths=OVER * look.stroke, linestyles="solid", corner_mask=False, zorder=3,
    )  # fmt: skip
    lines.set_path_effects(
        [patheffects.Stroke(linewidth=RIM * look.stroke, foreground=rim, alpha=VEIL), patheffects.Normal()]
    )
    for text in draw_numbers(axes, field, lines, look):
        text.set(zorder=5, path_effects=[patheffects.withStroke(linewidth=RIM, foreground=rim, alpha=0.75)])


def draw_numbers(axes: Axes, field: Field, lines: ContourSet, look: Look, *, inline: bool = True) -> list[Text]:
    """Numbers in the lines, at the places that the scene chose."""
    return _numbers(axes, lines, field.level_ticks, field.label_points, look, inline=inline)


def _numbers(
    axes: Axes, lines: ContourSet, ticks: Ticks, points: np.ndarray, look: Look, *, inline: bool = True
) -> list[Text]:
    if not len(points):
        return []
    names = dict(zip(map(float, lines.levels), ticks.labels, strict=False))
    places = [tuple(point) for point in points[:, :2]]
    texts = axes.clabel(
        lines, levels=np.asarray(lines.levels), inline=inline, inline_spacing=3, fontsize=look.letters.inline, fmt=names,
        manual=places,
    )  # fmt: skip
    for text in texts:
        text.set_clip_on(True)
    return list(texts)


def draw_holes(axes: Axes, field: Field, look: Look, *, cells: bool) -> None:
    """Grey where nothing is drawn, named in a legend."""
    codes = field.holes if cells else field.hole_cells
    x, y = (field.x_edges, field.y_edges) if cells else (field.x, field.y)
    entries = []
    for code in np.unique(codes[codes != DRAWN]):
        color, hatch, line = look.shown(HOLE_COLORS[int(code)]), HATCHES[int(code)], look.shown(HOLE_HATCH)
        rows, columns = np.nonzero(codes == code)
        left, right, low, high = x[columns], x[columns + 1], y[rows], y[rows + 1]
        corners = np.stack([left, low, right, low, right, high, left, high], axis=1).reshape(-1, 4, 2)
        style: dict[str, Any] = {
            "facecolor": color,
            "hatch": hatch,
            "edgecolor": line if hatch else color,
            "linewidth": 0.0,
        }
        axes.add_collection(PolyCollection(list(corners), zorder=1.5, **style), autolim=False)
        entries.append(Patch(label=HOLE_NAMES[int(code)], **style))
    if entries and look.has(LEGEND):
        axes.legend(
            handles=entries, loc="upper right", fontsize=look.letters.inline, framealpha=0.92, edgecolor="none",
            handlelength=1.6, facecolor=look.palette.ground, labelcolor=look.palette.ink,
        )  # fmt: skip


_PAINTS: dict[str, Callable[[Axes, Field, Look], None]] = {LINES: draw_contour, BANDS: _filled, CELLS: _heatmap}
PAINTER = Painter(single, PanelPainter(_measures, _panel, bar=draw_bar, upright=True), into, bare=True)
