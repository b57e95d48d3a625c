"""The steps of optimizers in answer to a gradient that is given over time.

Owns: the kind `response`: a curve for each optimizer, and the gradient in a strip below.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.errors import UsageError
from landscape.quantity import RESPONSE, SIGNAL, Quantity
from landscape.scene.colors import PATH_COLORS
from landscape.scene.facts.surface import facts, subject
from landscape.scene.kinds.kind import NO_LEVELS, SURFACE, Kind, Options
from landscape.scene.kinds.line import line_scene
from landscape.scene.scale import LINEAR, Scale, clipping_notes
from landscape.scene.scales import scales_for
from landscape.scene.scene import Scene
from landscape.scene.views.curve import scaled_axis
from landscape.scene.views.lines import Curve, Lines, Strip
from landscape.surfaces.surface import Surface

LABEL, WHAT = "step / learning rate", "steps of optimizers"
STRIP, TICKS = 0.35, 3


def _rows(surface: Surface, role: str) -> list[Quantity]:
    return [row for name in surface.values if (row := surface.quantity(name)).role == role]


def _scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    return [_scene(surface, options) for surface in surfaces]


def _scene(surface: Surface, options: Options) -> Scene:
    rows, signals = _rows(surface, RESPONSE), _rows(surface, SIGNAL)
    if not rows:
        raise UsageError(
            f"{surface.source or 'this surface'} holds no steps of optimizers; landscape optimizers rectangle computes some"
        )
    values = np.concatenate([surface.values[row.name] for row in rows])
    known = values[np.isfinite(values)]
    scale = scales_for(known, LINEAR if options.scale == "auto" else options.scale, options.limits)[0]
    colors = [PATH_COLORS[number % len(PATH_COLORS)] for number in range(len(rows))]
    curves = tuple(_curve(surface, row, color, scale) for row, color in zip(rows, colors, strict=True))
    view = Lines(
        curves=curves, left=scaled_axis(LABEL, scale, PATH_COLORS[0], TICKS), right=None,
        strips=tuple(_strip(surface, row) for row in signals), notes=tuple(clipping_notes(known, scale)),
        caption=options.caption(subject(surface), WHAT, facts(surface)),
    )  # fmt: skip
    return line_scene(surface, [view])


def _strip(surface: Surface, row: Quantity) -> Strip:
    values = surface.values[row.name]
    scale = scales_for(values[np.isfinite(values)], LINEAR, Options().limits)[0]
    curve = _curve(surface, row, PATH_COLORS[0], scale)
    return Strip((curve,), scaled_axis(row.label, scale, PATH_COLORS[0], TICKS), STRIP, zero=True)


def _curve(surface: Surface, row: Quantity, color: str, scale: Scale) -> Curve:
    return Curve(
        metric=row.name, label=row.label, x=surface.x, y=np.clip(surface.values[row.name], scale.vmin, scale.vmax), low=None,
        high=None, color=color, dashed=False, right=False, percent=False,
    )  # fmt: skip


KINDS = (
    Kind(
        "response", SURFACE, _scenes, ndim=1, default=lambda surface: bool(_rows(surface, RESPONSE)),
        unused={"levels": NO_LEVELS}, alone="shows all optimizers in one picture already",
    ),
)  # fmt: skip
