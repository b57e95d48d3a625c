"""The horizontal axis of eigenvalues on matplotlib axes.

Owns: what densities and rows have in common. Decides nothing.
"""

from __future__ import annotations

from matplotlib.axes import Axes

from landscape.render.still import paper
from landscape.scene.views.eigen_axis import EigenAxis

SHADE, ZERO = "#f1f3f8", "#b9bec9"


def draw_ground(axes: Axes, axis: EigenAxis, shaded: tuple[float, float] | None) -> None:
    """The ends of the axis, the shade of the negative side, and zero."""
    axes.set_xlim(axis.scale.low, axis.scale.high)
    if shaded:
        axes.axvspan(*shaded, color=SHADE, lw=0, zorder=0)
    axes.axvline(float(axis.places(0.0)), color=ZERO, lw=0.7, zorder=1)
    for spine in axes.spines.values():
        spine.set(linewidth=0.7, color=paper.SOFT)


def draw_eigenvalues(axes: Axes, axis: EigenAxis) -> None:
    """The marked eigenvalues and the name of the axis."""
    axes.set_xticks(axis.ticks.heights, labels=axis.ticks.labels)
    axes.set_xticks(axis.minor, minor=True)
    axes.tick_params(axis="x", labelsize=paper.TICK, length=3.5, width=0.6, color=paper.SOFT, labelcolor=paper.INK)
    axes.tick_params(axis="x", which="minor", length=1.8, width=0.4, color=paper.SOFT)
    axes.set_xlabel(axis.label, fontsize=paper.LABEL, color=paper.INK, parse_math=False)
