"""From numbers to curves and the axes they stand on.

Owns: how quantities are distinguished (colour: what; dash: which split), the clipping of a curve to its axis, and the ends
and ticks of the axes. Knows neither surfaces nor runs; which curves share a picture is decided by the kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.quantity import LOSS, NEGATIVE, PENALIZED, SMALLEST, SPLITS, Quantity
from landscape.scene.colors import ACCURACY_COLOR, LOSS_COLOR, NEGATIVE_COLOR, OTHER_COLOR, SHARE_COLOR
from landscape.scene.levels import round_values
from landscape.scene.scale import LINEAR, SYMLOG, Scale
from landscape.scene.text import labels_of
from landscape.scene.views.lines import Curve, ValueAxis

Band = tuple[np.ndarray, np.ndarray]
# The share of the axis left free below and above the curves.
ROOM = 0.04
# The upper end of an axis of percent: a curve at 100 must not hide in the frame.
FULL = 102.5
# The share of an axis that a label takes.
LABEL_ROOM = 0.08
# About how many values are marked on a logarithmic axis.
LOG_TICKS = 6
# Up to this number of points each is marked: a single one would be invisible.
DOTS_UP_TO = 15


def curve_of(
    quantity: Quantity,
    x: np.ndarray,
    values: np.ndarray,
    scale: Scale | None,
    *,
    band: Band | None = None,
    right: bool = False,
    label: str | None = None,
    faint: bool = False,
    dots: bool = False,
) -> Curve:
    """The curve of `values` (n,), NaN where there is none, with a band from `band[0]` to `band[1]`, each (n,).

    `scale` is that of the axis; a share needs none.
    """
    percent = quantity.percent
    # Within the axis: a log axis has no place for zero, and a share none beyond 100 %.
    low, high = (0.0, 1.0) if percent or scale is None else (scale.vmin, scale.vmax)
    ends = (0.0, 1.0) if percent or scale is None else axis_ends(scale)
    factor = 100.0 if percent else 1.0
    bottom, top = (factor * np.clip(edge, *ends) for edge in band) if band else (None, None)
    return Curve(
        metric=quantity.name,
        label=quantity.label if label is None else label,
        x=x,
        y=factor * np.clip(values, low, high),
        low=bottom,
        high=top,
        color=color_of(quantity),
        # The second split, as a rule the test data.
        dashed=quantity.split in SPLITS[1:],
        right=right,
        percent=percent,
        faint=faint,
        dots=dots,
    )


def color_of(quantity: Quantity) -> str:
    """One colour for losses, one for accuracies, one each for the smallest eigenvalue and the negative ones, one for all else."""
    if quantity.role in (SMALLEST, NEGATIVE):
        return NEGATIVE_COLOR if quantity.role == SMALLEST else SHARE_COLOR
    if quantity.percent:
        return ACCURACY_COLOR
    return LOSS_COLOR if quantity.kind == LOSS and quantity.role != PENALIZED else OTHER_COLOR


def are_losses(quantities: Sequence[Quantity]) -> bool:
    """Whether an axis of these is one of losses."""
    return all(quantity.kind == LOSS for quantity in quantities)


def value_axis(quantities: Sequence[Quantity], scale: Scale) -> ValueAxis:
    """The axis of quantities that are not shares."""
    label = "loss" if are_losses(quantities) else ", ".join(quantity.label for quantity in quantities)
    colors = {color_of(quantity) for quantity in quantities}
    return scaled_axis(label, scale, colors.pop() if len(colors) == 1 else LOSS_COLOR, LOG_TICKS)


def scaled_axis(label: str, scale: Scale, color: str, count: int) -> ValueAxis:
    """An axis with some room around the range of its scale, and about `count` marked values where it is logarithmic."""
    low, high = axis_ends(scale)
    label = scale.named(label)
    if scale.kind == LINEAR:
        return ValueAxis(label, scale.kind, low, high, color)
    whole = replace(scale, vmin=low, vmax=high)
    ticks = tuple(map(float, _apart(round_values(whole, count), whole)))
    return ValueAxis(label, scale.kind, low, high, color, ticks=ticks, tick_labels=labels_of(ticks), unit=scale.unit)


def share_axis(quantities: Sequence[Quantity]) -> ValueAxis:
    """The axis of shares, in percent."""
    label = quantities[0].label if len(quantities) == 1 else "accuracy"
    return ValueAxis(f"{label} (%)", LINEAR, 0.0, FULL, color_of(quantities[0]), percent=True)


def axes_of(quantities: Sequence[Quantity], scale: Scale | None) -> tuple[ValueAxis, ValueAxis | None]:
    """(left, right): shares stand on the right when there is something else, which `scale` is for."""
    shares = [quantity for quantity in quantities if quantity.percent]
    others = [quantity for quantity in quantities if not quantity.percent]
    if not others or scale is None:
        return share_axis(shares), None
    return value_axis(others, scale), share_axis(shares) if shares else None


def drawing_order(quantities: Sequence[Quantity]) -> list[tuple[Quantity, bool]]:
    """(quantity, whether it stands on the right), losses before shares."""
    shares = [quantity for quantity in quantities if quantity.percent]
    others = [quantity for quantity in quantities if not quantity.percent]
    return [(each, False) for each in others] + [(each, bool(others)) for each in shares]


def axis_ends(scale: Scale) -> tuple[float, float]:
    """The ends of the axis: some room around the values, and zero when they come near it."""
    room = ROOM * (scale.high - scale.low)
    low, high = map(float, scale.values([scale.low - room, scale.high + room]))
    near_zero = scale.kind == LINEAR and 0 <= scale.vmin < 0.25 * scale.vmax
    return 0.0 if near_zero else low, high


def _apart(ticks: np.ndarray, scale: Scale) -> np.ndarray:
    """Ticks without those on a symmetric log scale so close to zero that they would touch its label."""
    if scale.kind != SYMLOG:
        return ticks
    return ticks[(ticks == 0) | (np.abs(scale.heights(ticks)) > LABEL_ROOM * (scale.high - scale.low))]
