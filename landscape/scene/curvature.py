"""Curvature along a line or a training run: the loss, and below it the ends of the Hessian's spectrum.

Owns: the panels, the scale of the eigenvalues (both signs on one axis) and of the share of negative ones, and the words.
Along a training run that is the picture of Dauphin et al. 2014: directions of escape grow fewer as the loss falls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from landscape.errors import UsageError
from landscape.scene.axes import Curve, Strip, ValueAxis
from landscape.scene.colors import NEGATIVE_COLOR
from landscape.scene.curve import DOTS_UP_TO, FULL, axes_of, drawing_order, is_loss, scaled_axis
from landscape.scene.hessian import MAX, MIN, NEGATIVE, band_notes, band_of, check_curvature, is_curvature
from landscape.scene.holes import drawable
from landscape.scene.lines import check_metrics, marks_of, metric_curve, point_notes
from landscape.scene.scale import LOG_FROM_RATIO
from landscape.scene.scene import LINEAR, LOG, SYMLOG, Caption, Lines, Scale
from landscape.scene.text import metric_label
from landscape.scene.thin import thinned
from landscape.surfaces.surface import Surface

# Beside the panel of the loss.
ENDS_HEIGHT, SHARE_HEIGHT = 0.85, 0.5
ENDS_TICKS = 9
# Of magnitudes on the symmetric log scale; what is smaller is drawn close to zero.
DECADES = 3
# The lowest top of the axis of shares: one of zeros alone has room too.
LOWEST_TOP = 0.01
ENDS_COLOR = "#1a1a1a"


@dataclass(frozen=True)
class Panels:
    """What the panels of all surfaces have in common: the metrics `above`, those of curvature below (`ends`), the top of
    the axis of shares, and whether each point is marked."""

    above: tuple[str, ...]
    ends: tuple[str, ...]
    top: float
    dots: bool


def panels_of(surfaces: Sequence[Surface], metric: str | None = None) -> Panels:
    """All losses, or the family of `metric`, over the ends of the spectrum, and the share of negative eigenvalues if known.

    Raises:
        UsageError: a surface without curvature or without a loss, or a metric of curvature.
    """
    for surface in surfaces:
        for end in (MAX, MIN):
            check_curvature(surface, end)
    ends = (MAX, MIN, *([NEGATIVE] * all(NEGATIVE in surface.values for surface in surfaces)))
    top = max(map(_top, surfaces)) if NEGATIVE in ends else 1.0
    dots = all(len(thinned(surface, MAX).x) <= DOTS_UP_TO for surface in surfaces)
    return Panels(_above(surfaces, metric), ends, top, dots)


def _above(surfaces: Sequence[Surface], metric: str | None) -> tuple[str, ...]:
    if metric and is_curvature(metric):
        raise UsageError(f"metric '{metric}': kind 'curvature' shows it below; choose the metric above, such as loss")
    found = tuple(m for m in check_metrics(surfaces, metric) if metric or is_loss(m))
    if not found:
        raise UsageError(f"{surfaces[0].source or 'this surface'} holds no loss; name the metric above, as accuracy")
    return found


def _top(surface: Surface) -> float:
    """The largest share of negative eigenvalues with its band, 0..1; 1 % at least."""
    band = band_of(surface, NEGATIVE)
    seen = drawable(surface if band is None else replace(surface, values={NEGATIVE: band[1]}), NEGATIVE)
    return min(1.0, float(seen.max(initial=LOWEST_TOP)))


def ends_scale(surfaces: Sequence[Surface], *, linear: bool) -> Scale:
    """For both ends of the spectrum, with zero: linear when asked, or when no magnitude is twenty times another.

    Else logarithmic, to both sides of zero unless every eigenvalue is positive.
    """
    values = np.concatenate([drawable(thinned(s, metric), metric) for s in surfaces for metric in (MAX, MIN)])
    size = np.abs(values[values != 0])
    if not size.size:
        return Scale(LINEAR, 0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if linear or size.max() <= LOG_FROM_RATIO * size.min():
        return Scale(LINEAR, min(low, 0.0), max(high, 0.0))
    if low > 0:
        return Scale(LOG, low, high)
    unit = 10.0 ** np.floor(np.log10(max(size.min(), size.max() / 10**DECADES)))
    return Scale(SYMLOG, min(low, 0.0), max(high, 0.0), float(unit))


def build_curvature(surface: Surface, panels: Panels, scale: Scale | None, ends: Scale, caption: Caption) -> Lines:
    """The panels of one surface; `scale` is that of the top one, `ends` that of the eigenvalues."""
    curves = tuple(_curve(surface, metric, scale, panels, right) for metric, right in drawing_order(panels.above))
    left, right = axes_of(panels.above, scale)
    notes = tuple(_notes(surface, panels, scale))
    strips = tuple(_strips(surface, panels, ends))
    return Lines(curves, left, right, marks_of(surface), notes, caption, strips, what_is_seen(surface))


def _strips(surface: Surface, panels: Panels, scale: Scale) -> Iterator[Strip]:
    axis = scaled_axis("Hessian eigenvalues", scale, ENDS_COLOR, ENDS_TICKS)
    pair = tuple(_curve(surface, metric, scale, panels) for metric in (MAX, MIN))
    yield Strip(pair, axis, ENDS_HEIGHT, zero=axis.low < 0 < axis.high)
    if NEGATIVE in panels.ends:
        shares = ValueAxis("negative eigenvalues (%)", LINEAR, 0.0, panels.top * FULL, NEGATIVE_COLOR, percent=True)
        yield Strip((_curve(surface, NEGATIVE, None, panels),), shares, SHARE_HEIGHT)


def _curve(surface: Surface, metric: str, scale: Scale | None, panels: Panels, right: bool = False) -> Curve:
    return metric_curve(thinned(surface, metric), metric, scale, right=right, dots=panels.dots)


def _notes(surface: Surface, panels: Panels, scale: Scale | None) -> list[str]:
    """Of each metric above; of the curvature once what holds for all of it, and apart what does not."""
    notes = [f"{metric_label(m)}: {note}" for m in panels.above for note in point_notes(surface, m, scale)]
    common = point_notes(surface, MAX, None)
    notes += [f"curvature: {note}" for note in common]
    for metric in panels.ends[1:]:
        notes += [f"{metric_label(metric)}: {n}" for n in point_notes(surface, metric, None) if n not in common]
    return notes + band_notes(surface, (*panels.above, *panels.ends))


def what_is_seen(surface: Surface) -> str:
    """The subject of a title."""
    path = surface.grid.axes[0].kind == "step"
    return f"loss and curvature along {'training' if path else 'a line'}"
