"""Barriers between copies of a training run, over the step at which they part.

Owns: the kind `instability`: the barrier in each loss, and below it that in the error. Dashes distinguish test from train.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.errors import UsageError
from landscape.quantity import LOSS, Quantity, risen
from landscape.scene.colors import LOSS_COLOR
from landscape.scene.facts.surface import facts, subject
from landscape.scene.kinds.kind import CURVES_ONLY, SURFACE, Kind, Options, one_by_one
from landscape.scene.scale import LINEAR, Scale
from landscape.scene.scene import Frame, Scene
from landscape.scene.views.curve import color_of, scaled_axis
from landscape.scene.views.lines import Curve, Lines, Strip, ValueAxis
from landscape.surfaces.barriers import by_branch, has_paths, measured
from landscape.surfaces.bounds import ERRORS
from landscape.surfaces.surface import Surface

HEIGHT, TICKS = 0.7, 5
# The axis ends at this multiple of the highest barrier, if a band reaches further.
ABOVE = 2.5
NOTE = "barrier: the highest value on the line between two copies less the mean of both; {bands}"
OF_ONE = "bands: two standard errors"
OF_SEVERAL = "bands: two standard errors of the mean over pairs, by the jackknife over copies"


def _scene(surface: Surface, options: Options) -> Scene:
    if not _parted(surface):
        raise UsageError(
            f"{surface.source or 'this surface'} holds no copies of a training run; landscape instability computes some"
        )
    losses = [row for row in measured(surface) if row.kind == LOSS]
    shares = [row for row in measured(surface) if row.percent]
    shares = [row for row in shares if row.metric == shares[0].metric]
    low, high = _ends(surface, losses, 1.0)
    low, high = (low if options.vmin is None else options.vmin), (high if options.vmax is None else options.vmax)
    axis = scaled_axis("barrier in the loss", Scale(LINEAR, low, high), LOSS_COLOR, TICKS)
    several = surface.shape[0] > len(set(surface.known.connect.branches or [])) if surface.known.connect else False
    view = Lines(
        curves=tuple(_curve(surface, row, 1.0, axis, named=True) for row in losses), left=axis, right=None,
        strips=tuple(_strips(surface, shares)), notes=(NOTE.format(bands=OF_SEVERAL if several else OF_ONE),),
        caption=options.caption(subject(surface), "barriers between copies of a run", facts(surface)),
    )  # fmt: skip
    steps = by_branch(surface, losses[0].name).steps if losses else np.zeros(1)
    last = float(steps.max()) if len(steps) else 1.0
    frame = Frame(
        "training step at which the copies part", axis.label, (0.0, last or 1.0), (axis.low, axis.high), equal=False
    )
    return Scene(frame, (view,))


def _ends(surface: Surface, rows: Sequence[Quantity], factor: float) -> tuple[float, float]:
    """From 0, or the least barrier, to the top of the bands, as far as these do not press the barriers together."""
    found = [by_branch(surface, row.name) for row in rows]
    known = factor * np.concatenate([np.zeros(1), *(each.values for each in found)])
    reach = factor * np.concatenate(
        [np.zeros(1), *(each.values + ERRORS * np.nan_to_num(each.errors) for each in found)]
    )
    known, reach = known[np.isfinite(known)], reach[np.isfinite(reach)]
    low, high = float(known.min()), float(known.max())
    high = min(float(reach.max()), low + ABOVE * (high - low)) if high > low else float(reach.max())
    return low, high if high > low else low + 1.0


def _strips(surface: Surface, rows: Sequence[Quantity]) -> list[Strip]:
    if not rows:
        return []
    low, high = _ends(surface, rows, 100.0)
    axis = scaled_axis(
        f"barrier in the {risen(rows[0]).metric} (%)", Scale(LINEAR, low, high), color_of(rows[0]), TICKS
    )
    return [Strip(tuple(_curve(surface, row, 100.0, axis, named=False) for row in rows), axis, HEIGHT, zero=True)]


def _curve(surface: Surface, row: Quantity, factor: float, axis: ValueAxis, *, named: bool) -> Curve:
    found = by_branch(surface, row.name)
    reach = ERRORS * np.nan_to_num(found.errors)
    low, high = (np.clip(factor * (found.values + sign * reach), axis.low, axis.high) for sign in (-1, 1))
    return Curve(
        metric=row.name, label=row.split or row.label if named else "", x=found.steps,
        y=np.clip(factor * found.values, axis.low, axis.high), low=low, high=high, color=axis.color, dashed=row.split == "test",
        right=False, percent=row.percent, dots=True,
    )  # fmt: skip


def _parted(surface: Surface) -> bool:
    known = surface.known.connect
    return has_paths(surface) and known is not None and any(step >= 0 for step in known.branches or [])


KINDS = (
    Kind(
        "instability", SURFACE, one_by_one(_scene), ndim=2, paths=True, default=_parted, unused=CURVES_ONLY,
        alone="shows all steps in one picture already",
    ),
)  # fmt: skip
