"""Maps of curvature: cells in the colour of the Hessian's eigenvalues, under the contour lines of the loss.

Owns: the kind `ratio`: which metrics such a map can show, their scales and colours, and the sparse lines over it. As in
figure 7 of Li et al. 2018, dark places are nearly convex and light ones have strong negative curvature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.errors import UsageError
from landscape.quantity import LARGEST, LOSS, NEGATIVE, PENALIZED, SMALLEST
from landscape.scene.colors import OVER_DARK, OVER_PALE
from landscape.scene.facts.surface import brief, facts, subject
from landscape.scene.hessian import RATIO, check_curvature, is_curvature, map_notes, name_of
from landscape.scene.holes import drawable, hole_notes
from landscape.scene.kinds.kind import SURFACE, Kind, Options
from landscape.scene.levels import choose_levels
from landscape.scene.palettes import is_signed
from landscape.scene.scale import LINEAR, LOG, SYMLOG, Scale, choose_scale
from landscape.scene.scales import NO_LIMITS, Levels, Limits, ScaledMetric, alternatives, scales_for
from landscape.scene.scene import Scene
from landscape.scene.tables import tables_of
from landscape.scene.text import labels_of
from landscape.scene.thin import thinned
from landscape.scene.views.field import Field, build_field, cell_edges
from landscape.scene.views.flat import CELLS, Flat, beyond_notes, plane_frame
from landscape.surfaces.surface import Surface

# The ratio first, then the others that a page can switch to.
MAPPED = (RATIO.name, *map(name_of, (LARGEST, SMALLEST, NEGATIVE)))
# Few enough that the cells are seen between the lines.
LINES = 7
# A linear scale shows little when three quarters of the values lie in its lowest tenth.
MOST, DARKEST = 0.75, 0.1
# With two signs, values below a tenth of the largest have the pale colour of zero; where half of them do, a few cells at the
# border would be all that is seen.
PALE = 0.1
# Above, negative curvature is the stronger one, and where the largest eigenvalue is near 0 the ratio has no bound.
EQUAL = 1.0
READING = "the darker, the closer to convex"


def _scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    shown = _maps(surfaces, _metric(surfaces, options.metric), options.scale, options.limits)
    lines = _line_metric(surfaces, options.levels)
    return [_scene(surface, shown, lines, options) for surface in surfaces]


def _scene(surface: Surface, shown: Sequence[ScaledMetric], lines: ScaledMetric | None, options: Options) -> Scene:
    over = build_field(surface, lines.metric, lines.scale, levels=lines.levels, extra=False) if lines else None
    further = (lines.metric,) if lines else ()
    views = tuple(_view(surface, each, over, options) for each in shown)
    tables = tables_of(surface, [view.field for view in views], further)
    return Scene(plane_frame(surface), views, tables=tables)


def _metric(surfaces: Sequence[Surface], metric: str | None = None) -> str:
    """The metric of the map: the ratio, or another one of the Hessian.

    Raises:
        UsageError: a metric that is not one of curvature, or a surface that lacks it.
    """
    wanted = metric or RATIO.name
    if not is_curvature(surfaces[0], wanted):
        raise UsageError(
            f"metric '{metric}': kind 'ratio' maps the Hessian, with the loss as lines; choose {', '.join(MAPPED)}, or "
            "another kind"
        )
    for surface in surfaces:
        check_curvature(surface, wanted)
    return wanted


def _maps(surfaces: Sequence[Surface], metric: str, scale: str, limits: Limits) -> list[ScaledMetric]:
    """The metric on its scale and the other one, then the other maps; `scale` and `limits` as in `choose_scale`."""
    shown = [ScaledMetric(metric, found, np.zeros(0)) for found in _scales(surfaces, metric, scale, limits)]
    for other in MAPPED:
        if other != metric and all(other in surface.values for surface in surfaces):
            shown += [ScaledMetric(other, found, np.zeros(0)) for found in _scales(surfaces, other, "auto", NO_LIMITS)]
    return shown


def _scales(surfaces: Sequence[Surface], metric: str, scale: str, limits: Limits) -> list[Scale]:
    """The scale for all values of a metric, and the other one that makes sense: those with an end at 0 keep it."""
    values = np.concatenate([drawable(thinned(surface, metric), metric) for surface in surfaces])
    percent = surfaces[0].quantity(metric).percent
    if metric == RATIO.name:
        return ratio_scales(values, scale, limits)
    if percent and scale != LOG:
        limits = limits.or_else(vmin=0.0)
    elif values.size and values.max() <= 0 and scale != LOG:
        limits = limits.or_else(vmax=0.0)
    if scale == "auto" and not percent and (values < 0).any():
        size = np.abs(values[values != 0])
        scale = SYMLOG if np.median(size) < PALE * size.max() else scale
    return scales_for(values, scale, limits, bounded=percent)


def ratio_scales(values: np.ndarray, scale: str, limits: Limits) -> list[Scale]:
    """For ratios (n,): linear from 0, or logarithmic when nearly all of that would be dark; then the other one."""
    linear, log_fits = _from_zero(values, limits), _has_log(values, limits)
    if scale == "auto":
        scale = LOG if log_fits and _too_dark(values, linear) else LINEAR
    chosen = linear if scale == LINEAR else choose_scale(values, scale=scale, **limits._asdict())
    if scale != LINEAR:
        return [chosen, linear]
    return [chosen, choose_scale(values, scale=LOG, **limits._asdict())] if log_fits else [chosen]


def _from_zero(values: np.ndarray, limits: Limits) -> Scale:
    """Ratios up to 1 are never clipped; those above are, unless most are."""
    limits = limits.or_else(vmin=0.0)
    top = float(values.max(initial=0.0))
    if top > EQUAL:
        top = EQUAL if np.median(values) <= EQUAL else choose_scale(values, scale=LINEAR, **limits._asdict()).vmax
    if limits.vmin is None or top > limits.vmin:
        limits = limits.or_else(vmax=top)
    return choose_scale(values, scale=LINEAR, **limits._asdict())


def _has_log(values: np.ndarray, limits: Limits) -> bool:
    return bool(2 * (values > 0).sum() > values.size) and (limits.vmin is None or limits.vmin > 0)


def _too_dark(values: np.ndarray, linear: Scale) -> bool:
    return bool(np.quantile(values, MOST) < linear.vmin + DARKEST * (linear.vmax - linear.vmin))


def _line_metric(surfaces: Sequence[Surface], levels: Levels) -> ScaledMetric | None:
    """The loss whose lines lie over the maps, on the samples of the Hessian if there is one; None without any loss."""
    first = surfaces[0]
    split = first.known.hessian and first.known.hessian.split
    losses = [first.quantity(name) for name in first.values if all(name in surface.values for surface in surfaces)]
    losses = [quantity for quantity in losses if quantity.kind == LOSS]
    if not losses:
        return None
    name = min(losses, key=lambda quantity: quantity.split != split or quantity.role == PENALIZED).name
    scale = alternatives(surfaces, [name], "auto", NO_LIMITS)[0]
    return ScaledMetric(name, scale, choose_levels(scale, LINES if levels is None else levels))


def _view(surface: Surface, shown: ScaledMetric, over: Field | None, options: Options) -> Flat:
    """The cells of a metric on the grid it was computed on, with notes on them and on the lines."""
    metric, part = shown.metric, thinned(surface, shown.metric)
    centers = (metric, *([over.metric] if over else []))
    caption = options.caption(
        subject(surface), surface.quantity(metric).label, facts(surface, centers=centers), brief(surface)
    )
    field = build_field(part, metric, shown.scale, levels=shown.levels, smooth=False, cmap=options.cmap)
    # Values of either sign are distinguished by hue, with the pale middle at zero; all others rise from dark to light.
    field = replace(
        field,
        x_edges=_to_the_border(part.x, surface.x),
        y_edges=_to_the_border(part.y, surface.y),
        ink=OVER_PALE if is_signed(shown.scale) else OVER_DARK,
        bar_ticks=field.z_ticks,
    )
    reading = [READING] * (metric == RATIO.name)
    notes = (
        *reading,
        *map_notes(surface, part, metric),
        *field.notes,
        *beyond_notes(field, cells=True),
        *_line_notes(surface, over),
    )
    return Flat(field=field, paint=CELLS, over=over, relief=False, caption=caption, notes=notes)


def _to_the_border(places: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Cell edges, the outer ones at the border of the plane unless another point would fit between."""
    edges = cell_edges(places)
    if places[0] - whole[0] < places[1] - places[0]:
        edges[0] = whole[0]
    if whole[-1] - places[-1] < places[-1] - places[-2]:
        edges[-1] = whole[-1]
    return edges


def _line_notes(surface: Surface, lines: Field | None) -> list[str]:
    if lines is None or not len(lines.levels):
        return []
    label, at = lines.quantity.label, ", ".join(labels_of(lines.levels, percent=lines.percent))
    missing = [f"{label}: {note}" for note in hole_notes(surface, lines.metric)]
    return [f"lines: {label} at {at}, between grid points piecewise cubic", *missing]


KINDS = (Kind("ratio", SURFACE, _scenes, ndim=2),)
