"""Regions of predicted classes on matplotlib axes, under contour lines.

Owns: the drawing of `Regions`. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from landscape.options.looks import LEGEND
from landscape.render.still import flat, paper
from landscape.render.still.marks import draw_trace
from landscape.render.still.painter import Around, Measures, Painter, PanelPainter, Place, Sides, sheet_of
from landscape.scene.colors import LIGHT
from landscape.scene.look import Look
from landscape.scene.scene import Scene
from landscape.scene.views.field import Field
from landscape.scene.views.regions import Regions

BOUNDARY, LINE, RIM = 1.3, 0.6, 1.8
# Names in a row of the legend: long ones and short ones.
ACROSS, SHORT, ROW = 5, 9, 0.22


def single(scene: Scene, look: Look) -> Figure:
    """The plane with the names of the classes below."""
    around = Around(0.72, 0.3, below=0.5 + _legend_height(scene, look))
    figure, place = sheet_of(scene, look, *paper.box(scene.frame, 4.3), around)
    draw_regions(paper.place(figure, place.left, place.bottom, place.wide, place.tall), scene, look)
    low = place.bottom - (0.46 + _legend_height(scene, look) / 2) * look.em
    draw_legend(figure, scene, look, place.left + place.wide / 2, low)
    return figure


def into(axes: Axes, scene: Scene, look: Look) -> None:
    """The plane in axes of the user's; the names stand in the regions."""
    draw_regions(axes, scene, look)
    axes.set_aspect("equal" if scene.frame.equal else "auto")


def draw_regions(axes: Axes, scene: Scene, look: Look, *, numbered: bool = True) -> None:
    """The first view of a scene; `numbered`: with numbers in its lines."""
    view = scene.views_as(Regions)[0]
    flat.draw_frame(axes, scene.frame, look)
    for region, lead in zip(view.regions, view.leads, strict=True):
        inside = np.ma.masked_invalid(lead)
        if inside.size and inside.count() and inside.max() > 0:
            top = 2 * float(inside.max())
            axes.contourf(view.x, view.y, inside, levels=[0, top], colors=[region.color], corner_mask=False, zorder=0.6)
            axes.contour(
                view.x, view.y, inside, levels=[0], colors=[LIGHT.ink], linewidths=BOUNDARY * look.stroke, corner_mask=False,
                linestyles="solid", zorder=2.6,
            )  # fmt: skip
    flat.draw_holes(axes, view.field, look, cells=False)
    _lines(axes, view.field if numbered else view.field.unnumbered, look)
    for region in view.regions:
        if region.place is not None:
            axes.annotate(
                region.name, region.place, ha="center", va="center", fontsize=look.letters.label, color=LIGHT.ink, weight="bold",
                path_effects=[patheffects.withStroke(linewidth=2.4, foreground=region.color)], zorder=4, parse_math=False,
                clip_on=True,
            )  # fmt: skip
    for trace in view.field.traces:
        draw_trace(axes, trace, look)


def _lines(axes: Axes, field: Field, look: Look) -> None:
    """Thin contour lines with their numbers, dark on every colour of a region."""
    mesh = field.mesh
    if not len(field.levels) or not np.isfinite(mesh.z).any():
        return
    lines = axes.contour(
        mesh.x, mesh.y, np.ma.masked_invalid(mesh.z), levels=field.level_ticks.heights, colors=field.line_colors[0],
        linewidths=LINE * look.stroke, linestyles="solid", corner_mask=False, zorder=2,
    )  # fmt: skip
    for text in flat.draw_numbers(axes, field, lines, look):
        text.set(
            zorder=3,
            color=LIGHT.ink,
            path_effects=[patheffects.withStroke(linewidth=RIM, foreground=LIGHT.ground, alpha=0.7)],
        )


def draw_legend(figure: Figure, scene: Scene, look: Look, x: float, y: float) -> None:
    """The names of the classes beside their colours, centred at a place in inches."""
    if not look.has(LEGEND):
        return
    view = scene.views_as(Regions)[0]
    across, up = figure.get_size_inches()
    figure.legend(
        handles=[Patch(facecolor=each.color, edgecolor=LIGHT.ink, linewidth=0.6, label=each.name) for each in view.regions],
        loc="center", bbox_to_anchor=(x / across, y / up), ncols=_columns(view), fontsize=look.letters.tick,
        frameon=False, handlelength=1.4, columnspacing=1.2, borderpad=0, labelcolor=look.palette.ink, title=view.title,
        title_fontproperties={"size": look.letters.tick},
    ).get_title().set_color(look.palette.ink)  # fmt: skip


def _legend_height(scene: Scene, look: Look) -> float:
    """In units of the letters; a row for the title."""
    if not look.has(LEGEND):
        return 0.0
    view = scene.views_as(Regions)[0]
    return ROW * (1 + -(-len(view.regions) // _columns(view)))


def _columns(view: Regions) -> int:
    most = SHORT if max(len(each.name) for each in view.regions) <= 3 else ACROSS
    return min(most, len(view.regions))


def _measures(panels: Sequence[Scene], look: Look) -> Measures:
    wide, tall = paper.box(panels[0].frame, 3.3)
    height = _legend_height(panels[0], look)
    return Measures(wide, tall, left=0.72, gap=0.34, right=0.25, under=0.5, legend=height + 0.15 if height else 0.0)


def _legend(figure: Figure, scene: Scene, look: Look, place: Place) -> None:
    draw_legend(figure, scene, look, place.left + place.wide / 2, place.bottom + place.tall / 2)


def _panel(figure: Figure, scene: Scene, look: Look, place: Place, sides: Sides) -> None:
    axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall)
    draw_regions(axes, scene, look, numbered=not sides.small or place.wide > flat.ROOMY * look.em)
    paper.show_sides(axes, sides.left, sides.below, small=sides.small)


PAINTER = Painter(single, PanelPainter(_measures, _panel, legend=_legend, upright=True), into, bare=True)
