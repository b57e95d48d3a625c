"""The horizontal axis of eigenvalues on a page.

Owns: what densities and rows have in common. Decides nothing.
"""

from __future__ import annotations

from typing import Any

from landscape.render.page.figures import GRID, SOFT, changes
from landscape.scene.colors import LIGHT
from landscape.scene.scale import LINEAR
from landscape.scene.views.eigen_axis import EigenAxis


def eigen_changes(axis: EigenAxis) -> dict[str, Any]:
    """The horizontal axis; plotly marks the values of a linear one, also after zooming in."""
    linear = axis.scale.kind == LINEAR
    own: dict[str, Any] = {
        "title": {"text": axis.label},
        "range": [axis.scale.low, axis.scale.high],
        "tickvals": None if linear else axis.ticks.heights.tolist(),
        "ticktext": None if linear else list(axis.ticks.labels),
        "minor.tickvals": None if linear else axis.minor.tolist(),
        "minor.ticks": "" if linear else "outside",
        "minor.ticklen": 3,
        "ticks": "outside",
        "gridcolor": GRID,
        "zeroline": False,
    }
    return changes("xaxis", own)


def ground(axis: EigenAxis, shaded: tuple[float, float] | None, lone: float | None = None) -> list[dict[str, Any]]:
    """The shade of the negative side, zero, and the height of a single eigenvalue."""
    zero = float(axis.places(0.0))
    full: dict[str, Any] = {"y0": 0, "y1": 1, "yref": "paper", "xref": "x", "layer": "below"}
    shapes = [{**full, "type": "line", "x0": zero, "x1": zero, "line": {"color": LIGHT.zero, "width": 1}}]
    if shaded:
        # A little further, so that it is there after zooming out.
        beyond = shaded[0] - (axis.scale.high - axis.scale.low)
        shade = {"type": "rect", "x0": beyond, "x1": shaded[1], "fillcolor": LIGHT.shade, "line": {"width": 0}}
        shapes.insert(0, {**full, **shade})
    if lone is not None:
        line = {"color": SOFT, "width": 1, "dash": "dot"}
        ends = {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": lone, "y1": lone}
        shapes.append({**ends, "type": "line", "line": line, "layer": "below"})
    return shapes
