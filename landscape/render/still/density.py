"""The density of eigenvalues and the rug under it, on matplotlib axes.

Owns: the drawing of a `SpectralDensity`. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landscape.render.still import paper
from landscape.render.still.eigen_axis import ZERO, draw_eigenvalues, draw_ground
from landscape.render.still.lines import draw_curve, draw_legend, value_axis
from landscape.render.still.painter import Measures, Painter, PanelPainter, Place, sheet_of
from landscape.scene.scene import Scene
from landscape.scene.views.density import Rug, SpectralDensity

# The height of a row of the rug, and its distance from the density, in inches.
RUG, GAP = 0.13, 0.04


def single(scene: Scene) -> Figure:
    """The density over its rug."""
    view = scene.views_as(SpectralDensity)[0]
    wide, tall, left, rugs = 4.9, 3.0, 0.72, rug_height(scene)
    legend = 0.28 if view.legend else 0.0
    figure, bottom = sheet_of(scene, left + wide + 0.72, tall + rugs, below=0.52 + legend, middle=left + wide / 2)
    draw_density(paper.place(figure, left, bottom + rugs, wide, tall), scene)
    draw_rugs(paper.place(figure, left, bottom, wide, rugs), scene)
    if legend:
        draw_legend(figure, view.curves, left + wide / 2, bottom - 0.63)
    return figure


def _measures(panels: Sequence[Scene]) -> Measures:
    return Measures(3.2, 2.6, left=0.72, gap=0.3, right=0.72, under=0.5 + rug_height(panels[0]))


def _panel(figure: Figure, scene: Scene, place: Place, first: bool, last: bool) -> None:
    rugs = rug_height(scene)
    draw_density(paper.place(figure, place.left, place.bottom, place.wide, place.tall), scene, left=first, right=last)
    draw_rugs(paper.place(figure, place.left, place.bottom - rugs, place.wide, rugs), scene)


def rug_height(scene: Scene) -> float:
    """Inches under the density."""
    return GAP + RUG * len(scene.views_as(SpectralDensity)[0].rugs)


def draw_density(axes: Axes, scene: Scene, *, left: bool = True, right: bool = True) -> None:
    """The density of the first view; `left` and `right` say whether there is room for words on those sides."""
    view = scene.views_as(SpectralDensity)[0]
    draw_ground(axes, view.axis, view.shaded)
    axes.tick_params(axis="x", which="both", bottom=False, labelbottom=False)
    value_axis(axes, view.left, named=left)
    for curve in view.curves:
        draw_curve(axes, curve)
    if view.lone is not None:
        axes.axhline(view.lone, color=paper.FAINT, lw=0.7, ls=(0, (1, 2)), zorder=2)
        if right:
            axes.annotate(
                "one\neigenvalue", (1.0, view.lone), (4, 0), xycoords=("axes fraction", "data"), va="center",
                textcoords="offset points", fontsize=paper.TICK - 1, color=paper.SOFT, annotation_clip=False,
            )  # fmt: skip
    axes.spines["bottom"].set(linewidth=0.5, color=ZERO)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw_rugs(axes: Axes, scene: Scene) -> None:
    """A row of ticks per spectrum, from top to bottom, over the marked eigenvalues."""
    view = scene.views_as(SpectralDensity)[0]
    draw_ground(axes, view.axis, view.shaded)
    axes.set_ylim(len(view.rugs) - 0.5, -0.5)
    # The line under the density runs along the upper edge, over the shade.
    axes.patch.set_visible(False)
    axes.set_zorder(-1)
    axes.set_yticks([])
    draw_eigenvalues(axes, view.axis)
    for row, rug in enumerate(view.rugs):
        _rug(axes, rug, row)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _rug(axes: Axes, rug: Rug, row: int) -> None:
    axes.hlines([row] * len(rug.places), rug.low, rug.high, colors=rug.colors, lw=0.8, zorder=2)
    axes.vlines(rug.places, row - 0.4, row + 0.4, colors=rug.colors, lw=1.1, zorder=3)


PAINTER = Painter(single, PanelPainter(_measures, _panel))
