"""From numbers to curves and the axes they stand on.

Owns: how metrics are told apart (colour: what; dash: which split), the clipping of a curve to its axis, and the ends
and ticks of the axes. Knows neither surfaces nor runs: what is drawn over what is the business of lines.py, curves.py
and spread.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.scene.axes import Curve, ValueAxis
from landscape.scene.colors import ACCURACY_COLOR, LOSS_COLOR, NEGATIVE_COLOR, OTHER_COLOR
from landscape.scene.field import with_scale
from landscape.scene.hessian import MIN, NEGATIVE
from landscape.scene.levels import round_values
from landscape.scene.scene import LINEAR, SYMLOG, Scale
from landscape.scene.text import is_percent, labels_of, metric_label

# The share of the axis left free below and above the curves.
ROOM = 0.04
# The upper end of an axis of percent: a curve at 100 must not hide in the frame.
FULL = 102.5
# The share of an axis that a label takes.
LABEL_ROOM = 0.08
# About how many values are marked on a logarithmic axis.
LOG_TICKS = 6
# Up to here a curve has few enough points to mark each: a single one would not be seen at all.
DOTS_UP_TO = 12


def is_loss(metric: str) -> bool:
    """Whether a metric is a loss, with or without a weight penalty."""
    return metric.endswith(("_loss", "_loss_l2")) or metric == "loss"


def curve_of(
    metric: str,
    x: np.ndarray,
    values: np.ndarray,
    scale: Scale | None,
    *,
    band: tuple[np.ndarray, np.ndarray] | None = None,
    right: bool = False,
    label: str | None = None,
    faint: bool = False,
    dots: bool = False,
) -> Curve:
    """The curve of `values` (n,), NaN where there is none, with a band from `band[0]` to `band[1]`, each (n,).

    `scale` is that of the axis; a share of samples needs none.
    """
    percent = is_percent(metric)
    bounded = percent or scale is None
    # Within the axis: a log axis has no place for zero, and a share none beyond 100 %.
    low, high = (0.0, 1.0) if bounded else (scale.vmin, scale.vmax)
    ends = (0.0, 1.0) if bounded else axis_ends(scale)
    factor = 100.0 if percent else 1.0
    bottom, top = (factor * np.clip(edge, *ends) for edge in band) if band else (None, None)
    return Curve(
        metric=metric,
        label=metric_label(metric) if label is None else label,
        x=x,
        y=factor * np.clip(values, low, high),
        low=bottom,
        high=top,
        color=color_of(metric),
        dashed=metric.startswith("test_"),
        right=right,
        percent=percent,
        faint=faint,
        dots=dots,
    )


def color_of(metric: str) -> str:
    """One colour for losses, one for accuracies, one for negative curvature, one for all else."""
    if metric in (MIN, NEGATIVE):
        return NEGATIVE_COLOR
    if is_percent(metric):
        return ACCURACY_COLOR
    return LOSS_COLOR if metric.endswith("loss") else OTHER_COLOR


def value_axis(metrics: Sequence[str], scale: Scale) -> ValueAxis:
    """The axis of metrics that are no shares."""
    label = "loss" if all(map(is_loss, metrics)) else ", ".join(map(metric_label, metrics))
    colors = {color_of(metric) for metric in metrics}
    return scaled_axis(label, scale, colors.pop() if len(colors) == 1 else LOSS_COLOR, LOG_TICKS)


def scaled_axis(label: str, scale: Scale, color: str, count: int) -> ValueAxis:
    """An axis with some room around the range of its scale, and about `count` marked values where it is logarithmic."""
    low, high = axis_ends(scale)
    label = with_scale(label, scale)
    if scale.kind == LINEAR:
        return ValueAxis(label, scale.kind, low, high, color)
    whole = replace(scale, vmin=low, vmax=high)
    ticks = tuple(map(float, _apart(round_values(whole, count), whole)))
    return ValueAxis(label, scale.kind, low, high, color, ticks=ticks, tick_labels=labels_of(ticks), unit=scale.unit)


def _apart(ticks: np.ndarray, scale: Scale) -> np.ndarray:
    """Ticks without those on a symmetric log scale that are so near to zero that they would touch its label."""
    if scale.kind != SYMLOG:
        return ticks
    return ticks[(ticks == 0) | (np.abs(scale.heights(ticks)) > LABEL_ROOM * (scale.high - scale.low))]


def share_axis(metrics: Sequence[str]) -> ValueAxis:
    """The axis of shares of samples, in percent."""
    label = metric_label(metrics[0]) if len(metrics) == 1 else "accuracy"
    return ValueAxis(f"{label} (%)", LINEAR, 0.0, FULL, color_of(metrics[0]), percent=True)


def axes_of(metrics: Sequence[str], scale: Scale | None) -> tuple[ValueAxis, ValueAxis | None]:
    """(left, right): shares stand on the right when there is something else, which `scale` is for."""
    shares = [m for m in metrics if is_percent(m)]
    others = [m for m in metrics if not is_percent(m)]
    if not others:
        return share_axis(shares), None
    return value_axis(others, scale), share_axis(shares) if shares else None


def drawing_order(metrics: Sequence[str]) -> list[tuple[str, bool]]:
    """(metric, whether it stands on the right), losses before shares."""
    shares = [m for m in metrics if is_percent(m)]
    others = [m for m in metrics if not is_percent(m)]
    return [(m, False) for m in others] + [(m, bool(others)) for m in shares]


def axis_ends(scale: Scale) -> tuple[float, float]:
    """The ends of the axis: some room around the values, and zero when they come near it."""
    room = ROOM * (scale.high - scale.low)
    low, high = map(float, scale.values([scale.low - room, scale.high + room]))
    near_zero = scale.kind == LINEAR and 0 <= scale.vmin < 0.25 * scale.vmax
    return 0.0 if near_zero else low, high
