"""What lies on a plane seen from above, on matplotlib axes: its centre, named nets, passes and paths.

Owns: the drawing of a `Trace` on a plane. Decides nothing.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from landscape.render.still import paper
from landscape.scene.look import Look
from landscape.scene.views.traces import BEST, BEST_MEAN, Trace

# Of a path: more nets than that are a line.
MOST_DOTS = 60


def draw_trace(axes: Axes, trace: Trace, look: Look) -> None:
    """A path, named nets or the centre, with a halo that shows on other colours."""
    halo, stroke, ground = paper.halo(look, 2.6, 0.9), look.stroke, look.palette.ground
    color = look.shown(trace.color)
    if trace.kind == "center":
        axes.plot(trace.x, trace.y, "+", color=color, ms=8 * stroke, mew=1.3 * stroke, zorder=6, path_effects=halo)
        return
    if trace.kind == "outline":
        axes.plot(trace.x, trace.y, color=color, lw=1.1 * stroke, ls=(0, (5, 2.5)), zorder=5, path_effects=halo)
        return
    if trace.kind == "saddles":
        axes.plot(trace.x, trace.y, "x", color=color, ms=4.2 * stroke, mew=stroke, zorder=6, path_effects=halo)
        return
    if trace.kind == "path":
        _path(axes, trace, look, color)
    elif trace.kind in (BEST, BEST_MEAN):
        inner, rim = (color, ground) if trace.kind == BEST else (ground, color)
        axes.plot(
            trace.x,
            trace.y,
            color=inner,
            marker="D",
            ms=5.0 * stroke,
            lw=0,
            mec=rim,
            mew=stroke,
            zorder=6.5,
            clip_on=False,
        )
    else:
        axes.plot(trace.x, trace.y, color=color, marker="o", ms=5.0 * stroke, lw=0, mec=ground, mew=0.5, zorder=6)
    sides = np.ones((len(trace.x), 2)) if trace.sides is None else trace.sides
    for x, y, label, (right, up) in zip(trace.x, trace.y, trace.labels, sides, strict=False):
        if label:
            axes.annotate(
                label, (x, y), (5 * right, 5 * up), textcoords="offset points", fontsize=look.letters.tick, color=color,
                zorder=8, path_effects=halo, parse_math=False, ha="left" if right > 0 else "right",
                va="bottom" if up > 0 else "top", weight="bold" if label.isdigit() else "normal",
            )  # fmt: skip


def _path(axes: Axes, trace: Trace, look: Look, color: str) -> None:
    """From an open circle to a star; a dot for each net while there are few enough to see them apart."""
    rim, stroke, ground = paper.halo(look, 2.6, 0.85), look.stroke, look.palette.ground
    axes.plot(
        trace.x, trace.y, color=color, lw=1.2 * stroke, ls=paper.DASHES if trace.dashed else "-", zorder=6, path_effects=rim,
        solid_joinstyle="round",
    )  # fmt: skip
    if len(trace.x) <= MOST_DOTS:
        axes.plot(trace.x, trace.y, color=color, marker="o", ms=2.6 * stroke, lw=0, mec=ground, mew=0.35, zorder=6.2)
    axes.plot(trace.x[:1], trace.y[:1], color=color, marker="o", ms=5 * stroke, mfc=ground, mew=1.2 * stroke, zorder=7)
    axes.plot(trace.x[-1:], trace.y[-1:], color=color, marker="*", ms=10 * stroke, mec=ground, mew=0.6, zorder=7)
