"""Curvature along a line or a training run: the loss, and below it the ends of the Hessian's spectrum.

Owns: the kind `curvature`: the panels, the scale of the eigenvalues (both signs on one axis) and of the share of negative
ones, and the words. Along a training run that is the picture of Dauphin et al. 2014: directions of escape grow fewer as the
loss falls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from landscape.errors import UsageError
from landscape.quantity import LARGEST, LOSS, NEGATIVE, SMALLEST
from landscape.scene.bands import band_notes, band_of
from landscape.scene.colors import INK, SHARE_COLOR
from landscape.scene.facts.surface import brief, facts, subject
from landscape.scene.hessian import end_of, is_curvature
from landscape.scene.holes import drawable
from landscape.scene.kinds.kind import CURVES_ONLY, SURFACE, Kind, Options
from landscape.scene.kinds.line import (
    left_scales,
    line_scene,
    marks_of,
    metric_curve,
    point_notes,
    quantities,
    shared_metrics,
)
from landscape.scene.scale import LINEAR, LOG, LOG_FROM_RATIO, SYMLOG, Scale
from landscape.scene.scene import Caption, Scene
from landscape.scene.thin import thinned
from landscape.scene.views.curve import DOTS_UP_TO, FULL, axes_of, drawing_order, scaled_axis
from landscape.scene.views.lines import Curve, Lines, Strip, ValueAxis
from landscape.surfaces.surface import Surface

# Beside the panel of the loss.
ENDS_HEIGHT, SHARE_HEIGHT = 0.85, 0.5
ENDS_TICKS = 9
# Of magnitudes on the symmetric log scale; what is smaller is drawn close to zero.
DECADES = 3
# The lowest top of the axis of shares: one of zeros alone has room too.
LOWEST_TOP = 0.01
ENDS_COLOR = INK


@dataclass(frozen=True)
class Panels:
    """What the panels of all surfaces have in common.

    Attributes:
        above: the metrics of the top panel.
        ends: the largest and the smallest eigenvalue.
        negative: the share of negative eigenvalues, None when it is unknown.
        top: the end of the axis of shares.
        dots: whether each point is marked.
    """

    above: tuple[str, ...]
    ends: tuple[str, str]
    negative: str | None
    top: float
    dots: bool

    @property
    def below(self) -> tuple[str, ...]:
        return (*self.ends, *([self.negative] if self.negative else []))


def panels_of(surfaces: Sequence[Surface], metric: str | None = None) -> Panels:
    """All losses, or the family of `metric`, over the ends of the spectrum, and the share of negative eigenvalues if known.

    Raises:
        UsageError: a surface without curvature or without a loss, or a metric of curvature.
    """
    ends = [(end_of(surface, LARGEST), end_of(surface, SMALLEST)) for surface in surfaces][0]
    known = [surface.find(NEGATIVE) for surface in surfaces]
    negative = known[0] if all(known) else None
    top = max(_top(surface, negative) for surface in surfaces) if negative else 1.0
    dots = all(len(thinned(surface, ends[0]).x) <= DOTS_UP_TO for surface in surfaces)
    return Panels(_above(surfaces, metric), ends, negative, top, dots)


def _above(surfaces: Sequence[Surface], metric: str | None) -> tuple[str, ...]:
    first = surfaces[0]
    if metric and is_curvature(first, metric):
        raise UsageError(f"metric '{metric}': kind 'curvature' shows it below; choose the metric above, such as loss")
    shared = shared_metrics(surfaces, metric)
    found = tuple(name for name in shared if metric or first.quantity(name).kind == LOSS)
    if not found:
        raise UsageError(f"{first.source or 'this surface'} holds no loss; name the metric above, such as accuracy")
    return found


def _top(surface: Surface, metric: str) -> float:
    """The largest share of negative eigenvalues with its band, 0..1; 1 % at least."""
    band = band_of(surface, metric)
    seen = drawable(surface if band is None else replace(surface, values={metric: band[1]}), metric)
    return min(1.0, float(seen.max(initial=LOWEST_TOP)))


def ends_scale(surfaces: Sequence[Surface], ends: Sequence[str], *, linear: bool) -> Scale:
    """For both ends of the spectrum, with zero: linear if requested, or when no magnitude is twenty times another.

    Otherwise logarithmic, to both sides of zero unless every eigenvalue is positive.
    """
    values = np.concatenate([drawable(thinned(s, metric), metric) for s in surfaces for metric in ends])
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


def _scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    panels = panels_of(surfaces, options.metric)
    options = _unclipped(surfaces, panels.above, options)
    scales = []
    for number, scale in enumerate(left_scales(surfaces, panels.above, options)):
        # The switch to a linear scale applies to all panels.
        kind = options.scale if scale is None or not number else scale.kind
        scales.append((scale, ends_scale(surfaces, panels.ends, linear=kind == LINEAR)))
    return [_scene(surface, panels, scales, options) for surface in surfaces]


def _unclipped(surfaces: Sequence[Surface], metrics: Sequence[str], options: Options) -> Options:
    """With the ends of the losses as limits: the high loss that a run begins with is what the picture is about."""
    left = [metric for metric in metrics if not surfaces[0].quantity(metric).percent]
    losses = [drawable(thinned(surface, metric), metric) for surface in surfaces for metric in left]
    values = np.concatenate([np.zeros(0), *losses])
    if not values.size or values.min() <= 0 or values.min() == values.max():
        return options
    low = float(values.min()) if options.vmin is None else options.vmin
    high = float(values.max()) if options.vmax is None else options.vmax
    return replace(options, vmin=low, vmax=high) if low < high else options


def _scene(surface: Surface, panels: Panels, scales: Sequence[tuple[Scale | None, Scale]], options: Options) -> Scene:
    path = surface.grid.axes[0].kind == "step"
    what = f"loss and curvature along {'training' if path else 'a line'}"
    caption = options.caption(
        subject(surface), what, facts(surface, centers=(*panels.above, *panels.below)), brief(surface)
    )
    return line_scene(surface, [_lines(surface, panels, scale, ends, caption) for scale, ends in scales])


def _lines(surface: Surface, panels: Panels, scale: Scale | None, ends: Scale, caption: Caption) -> Lines:
    """The panels of one surface; `scale` is that of the top one, `ends` that of the eigenvalues."""
    drawn = quantities(surface, panels.above)
    left, right = axes_of(drawn, scale)
    return Lines(
        curves=tuple(_curve(surface, each.name, scale, panels, on_right) for each, on_right in drawing_order(drawn)),
        left=left,
        right=right,
        marks=marks_of(surface),
        strips=tuple(_strips(surface, panels, ends)),
        notes=tuple(_notes(surface, panels, scale)),
        caption=caption,
    )


def _strips(surface: Surface, panels: Panels, scale: Scale) -> Iterator[Strip]:
    axis = scaled_axis("Hessian eigenvalues", scale, ENDS_COLOR, ENDS_TICKS)
    pair = tuple(_curve(surface, metric, scale, panels) for metric in panels.ends)
    yield Strip(pair, axis, ENDS_HEIGHT, zero=axis.low < 0 < axis.high)
    if panels.negative:
        shares = ValueAxis("negative eigenvalues (%)", LINEAR, 0.0, panels.top * FULL, SHARE_COLOR, percent=True)
        yield Strip((_curve(surface, panels.negative, None, panels),), shares, SHARE_HEIGHT)


def _curve(surface: Surface, metric: str, scale: Scale | None, panels: Panels, right: bool = False) -> Curve:
    return metric_curve(surface, metric, scale, right=right, dots=panels.dots)


def _notes(surface: Surface, panels: Panels, scale: Scale | None) -> list[str]:
    """Of each metric above; of the curvature first what holds for all of it, then what holds for one metric only."""
    above, below = quantities(surface, panels.above), quantities(surface, panels.below)
    notes = [f"{each.label}: {note}" for each in above for note in point_notes(surface, each.name, scale)]
    common = point_notes(surface, panels.ends[0], None)
    notes += [f"curvature: {note}" for note in common]
    for each in below[1:]:
        notes += [f"{each.label}: {note}" for note in point_notes(surface, each.name, None) if note not in common]
    return notes + band_notes(surface, (*panels.above, *panels.below))


def _is_path(surface: Surface) -> bool:
    """A training run whose curvature is known."""
    return surface.grid.axes[0].kind == "step" and surface.find(LARGEST) is not None


KINDS = (
    Kind(
        "curvature",
        SURFACE,
        _scenes,
        ndim=1,
        default=_is_path,
        unused=CURVES_ONLY,
    ),
)
