"""The steps of optimizers in answer to a gradient that is given over time.

Owns: the kind `response`: the gradient, and below it a strip for each optimizer with a scale of its own, since steps of different
optimizers differ by orders of magnitude.
"""

from __future__ import annotations

import numpy as np

from landscape.errors import UsageError
from landscape.quantity import RESPONSE, SIGNAL, Quantity
from landscape.scene.colors import PATH_COLORS
from landscape.scene.facts.surface import facts, subject
from landscape.scene.kinds.kind import CURVES_ONLY, SURFACE, Kind, Options, one_by_one
from landscape.scene.kinds.line import line_scene
from landscape.scene.scale import LINEAR, Scale
from landscape.scene.scales import NO_LIMITS, Limits, scales_for
from landscape.scene.scene import Scene
from landscape.scene.views.curve import scaled_axis
from landscape.scene.views.lines import Curve, Lines, Strip, ValueAxis
from landscape.surfaces.surface import Surface

WHAT = "steps in answer to it, divided by the learning rate"
STRIP, TICKS = 0.5, 3
SIGNAL_COLOR = PATH_COLORS[0]


def _rows(surface: Surface, role: str) -> list[Quantity]:
    """What a file of a signal holds, by its role; nothing of other surfaces."""
    if surface.grid.axes[0].kind != "step":
        return []
    return [row for name in surface.values if (row := surface.quantity(name)).role == role]


def _scene(surface: Surface, options: Options) -> Scene:
    rows, signals = _rows(surface, RESPONSE), _rows(surface, SIGNAL)
    if not rows or not signals:
        raise UsageError(
            f"{surface.source or 'this surface'} holds no steps of optimizers; landscape optimizers rectangle computes some"
        )
    signal, axis = _drawn(surface, signals[0], SIGNAL_COLOR, NO_LIMITS)
    colors = [PATH_COLORS[1 + number % (len(PATH_COLORS) - 1)] for number in range(len(rows))]
    drawn = [_drawn(surface, row, color, options.limits) for row, color in zip(rows, colors, strict=True)]
    view = Lines(
        curves=(signal,), left=axis, right=None, strips=tuple(Strip((curve,), left, STRIP, zero=True) for curve, left in drawn),
        caption=options.caption(subject(surface), WHAT, facts(surface)),
    )  # fmt: skip
    return line_scene(surface, [view])


def _drawn(surface: Surface, row: Quantity, color: str, limits: Limits) -> tuple[Curve, ValueAxis]:
    """A curve on an axis of its own, which shows its least and its largest value: these are the answer."""
    values = surface.values[row.name]
    known = values[np.isfinite(values)]
    ends = limits.or_else(float(known.min()), float(known.max())) if known.size else limits
    scale = scales_for(known, LINEAR, ends)[0]
    return _curve(surface, row, color, scale), scaled_axis(row.label, scale, color, TICKS)


def _curve(surface: Surface, row: Quantity, color: str, scale: Scale) -> Curve:
    return Curve(
        metric=row.name, label=row.label, x=surface.x, y=np.clip(surface.values[row.name], scale.vmin, scale.vmax), low=None,
        high=None, color=color, dashed=False, right=False, percent=False,
    )  # fmt: skip


KINDS = (
    Kind(
        "response", SURFACE, one_by_one(_scene), ndim=1, default=lambda surface: bool(_rows(surface, RESPONSE)),
        unused=CURVES_ONLY, alone="shows all optimizers in one picture already",
    ),
)  # fmt: skip
