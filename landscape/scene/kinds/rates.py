"""Where optimizers end, over the learning rate, and when they reach the level.

Owns: the kind `rates`: a curve for each optimizer on one scale, interrupted where it diverges, and the steps in a strip below.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.errors import UsageError
from landscape.grid import COORDINATE
from landscape.quantity import REACHED, RESPONSE, Quantity
from landscape.scene.colors import PATH_COLORS
from landscape.scene.facts.surface import facts, subject
from landscape.scene.kinds.kind import CURVES_ONLY, SURFACE, Kind, Options, one_by_one
from landscape.scene.kinds.line import line_scene
from landscape.scene.scale import LINEAR, SYMLOG, Scale, clipping_notes
from landscape.scene.scales import NO_LIMITS, Limits, scales_for
from landscape.scene.scene import Scene
from landscape.scene.views.curve import scaled_axis
from landscape.scene.views.lines import Curve, Lines, Strip
from landscape.surfaces.surface import Surface

END, STEPS, WHAT = "f(x, y) at the end", "steps to level", "values at the end over the learning rate"
HEIGHT, TICKS, STRIP_TICKS = 0.6, 6, 3


def rows_of(surface: Surface, role: str) -> list[Quantity]:
    """What a sweep holds, by its role; nothing of other surfaces."""
    if surface.grid.axes[0].kind != COORDINATE:
        return []
    return [row for name in surface.values if (row := surface.quantity(name)).role == role]


def _scene(surface: Surface, options: Options) -> Scene:
    ends, steps = rows_of(surface, RESPONSE), rows_of(surface, REACHED)
    if not ends:
        raise UsageError(
            f"{surface.source or 'this surface'} holds no learning rates; landscape optimizers --sweep 1e-4:1:25 computes some"
        )
    known = _known(surface, ends)
    limits = options.limits.or_else(vmax=_highest(known))
    scale = scales_for(known, LINEAR if options.scale == SYMLOG else options.scale, limits)[0]
    if scale.kind == SYMLOG:  # curves have no such scale
        scale = scales_for(known, LINEAR, limits)[0]
    view = Lines(
        curves=_curves(surface, ends, scale), left=scaled_axis(END, scale, PATH_COLORS[0], TICKS), right=None,
        strips=tuple(_strip(surface, steps)), notes=(*_diverged(surface, ends), *clipping_notes(known, scale)),
        caption=options.caption(subject(surface), WHAT, facts(surface)),
    )  # fmt: skip
    return line_scene(surface, [view])


def _known(surface: Surface, rows: Sequence[Quantity]) -> np.ndarray:
    values = np.concatenate([surface.values[row.name] for row in rows])
    return values[np.isfinite(values)]


def _highest(known: np.ndarray) -> float | None:
    """Rates that are far too large end at values that would flatten all others."""
    return float(np.quantile(known, 0.9)) if known.size else None


def _curves(surface: Surface, rows: Sequence[Quantity], scale: Scale, *, named: bool = True) -> tuple[Curve, ...]:
    found = []
    for number, row in enumerate(rows):
        values = surface.values[row.name]
        y = np.where(np.isfinite(values), np.clip(values, scale.vmin, scale.vmax), np.nan)
        found.append(
            Curve(
                metric=row.name, label=row.label if named else "", x=surface.x, y=y, low=None, high=None, dashed=False,
                right=False, percent=False, color=PATH_COLORS[number % len(PATH_COLORS)], dots=True,
            )
        )  # fmt: skip
    return tuple(found)


def _strip(surface: Surface, rows: Sequence[Quantity]) -> list[Strip]:
    known = _known(surface, rows) if rows else np.zeros(0)
    if not known.size:
        return []
    scale = scales_for(known, "log" if known.min() > 0 else LINEAR, NO_LIMITS if known.min() > 0 else Limits(0.0))[0]
    return [
        Strip(
            _curves(surface, rows, scale, named=False), scaled_axis(STEPS, scale, PATH_COLORS[0], STRIP_TICKS), HEIGHT
        )
    ]


def _diverged(surface: Surface, rows: Sequence[Quantity]) -> list[str]:
    counts = {row.label: int((~np.isfinite(surface.values[row.name])).sum()) for row in rows}
    return [f"{name}: diverged at {count} of {len(surface.x)} rates" for name, count in counts.items() if count]


KINDS = (
    Kind(
        "rates", SURFACE, one_by_one(_scene), ndim=1, default=lambda surface: bool(rows_of(surface, RESPONSE)),
        unused=CURVES_ONLY, alone="shows all optimizers in one picture already",
    ),
)  # fmt: skip
