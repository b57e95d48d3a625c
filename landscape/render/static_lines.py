"""One-dimensional pictures on matplotlib axes: curves on one or two vertical axes.

Owns: the drawing of `Lines`. Decides nothing.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.render import paper
from landscape.scene.scene import Curve, Scene, ValueAxis

DASHES = (0, (4, 1.8))


def draw_lines(axes: Axes, scene: Scene, *, left: bool = True, right: bool = True) -> None:
    """The curves of a scene; `left` and `right` tell whether the names of those axes are written."""
    lines, frame = scene.lines[0], scene.frame
    second = axes.twinx() if lines.right else None
    axes.set_xlim(frame.x_range)
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlabel(frame.x_label, fontsize=paper.LABEL, color=paper.INK, parse_math=False)
    _value_axis(axes, lines.left, named=left)
    if second is not None:
        _value_axis(second, lines.right, named=right)
        second.spines["left"].set_visible(False)
    _marks(axes, lines.marks)
    for curve in lines.curves:
        _curve(second if curve.right else axes, curve)
    for each in filter(None, (axes, second)):
        each.tick_params(axis="x", labelsize=paper.TICK, length=3, width=0.6, color=paper.SOFT)
        each.spines["top"].set_visible(False)
    if second is None:
        axes.spines["right"].set_visible(False)


def _value_axis(axes: Axes, axis: ValueAxis, *, named: bool) -> None:
    axes.set_yscale(axis.kind)
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


def _curve(axes: Axes, curve: Curve) -> None:
    axes.plot(
        curve.x, curve.y, color=curve.color, lw=1.5, ls=DASHES if curve.dashed else "-", label=curve.label, zorder=3
    )
    if curve.low is not None:
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
    if len(curves) < 2:
        return
    handles = [Line2D([], [], color=c.color, lw=1.5, ls=DASHES if c.dashed else "-", label=c.label) for c in curves]
    across, up = figure.get_size_inches()
    many = len(curves) > 4
    figure.legend(
        handles=handles,
        loc="center",
        bbox_to_anchor=(x / across, y / up),
        ncols=3 if many else len(curves),
        fontsize=paper.FOOT if many else paper.TICK,
        frameon=False,
        handlelength=2.6,
        columnspacing=1.4,
        labelspacing=0.35,
        borderpad=0,
    )
