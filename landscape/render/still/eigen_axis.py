"""The horizontal axis of eigenvalues on matplotlib axes.

Owns: what densities and rows have in common. Decides nothing.
"""

from __future__ import annotations

from matplotlib.axes import Axes

from landscape.scene.look import Look
from landscape.scene.views.eigen_axis import EigenAxis


def draw_ground(axes: Axes, axis: EigenAxis, shaded: tuple[float, float] | None, look: Look) -> None:
    """The ends of the axis, the shade of the negative side, and zero."""
    axes.set_xlim(axis.scale.low, axis.scale.high)
    if shaded:
        axes.axvspan(*shaded, color=look.palette.shade, lw=0, zorder=0)
    axes.axvline(float(axis.places(0.0)), color=look.palette.zero, lw=0.7, zorder=1)
    for spine in axes.spines.values():
        spine.set(linewidth=0.7, color=look.palette.soft)


def draw_eigenvalues(axes: Axes, axis: EigenAxis, look: Look) -> None:
    """The marked eigenvalues and the name of the axis."""
    letters, palette = look.letters, look.palette
    axes.set_xticks(axis.ticks.heights, labels=axis.ticks.labels)
    axes.set_xticks(axis.minor, minor=True)
    axes.tick_params(
        axis="x", labelsize=letters.tick, length=3.5, width=0.6, color=palette.soft, labelcolor=palette.ink
    )
    axes.tick_params(axis="x", which="minor", length=1.8, width=0.4, color=palette.soft)
    axes.set_xlabel(axis.label, fontsize=letters.label, color=palette.ink, parse_math=False)
