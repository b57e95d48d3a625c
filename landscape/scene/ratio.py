"""Maps of curvature: cells in the colour of the Hessian's eigenvalues, under the contour lines of the loss.

Owns: which metrics such a map can show, their scales and colours, and the sparse lines over it. As in figure 7 of Li et al.
2018, dark places are nearly convex and light ones have strong negative curvature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.errors import UsageError
from landscape.scene import colors
from landscape.scene.curve import is_loss
from landscape.scene.field import build_field, cell_edges
from landscape.scene.hessian import MAX, MIN, NEGATIVE, RATIO, check_curvature, is_curvature, ratio_notes
from landscape.scene.holes import drawable, hole_notes, holes_of
from landscape.scene.levels import choose_levels
from landscape.scene.scale import choose_scale
from landscape.scene.scene import DRAWN, LINEAR, LOG, Caption, Field, Scale
from landscape.scene.shared import View, alternatives, scales_for
from landscape.scene.text import is_percent, labels_of, metric_label
from landscape.scene.thin import thinned, thinning_notes
from landscape.surfaces.surface import Surface

MAPPED = (RATIO, MAX, MIN, NEGATIVE)
# Few enough that the cells are seen between the lines.
LINES = 7
# A linear scale shows nothing when nine tenths of the values lie in its lowest twentieth.
MOST, DARKEST = 0.9, 0.05
# Above, negative curvature is the stronger one, and where the largest eigenvalue is near 0 the ratio has no bound.
EQUAL = 1.0
READING = "the darker, the closer to convex"


def map_metric(surfaces: Sequence[Surface], metric: str | None = None) -> str:
    """The metric of the map: the ratio, or another one of the Hessian.

    Raises:
        UsageError: a metric that is none of curvature, or a surface that lacks it.
    """
    wanted = metric or RATIO
    if not is_curvature(wanted):
        raise UsageError(
            f"metric '{metric}': kind 'ratio' maps the Hessian, with the loss as lines; choose {', '.join(MAPPED)}, or "
            "another kind"
        )
    for surface in surfaces:
        check_curvature(surface, wanted)
    return wanted


def map_views(surfaces: Sequence[Surface], metric: str, scale: str, limits: dict) -> list[View]:
    """The metric on its scale and the other one, then the other maps; `scale` and `limits` as in `choose_scale`."""
    others = [m for m in MAPPED if m != metric and all(m in surface.values for surface in surfaces)]
    asked = [(metric, scale, limits), *((other, "auto", {}) for other in others)]
    return [
        View(name, found, np.zeros(0)) for name, kind, ends in asked for found in map_scales(surfaces, name, kind, ends)
    ]


def map_scales(surfaces: Sequence[Surface], metric: str, scale: str, limits: dict) -> list[Scale]:
    """The scale for all values of a metric, and the other one that makes sense: those with an end at 0 keep it."""
    values = np.concatenate([drawable(thinned(surface, metric), metric) for surface in surfaces])
    if metric == RATIO:
        return ratio_scales(values, scale, limits)
    if is_percent(metric) and scale != LOG:
        limits = _with(limits, "vmin", 0.0)
    elif values.size and values.max() <= 0 and scale != LOG:
        limits = _with(limits, "vmax", 0.0)
    return scales_for(values, scale, limits, bounded=is_percent(metric))


def ratio_scales(values: np.ndarray, scale: str, limits: dict) -> list[Scale]:
    """For ratios (n,): linear from 0, or logarithmic when nearly all of that would be dark; then the other one."""
    linear, log_fits = _from_zero(values, limits), _has_log(values, limits)
    if scale == "auto":
        scale = LOG if log_fits and _too_dark(values, linear) else LINEAR
    chosen = linear if scale == LINEAR else choose_scale(values, scale=scale, **limits)
    if scale != LINEAR:
        return [chosen, linear]
    return [chosen, choose_scale(values, scale=LOG, **limits)] if log_fits else [chosen]


def _from_zero(values: np.ndarray, limits: dict) -> Scale:
    """Ratios up to 1 are never clipped; those above are, unless they are the rule."""
    limits = _with(limits, "vmin", 0.0)
    top = float(values.max(initial=0.0))
    if top > EQUAL:
        top = EQUAL if np.median(values) <= EQUAL else choose_scale(values, scale=LINEAR, **limits).vmax
    return choose_scale(values, scale=LINEAR, **(_with(limits, "vmax", top) if top > limits["vmin"] else limits))


def _has_log(values: np.ndarray, limits: dict) -> bool:
    return bool(2 * (values > 0).sum() > values.size) and (limits.get("vmin") is None or limits["vmin"] > 0)


def _too_dark(values: np.ndarray, linear: Scale) -> bool:
    return bool(np.quantile(values, MOST) < linear.vmin + DARKEST * (linear.vmax - linear.vmin))


def _with(limits: dict, name: str, value: float) -> dict:
    """The limits with one more, unless it was asked for."""
    return {**limits, name: value if limits.get(name) is None else limits[name]}


def line_view(surfaces: Sequence[Surface], levels: int | Sequence[float] | None) -> View | None:
    """The loss whose lines lie over the maps, that of the same samples if there is one; None without any loss."""
    splits = [(s.provenance.get("hessian") or {}).get("split") for s in surfaces]
    losses = [f"{splits[0]}_loss", *surfaces[0].values]
    shared = [m for m in losses if is_loss(m) and all(m in surface.values for surface in surfaces)]
    if not shared:
        return None
    scale = alternatives(surfaces, shared[:1], "auto", {})[0]
    return View(shared[0], scale, choose_levels(scale, LINES if levels is None else levels))


def build_lines_over(surface: Surface, view: View) -> Field:
    """The loss on the whole grid, of which the contour lines are drawn."""
    return build_field(surface, view.metric, view.scale, levels=view.levels)


def build_map(surface: Surface, view: View, caption: Caption, lines: Field | None) -> Field:
    """The cells of a metric on the grid it was computed on, with what is to be known of them and of the lines."""
    part = thinned(surface, view.metric)
    field = build_field(part, view.metric, view.scale, levels=view.levels, kind="heatmap", caption=caption)
    low = view.scale.low
    # Values of either sign are told apart by hue, with the pale middle at zero; all others rise from dark to light.
    signed = view.scale.kind != LOG and low < 0
    return replace(
        field,
        x_edges=_to_the_border(part.x, surface.x),
        y_edges=_to_the_border(part.y, surface.y),
        colors=colors.balanced(colors.RELIEF, low, view.scale.high) if signed else colors.stops(colors.DEPTH),
        ink=colors.OVER_PALE if signed else colors.OVER_DARK,
        bar_ticks=field.z_ticks,
        notes=(*_reading(surface, part, view.metric), *field.notes, *_line_notes(surface, lines)),
    )


def _to_the_border(places: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Cell edges, the outer ones at the border of the plane unless another point would fit between."""
    edges = cell_edges(places)
    if places[0] - whole[0] < places[1] - places[0]:
        edges[0] = whole[0]
    if whole[-1] - places[-1] < places[-1] - places[-2]:
        edges[-1] = whole[-1]
    return edges


def _reading(surface: Surface, part: Surface, metric: str) -> list[str]:
    """How the map is read, and on which points."""
    notes = [READING] if metric == RATIO else []
    return notes + map_notes(surface, part, metric)


def map_notes(surface: Surface, part: Surface, metric: str) -> list[str]:
    """On which points a metric was computed, and where it is not what its name says; of any picture of a plane."""
    notes = [f"curvature {note}" for note in thinning_notes(surface, part)]
    if metric == RATIO and MAX in part.values and MIN in part.values:
        drawn = holes_of(part, RATIO) == DRAWN
        notes += ratio_notes(part.values[MIN][drawn], part.values[MAX][drawn])
    return notes


def _line_notes(surface: Surface, lines: Field | None) -> list[str]:
    if lines is None or not len(lines.levels):
        return []
    label, at = metric_label(lines.metric), ", ".join(labels_of(lines.levels, percent=lines.percent))
    missing = [f"{label}: {note}" for note in hole_notes(surface, lines.metric)]
    return [f"lines: {label} at {at}, between grid points by cubic spline", *missing]
