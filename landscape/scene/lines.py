"""One-dimensional pictures: losses on the left axis, accuracies on the right one.

Owns: which metrics become curves, the nets marked on the axis, and the bands around the curves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.errors import UsageError
from landscape.scene.axes import Curve
from landscape.scene.curve import axes_of, curve_of, drawing_order, is_loss
from landscape.scene.hessian import band_notes, band_of, is_curvature
from landscape.scene.holes import drawable, hole_notes, holes_of
from landscape.scene.scale import clipping_notes
from landscape.scene.scene import DRAWN, Caption, Lines, Scale
from landscape.scene.text import is_percent, metric_label
from landscape.scene.thin import thinned, thinning_notes
from landscape.surfaces.surface import Surface


def curve_metrics(surface: Surface, metric: str | None = None) -> tuple[str, ...]:
    """The metrics drawn: all losses and accuracies, or those of one name on every split (`loss`: train and test)."""
    if metric is None:
        usual = tuple(m for m in surface.values if is_loss(m) or (is_percent(m) and not is_curvature(m)))
        return usual or (surface.metric(None),)
    family = tuple(m for m in surface.values if m == metric or m in (f"train_{metric}", f"test_{metric}"))
    return family or (surface.metric(metric),)


def what_is_drawn(metrics: Sequence[str]) -> str:
    """The subject of a title: the metric, or what several have in common."""
    if len(metrics) == 1:
        return metric_label(metrics[0])
    if all(map(is_percent, metrics)):
        return "accuracy along a line"
    return "loss along a line" if any(map(is_loss, metrics)) else ", ".join(map(metric_label, metrics))


def build_lines(surface: Surface, metrics: Sequence[str], scale: Scale | None, caption: Caption) -> Lines:
    """The curves of a one-dimensional surface; `scale` is that of the left axis."""
    curves = tuple(_curve(surface, metric, scale, right) for metric, right in drawing_order(metrics))
    left, right = axes_of(metrics, scale)
    notes, what = tuple(_notes(surface, metrics, scale)), what_is_drawn(metrics)
    return Lines(curves, left, right, marks_of(surface), notes, caption, what=what)


def _notes(surface: Surface, metrics: Sequence[str], scale: Scale | None) -> list[str]:
    """Missing and clipped points of each curve, and what the bands are; several curves are told apart by name."""
    notes: list[str] = []
    for metric in metrics:
        prefix = f"{metric_label(metric)}: " if len(metrics) > 1 else ""
        notes += [prefix + note for note in point_notes(surface, metric, scale)]
    return notes + band_notes(surface, metrics)


def point_notes(surface: Surface, metric: str, scale: Scale | None) -> list[str]:
    """Where one metric was computed, and which of its points are missing or clipped by `scale`."""
    part = thinned(surface, metric)
    clipped = [] if scale is None or is_percent(metric) else clipping_notes(drawable(part, metric), scale)
    return [*thinning_notes(surface, part), *hole_notes(part, metric), *clipped]


def _curve(surface: Surface, metric: str, scale: Scale | None, right: bool) -> Curve:
    return metric_curve(thinned(surface, metric), metric, scale, right=right)


def metric_curve(surface: Surface, metric: str, scale: Scale | None, **how) -> Curve:
    """A metric over the places of a surface, with its band if errors are known; `how` as in `curve_of`."""
    drawn = holes_of(surface, metric) == DRAWN
    values, band = np.where(drawn, surface.values[metric], np.nan), band_of(surface, metric)
    band = tuple(np.where(drawn, edge, np.nan) for edge in band) if band else None
    return curve_of(metric, surface.x, values, scale, band=band, **how)


def marks_of(surface: Surface) -> tuple[tuple[float, str], ...]:
    """(x, name) of the nets within the picture."""
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
