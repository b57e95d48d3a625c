"""One-dimensional pictures on matplotlib axes: curves on one or two vertical axes.

Owns: the drawing of `Lines`. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.render.still import paper
from landscape.render.still.painter import Measures, Painter, PanelPainter, Place, sheet_of
from landscape.scene.scale import SYMLOG
from landscape.scene.scene import Scene
from landscape.scene.views.lines import Curve, Lines, Strip, ValueAxis

# The distance between the panels, in inches, and the height beside the curves up to which one is low.
GAP, LOW = 0.14, 0.4
# The inches that a legend takes for a piece of a line and the space around it.
SAMPLE = 0.55
# Of a curve that is one of many, and of one that stands for itself.
FAINT: dict[str, Any] = {"lw": 0.7, "alpha": 0.45, "zorder": 2.5}
STRONG: dict[str, Any] = {"lw": 1.5, "zorder": 3}
# Numbers on an axis with more signs than this need more room beside a label of two lines.
LONG = 5
# The height of the curves: alone, over one strip, over more; and as a panel of a comparison.
ALONE, OVER_STRIP, OVER_STRIPS, PANEL = 3.1, 2.9, 2.3, 2.6


def single(scene: Scene) -> Figure:
    """The curves, and the strips under them on the same horizontal axis."""
    lines, wide = scene.views_as(Lines)[0], 4.9
    long = any(
        len(label) > LONG for axis in (lines.left, *(s.axis for s in lines.strips)) for label in axis.tick_labels
    )
    left = 0.72 + 0.2 * long
    tall = (ALONE, OVER_STRIP, OVER_STRIPS)[min(2, len(lines.strips))]
    strips, above = strips_height(lines, tall), 0.2 if lines.marks else 0.0
    figure, bottom = sheet_of(scene, left + wide + 0.72, tall + strips, below=0.8, above=above, middle=left + wide / 2)
    draw_lines(paper.place(figure, left, bottom + strips, wide, tall), scene, bottom=not lines.strips)
    draw_strips(figure, scene, left, bottom + strips, wide, tall)
    draw_legend(figure, lines.named, left + wide / 2, bottom - 0.63)
    return figure


def _measures(panels: Sequence[Scene]) -> Measures:
    strips = max(strips_height(panel.views_as(Lines)[0], PANEL) for panel in panels)
    above = 0.52 if any(panel.views_as(Lines)[0].marks for panel in panels) else 0.34
    return Measures(3.2, PANEL, left=0.72, gap=0.36, right=0.72, under=0.5 + strips, above=above, legend=0.3)


def _panel(figure: Figure, scene: Scene, place: Place, first: bool, last: bool) -> None:
    axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall)
    draw_lines(axes, scene, left=first, right=last, bottom=not scene.views_as(Lines)[0].strips)
    draw_strips(figure, scene, place.left, place.bottom, place.wide, place.tall, named=first)


def _legend(figure: Figure, scene: Scene, x: float, y: float) -> None:
    draw_legend(figure, scene.views_as(Lines)[0].named, x, y)


def draw_lines(axes: Axes, scene: Scene, *, left: bool = True, right: bool = True, bottom: bool = True) -> None:
    """The curves of the first view; `left`, `right` and `bottom` say whether those axes are labelled."""
    lines, frame = scene.views_as(Lines)[0], scene.frame
    second = axes.twinx() if lines.right else None
    axes.set_xlim(frame.x_range)
    _x_axis(axes, frame.x_label, named=bottom)
    value_axis(axes, lines.left, named=left)
    if second is not None and lines.right is not None:
        value_axis(second, lines.right, named=right)
        second.spines["left"].set_visible(False)
    _marks(axes, lines.marks)
    for curve in lines.curves:
        draw_curve(second if second is not None and curve.right else axes, curve)
    for each in filter(None, (axes, second)):
        each.spines["top"].set_visible(False)
    if second is None:
        axes.spines["right"].set_visible(False)


def draw_strips(
    figure: Figure, scene: Scene, left: float, top: float, wide: float, tall: float, *, named: bool = True
) -> None:
    """The panels below the curves, from `top` (inches) downwards; `tall` is the height of the curves.

    `named` says whether their axes are labelled.
    """
    strips = scene.views_as(Lines)[0].strips
    for number, strip in enumerate(strips):
        height = strip.height * tall
        top -= GAP + height
        axes = paper.place(figure, left, top, wide, height)
        _strip(axes, scene, strip, named=named, bottom=number == len(strips) - 1)


def strips_height(lines: Lines, tall: float) -> float:
    """Inches that the panels below the curves take, gaps included."""
    return sum(GAP + strip.height * tall for strip in lines.strips)


def _strip(axes: Axes, scene: Scene, strip: Strip, *, named: bool, bottom: bool) -> None:
    low = strip.height < LOW
    axes.set_xlim(scene.frame.x_range)
    _x_axis(axes, scene.frame.x_label, named=bottom)
    value_axis(axes, strip.axis, named=named)
    if not strip.axis.ticks:
        axes.locator_params(axis="y", nbins=3 if low else 5)
    if named:
        # Two short lines: the strip is lower than the words are long.
        label, size = strip.axis.label.replace(" (", "\n("), paper.TICK - 1 if low else paper.TICK
        axes.set_ylabel(label, fontsize=size, color=strip.axis.color, labelpad=2)
    if strip.zero:
        axes.axhline(0, color=paper.FAINT, lw=0.7, zorder=1)
    _marks(axes, tuple((x, "") for x, _ in scene.views_as(Lines)[0].marks))
    for curve in strip.curves:
        draw_curve(axes, curve)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _x_axis(axes: Axes, label: str, *, named: bool) -> None:
    axes.locator_params(axis="x", nbins=6)
    axes.tick_params(axis="x", labelsize=paper.TICK, length=3, width=0.6, color=paper.SOFT, labelbottom=named)
    if named:
        axes.set_xlabel(label, fontsize=paper.LABEL, color=paper.INK, parse_math=False)


def value_axis(axes: Axes, axis: ValueAxis, *, named: bool) -> None:
    """A vertical axis; `named` says whether it is labelled."""
    # With this width, matplotlib's own scale is that of `Scale`, up to a factor.
    axes.set_yscale(
        **({"value": "asinh", "linear_width": 2 * axis.unit} if axis.kind == SYMLOG else {"value": axis.kind})
    )
    axes.set_ylim(axis.low, axis.high)
    if axis.ticks:
        axes.set_yticks(axis.ticks, labels=axis.tick_labels)
        axes.minorticks_off()
    if named:
        axes.set_ylabel(axis.label, fontsize=paper.LABEL, color=axis.color, parse_math=False)
    else:
        axes.tick_params(axis="y", which="both", labelleft=False, labelright=False)
    axes.tick_params(axis="y", which="both", labelsize=paper.TICK, width=0.6, colors=axis.color)
    axes.tick_params(axis="y", length=3)
    for spine in axes.spines.values():
        spine.set(linewidth=0.7, color=paper.SOFT)


def draw_curve(axes: Axes, curve: Curve) -> None:
    """The line, its points if they are marked, and its band."""
    style: dict[str, Any] = {"ls": paper.DASHES if curve.dashed else "-", **(FAINT if curve.faint else STRONG)}
    dots: dict[str, Any] = {"marker": "o", "ms": 2.8} if curve.dots else {}
    axes.plot(curve.x, curve.y, color=curve.color, label=curve.label, clip_on=not curve.dots, **style, **dots)
    if curve.low is not None and curve.high is not None:
        axes.fill_between(curve.x, curve.low, curve.high, color=curve.color, alpha=0.16, lw=0, zorder=2)


def _marks(axes: Axes, marks: tuple[tuple[float, str], ...]) -> None:
    for x, name in marks:
        axes.axvline(x, color=paper.FAINT, lw=0.8, ls=(0, (1, 2)), zorder=1)
        axes.annotate(
            name, (x, 1.0), (0, 3), xycoords=("data", "axes fraction"), textcoords="offset points", ha="center",
            va="bottom", fontsize=paper.TICK, color=paper.SOFT, parse_math=False,
        )  # fmt: skip


def draw_legend(figure: Figure, curves: tuple[Curve, ...], x: float, y: float) -> None:
    """One row that names the curves, centred at a place in inches."""
    curves = tuple(curve for curve in curves if curve.label)
    if len(curves) < 2:
        return
    handles = [
        Line2D([], [], color=c.color, lw=1.5, ls=paper.DASHES if c.dashed else "-", label=c.label) for c in curves
    ]
    across, up = figure.get_size_inches()
    many = len(curves) > 4
    row = sum(SAMPLE + paper.text_width(curve.label, paper.TICK) for curve in curves)
    figure.legend(
        handles=handles,
        loc="center",
        bbox_to_anchor=(x / across, y / up),
        ncols=3 if many else len(curves) if row < 2 * min(x, across - x) else 2,
        fontsize=paper.FOOT if many else paper.TICK,
        frameon=False,
        handlelength=2.6,
        columnspacing=1.4,
        labelspacing=0.35,
        borderpad=0,
    )


PAINTER = Painter(single, PanelPainter(_measures, _panel, legend=_legend))
