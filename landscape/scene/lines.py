"""One-dimensional pictures: losses on the left axis, accuracies on the right one.

Owns: which metrics become curves, how they are told apart (colour: what; dash: which split), the ranges of both axes,
and the bands of two standard errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.errors import UsageError
from landscape.scene.colors import ACCURACY_COLOR, LOSS_COLOR, OTHER_COLOR
from landscape.scene.field import SCALE_NAMES
from landscape.scene.holes import drawable, hole_notes, holes_of
from landscape.scene.levels import round_values
from landscape.scene.scale import clipping_notes
from landscape.scene.scene import DRAWN, LINEAR, LOG, Caption, Curve, Lines, Scale, ValueAxis
from landscape.scene.text import is_percent, labels_of, metric_label
from landscape.surfaces.surface import Surface

# A band of two standard errors holds the mean in about 95 of 100 repetitions.
BAND = 2.0
# The share of the axis left free below and above the curves.
ROOM = 0.04
# The upper end of an axis of percent: a curve at 100 must not hide in the frame.
FULL = 102.5
# About how many values are marked on a logarithmic axis.
LOG_TICKS = 6


def curve_metrics(surface: Surface, metric: str | None = None) -> tuple[str, ...]:
    """The metrics drawn: all losses and accuracies, or those of one name on every split (`loss`: train and test)."""
    if metric is None:
        usual = tuple(m for m in surface.values if is_loss(m) or is_percent(m))
        return usual or (surface.metric(None),)
    family = tuple(m for m in surface.values if m == metric or m in (f"train_{metric}", f"test_{metric}"))
    return family or (surface.metric(metric),)


def is_loss(metric: str) -> bool:
    """Whether a metric is a loss, with or without a weight penalty."""
    return metric.endswith(("_loss", "_loss_l2")) or metric == "loss"


def what_is_drawn(metrics: Sequence[str]) -> str:
    """The subject of a title: the metric, or what several have in common."""
    if len(metrics) == 1:
        return metric_label(metrics[0])
    if all(map(is_percent, metrics)):
        return "accuracy along a line"
    return "loss along a line" if any(map(is_loss, metrics)) else ", ".join(map(metric_label, metrics))


def build_lines(surface: Surface, metrics: Sequence[str], scale: Scale | None, caption: Caption) -> Lines:
    """The curves of a one-dimensional surface; `scale` is that of the left axis."""
    shares = [m for m in metrics if is_percent(m)]
    others = [m for m in metrics if not is_percent(m)]
    curves = tuple(_curve(surface, m, scale, right=bool(others) and m in shares) for m in [*others, *shares])
    left = _value_axis(others, scale) if others else _share_axis(shares)
    right = _share_axis(shares) if others and shares else None
    return Lines(curves, left, right, _marks(surface), tuple(_notes(surface, metrics, scale)), caption)


def _notes(surface: Surface, metrics: Sequence[str], scale: Scale | None) -> list[str]:
    """Missing and clipped points of each curve, and what the bands are; several curves are told apart by name."""
    notes: list[str] = []
    for metric in metrics:
        drawn = drawable(surface, metric)
        clipped = [] if scale is None or is_percent(metric) else clipping_notes(drawn, scale)
        prefix = f"{metric_label(metric)}: " if len(metrics) > 1 else ""
        notes += [prefix + note for note in (*hole_notes(surface, metric), *clipped)]
    if any(metric in surface.stderr for metric in metrics):
        notes.append("bands: two standard errors")
    return notes


def _curve(surface: Surface, metric: str, scale: Scale | None, *, right: bool) -> Curve:
    percent = is_percent(metric)
    values = np.where(holes_of(surface, metric) == DRAWN, surface.values[metric], np.nan)
    low, high = (0.0, 1.0) if percent or scale is None else (scale.vmin, scale.vmax)
    ends = (0.0, 1.0) if percent or scale is None else _ends(scale)
    factor = 100.0 if percent else 1.0
    error = surface.stderr.get(metric)
    band = (None, None) if error is None else (values - BAND * error, values + BAND * error)
    # Within the axis: a log axis has no place for zero, and a share none beyond 100 %.
    y = factor * np.clip(values, low, high)
    bottom, top = (None if edge is None else factor * np.clip(edge, *ends) for edge in band)
    return Curve(
        metric=metric,
        label=metric_label(metric),
        x=surface.x,
        y=y,
        low=bottom,
        high=top,
        color=ACCURACY_COLOR if percent else LOSS_COLOR if metric.endswith("loss") else OTHER_COLOR,
        dashed=metric.startswith("test_"),
        right=right,
        percent=percent,
    )


def _value_axis(metrics: Sequence[str], scale: Scale) -> ValueAxis:
    low, high = _ends(scale)
    label = "loss" if all(map(is_loss, metrics)) else ", ".join(map(metric_label, metrics))
    label += f" ({SCALE_NAMES[scale.kind]})" if scale.kind in SCALE_NAMES else ""
    if scale.kind != LOG:
        return ValueAxis(label, scale.kind, low, high, LOSS_COLOR)
    ticks = tuple(map(float, round_values(replace(scale, vmin=low, vmax=high), LOG_TICKS)))
    return ValueAxis(label, scale.kind, low, high, LOSS_COLOR, ticks=ticks, tick_labels=labels_of(ticks))


def _ends(scale: Scale) -> tuple[float, float]:
    """The ends of the axis: some room around the values, and zero when they come near it."""
    room = ROOM * (scale.high - scale.low)
    low, high = map(float, scale.values([scale.low - room, scale.high + room]))
    near_zero = scale.kind == LINEAR and 0 <= scale.vmin < 0.25 * scale.vmax
    return 0.0 if near_zero else low, high


def _share_axis(metrics: Sequence[str]) -> ValueAxis:
    label = metric_label(metrics[0]) if len(metrics) == 1 else "accuracy"
    return ValueAxis(f"{label} (%)", LINEAR, 0.0, FULL, ACCURACY_COLOR, percent=True)


def _marks(surface: Surface) -> tuple[tuple[float, str], ...]:
    nets = surface.trails.get("nets")
    if nets is None:
        return ()
    labels = nets.labels or ("",) * len(nets.x)
    low, high = surface.x[0], surface.x[-1]
    return tuple((float(x), str(name)) for x, name in zip(nets.x, labels, strict=True) if low <= x <= high)


def check_metrics(surfaces: Sequence[Surface], metric: str | None) -> tuple[str, ...]:
    """The curves that all surfaces have.

    Raises:
        UsageError: a surface lacks one that another has.
    """
    sets = [curve_metrics(surface, metric) for surface in surfaces]
    if any(set(s) != set(sets[0]) for s in sets):
        shown = " and ".join(", ".join(s) for s in sets)
        raise UsageError(f"these surfaces hold different metrics ({shown}); choose one that all have")
    return sets[0]
