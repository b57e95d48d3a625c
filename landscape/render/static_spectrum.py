"""Spectra on matplotlib axes: the density over the eigenvalues, the rug under it, and the rows of layers.

Owns: the drawing of `SpectrumView` and `LayersView`. Decides nothing.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from landscape.render import paper
from landscape.render.static_lines import draw_curve, value_axis
from landscape.scene.scene import Scene
from landscape.scene.spectrum_view import EigenAxis, LayerRow, Rug

# The height of a row of the rug, and its distance from the density, in inches.
RUG, GAP = 0.13, 0.04
SHADE, ZERO = "#f1f3f8", "#b9bec9"
BAR, DOT = 2.6, 3.4


def rug_height(scene: Scene) -> float:
    """Inches under the density."""
    return GAP + RUG * len(scene.spectra[0].rugs)


def draw_density(axes: Axes, scene: Scene, *, left: bool = True, right: bool = True) -> None:
    """The density of the first view; `left` and `right` tell whether there is room for words on those sides."""
    view = scene.spectra[0]
    _ground(axes, view.axis, view.shaded)
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
    view = scene.spectra[0]
    _ground(axes, view.axis, view.shaded)
    axes.set_ylim(len(view.rugs) - 0.5, -0.5)
    # The line under the density runs along the upper edge, over the shade.
    axes.patch.set_visible(False)
    axes.set_zorder(-1)
    axes.set_yticks([])
    _eigenvalues(axes, view.axis)
    for row, rug in enumerate(view.rugs):
        _rug(axes, rug, row)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def draw_layers(axes: Axes, scene: Scene, *, size: float) -> None:
    """A row per layer, whose name is written in letters of `size`."""
    view = scene.spectra[0]
    _ground(axes, view.axis, view.shaded)
    axes.set_ylim(len(view.rows) - 0.4, -0.6)
    axes.set_yticks(range(len(view.rows)), labels=[row.name for row in view.rows], parse_math=False)
    axes.tick_params(axis="y", length=0, labelsize=size, labelcolor=paper.INK)
    _eigenvalues(axes, view.axis)
    axes.grid(axis="x", color=paper.FAINT, alpha=0.25, lw=0.5)
    axes.set_axisbelow(True)
    for number, row in enumerate(view.rows):
        _row(axes, row, number)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _ground(axes: Axes, axis: EigenAxis, shaded: tuple[float, float] | None) -> None:
    """The ends of the axis, the shade of the negative side, and zero."""
    axes.set_xlim(axis.scale.low, axis.scale.high)
    if shaded:
        axes.axvspan(*shaded, color=SHADE, lw=0, zorder=0)
    axes.axvline(float(axis.places(0.0)), color=ZERO, lw=0.7, zorder=1)
    for spine in axes.spines.values():
        spine.set(linewidth=0.7, color=paper.SOFT)


def _eigenvalues(axes: Axes, axis: EigenAxis) -> None:
    axes.set_xticks(axis.ticks.heights, labels=axis.ticks.labels)
    axes.set_xticks(axis.minor, minor=True)
    axes.tick_params(axis="x", labelsize=paper.TICK, length=3.5, width=0.6, color=paper.SOFT, labelcolor=paper.INK)
    axes.tick_params(axis="x", which="minor", length=1.8, width=0.4, color=paper.SOFT)
    axes.set_xlabel(axis.label, fontsize=paper.LABEL, color=paper.INK, parse_math=False)


def _rug(axes: Axes, rug: Rug, row: int) -> None:
    axes.hlines([row] * len(rug.places), rug.low, rug.high, colors=rug.colors, lw=0.8, zorder=2)
    axes.vlines(rug.places, row - 0.4, row + 0.4, colors=rug.colors, lw=1.1, zorder=3)


def _row(axes: Axes, row: LayerRow, number: int) -> None:
    for start, end, color in row.spans:
        axes.hlines(number, start, end, colors=[to_rgba(color, 0.35)], lw=BAR, zorder=2)
    for place, low, high, color in row.dots:
        axes.hlines(number, low, high, colors=[color], lw=0.8, zorder=2.5)
        axes.plot(place, number, "o", ms=DOT, mew=0, color=color, zorder=3, clip_on=False)
    if row.whole:
        axes.axhline(number + 0.5, color=paper.FAINT, lw=0.5)
        axes.get_yticklabels()[number].set_fontweight("bold")
