"""The density of eigenvalues and the rug under it, on matplotlib axes.

Owns: the drawing of a `SpectralDensity`. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landscape.options.looks import LEGEND
from landscape.render.still import paper
from landscape.render.still.eigen_axis import draw_eigenvalues, draw_ground
from landscape.render.still.legend import draw_legend, legend_rows
from landscape.render.still.lines import draw_curve, smaller, value_axis
from landscape.render.still.painter import Around, Measures, Painter, PanelPainter, Place, Sides, sheet_of
from landscape.scene.look import Look
from landscape.scene.scene import Scene
from landscape.scene.views.density import Rug, SpectralDensity

# The height of a row of the rug, and its distance from the density, in inches.
RUG, GAP = 0.13, 0.04


def single(scene: Scene, look: Look) -> Figure:
    """The density over its rug."""
    view, rugs = scene.views_as(SpectralDensity)[0], rug_height(scene)
    legend = view.legend and look.has(LEGEND)
    rows = legend_rows(view.curves, look, 4.9 if look.width is None else look.width - 0.2) if legend else 0
    around = Around(0.72, 0.72, below=0.52 + rugs + (0.28 + 0.17 * (rows - 1) if rows else 0.0))
    figure, place = sheet_of(scene, look, 4.9, 3.0, around, rigid=False)
    draw_density(paper.place(figure, place.left, place.bottom, place.wide, place.tall), scene, look)
    rugs *= look.em
    draw_rugs(paper.place(figure, place.left, place.bottom - rugs, place.wide, rugs), scene, look)
    if rows:
        low = place.bottom - rugs - (0.63 + 0.085 * (rows - 1)) * look.em
        draw_legend(
            figure, view.curves, look, place.left + place.wide / 2 if look.width is None else look.width / 2, low
        )
    return figure


def _measures(panels: Sequence[Scene], look: Look) -> Measures:
    rugs = rug_height(panels[0])
    return Measures(3.2, 2.6, left=0.78, gap=0.3, right=0.72, under=0.5 + rugs, inner=0.05 + rugs)


def _panel(figure: Figure, scene: Scene, look: Look, place: Place, sides: Sides) -> None:
    rugs = rug_height(scene) * look.em
    axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall)
    draw_density(axes, scene, look, left=sides.left, right=sides.right)
    below = paper.place(figure, place.left, place.bottom - rugs, place.wide, rugs)
    draw_rugs(below, scene, look)
    paper.show_sides(below, True, sides.below, small=sides.small, upright=False)


def rug_height(scene: Scene) -> float:
    """Inches under the density, at the usual size of letters."""
    return GAP + RUG * len(scene.views_as(SpectralDensity)[0].rugs)


def draw_density(axes: Axes, scene: Scene, look: Look, *, left: bool = True, right: bool = True) -> None:
    """The density of the first view; `left` and `right` say whether there is room for words on those sides."""
    view = scene.views_as(SpectralDensity)[0]
    draw_ground(axes, view.axis, view.shaded, look)
    axes.tick_params(axis="x", which="both", bottom=False, labelbottom=False)
    value_axis(axes, view.left, look, named=left)
    for curve in view.curves:
        draw_curve(axes, curve, look)
    if view.lone is not None:
        axes.axhline(view.lone, color=look.palette.faint, lw=0.7, ls=(0, (1, 2)), zorder=2)
        if right:
            axes.annotate(
                "one\neigenvalue", (1.0, view.lone), (4, 0), xycoords=("axes fraction", "data"), va="center",
                textcoords="offset points", fontsize=smaller(look), color=look.palette.soft, annotation_clip=False,
            )  # fmt: skip
    axes.spines["bottom"].set(linewidth=0.5, color=look.palette.zero)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw_rugs(axes: Axes, scene: Scene, look: Look) -> None:
    """A row of ticks per spectrum, from top to bottom, over the marked eigenvalues."""
    view = scene.views_as(SpectralDensity)[0]
    draw_ground(axes, view.axis, view.shaded, look)
    axes.set_ylim(len(view.rugs) - 0.5, -0.5)
    # The line under the density runs along the upper edge, over the shade.
    axes.patch.set_visible(False)
    axes.set_zorder(-1)
    axes.set_yticks([])
    draw_eigenvalues(axes, view.axis, look)
    for row, rug in enumerate(view.rugs):
        _rug(axes, rug, row, look)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _rug(axes: Axes, rug: Rug, row: int, look: Look) -> None:
    colors = [look.shown(color) for color in rug.colors]
    axes.hlines([row] * len(rug.places), rug.low, rug.high, colors=colors, lw=0.8 * look.stroke, zorder=2)
    axes.vlines(rug.places, row - 0.4, row + 0.4, colors=colors, lw=1.1 * look.stroke, zorder=3)


PAINTER = Painter(single, PanelPainter(_measures, _panel))
