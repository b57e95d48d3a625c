"""One-dimensional surfaces: losses on the left axis, accuracies on the right one.

Owns: the kind `line`: which metrics become curves, their scale, the nets marked on the axis, and the bands around the
curves. Other kinds of one dimension share these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.errors import UsageError
from landscape.grid import DIRECTION
from landscape.quantity import LOSS, Quantity
from landscape.scene.bands import band_notes, band_of
from landscape.scene.facts.surface import brief, facts, subject
from landscape.scene.hessian import is_curvature
from landscape.scene.holes import DRAWN, drawable, hole_notes, holes_of
from landscape.scene.kinds.kind import NO_COLORS, SURFACE, Kind, Options
from landscape.scene.scale import LINEAR, SYMLOG, Scale, clipping_notes
from landscape.scene.scales import alternatives
from landscape.scene.scene import Caption, Frame, Scene
from landscape.scene.thin import thinned, thinning_notes
from landscape.scene.views.curve import DOTS_UP_TO, axes_of, curve_of, drawing_order
from landscape.scene.views.lines import Curve, Lines
from landscape.surfaces.surface import NETS, Surface

# Letters of a name that a panel of a comparison has room for.
LONG = 36
ON_LINE = "place on the line"
# Half the axis of a single point.
ALONE = 0.5


def _scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    metrics = shared_metrics(surfaces, options.metric)
    scales = left_scales(surfaces, metrics, options)
    return [_scene(surface, metrics, scales, options) for surface in surfaces]


def _scene(surface: Surface, metrics: Sequence[str], scales: Sequence[Scale | None], options: Options) -> Scene:
    known = facts(surface, metrics[0] if len(metrics) == 1 else None, centers=metrics)
    caption = options.caption(subject(surface), what_is_drawn(surface, metrics), known, brief(surface))
    return line_scene(surface, [_lines(surface, metrics, scale, caption) for scale in scales])


def _lines(surface: Surface, metrics: Sequence[str], scale: Scale | None, caption: Caption) -> Lines:
    """The curves of a surface; `scale` is that of the left axis."""
    drawn = quantities(surface, metrics)
    few = len(surface.x) <= DOTS_UP_TO
    curves = tuple(
        metric_curve(surface, each.name, scale, right=right, dots=few) for each, right in drawing_order(drawn)
    )
    left, right = axes_of(drawn, scale)
    notes = tuple(_notes(surface, drawn, scale))
    return Lines(curves=curves, left=left, right=right, marks=marks_of(surface), notes=notes, caption=caption)


def _notes(surface: Surface, drawn: Sequence[Quantity], scale: Scale | None) -> list[str]:
    """Missing and clipped points of each curve, and what the bands are; what is true of some curves only names them."""
    said = {quantity.label: point_notes(surface, quantity.name, scale) for quantity in drawn}
    common = [note for note in next(iter(said.values()), []) if all(note in notes for notes in said.values())]
    own = [f"{label}: {note}" for label, notes in said.items() for note in notes if note not in common]
    return common + own + band_notes(surface, [quantity.name for quantity in drawn])


def quantities(surface: Surface, metrics: Sequence[str]) -> list[Quantity]:
    """The rows of some metrics."""
    return [surface.quantity(metric) for metric in metrics]


def curve_metrics(surface: Surface, metric: str | None = None) -> tuple[str, ...]:
    """The metrics drawn: all losses and accuracies, or those of one name on every split (`loss`: train and test)."""
    rows = quantities(surface, list(surface.values))
    if metric is None:
        usual = [row.name for row in rows if row.kind == LOSS or (row.percent and not is_curvature(surface, row.name))]
        return tuple(usual) or (surface.metric(None),)
    return tuple(row.name for row in rows if metric in (row.name, row.metric)) or (surface.metric(metric),)


def shared_metrics(surfaces: Sequence[Surface], metric: str | None) -> tuple[str, ...]:
    """The curves that all surfaces have.

    Raises:
        UsageError: a surface lacks one that another has.
    """
    sets = [curve_metrics(surface, metric) for surface in surfaces]
    if any(set(s) != set(sets[0]) for s in sets):
        shown = " and ".join(", ".join(s) for s in sets)
        raise UsageError(f"these surfaces hold different metrics ({shown}); choose one that all have")
    return sets[0]


def what_is_drawn(surface: Surface, metrics: Sequence[str]) -> str:
    """The subject of a title: the metric, or what several have in common."""
    drawn = quantities(surface, metrics)
    along = " along a line" if surface.grid.axes[0].kind == DIRECTION else ""
    if len(drawn) == 1:
        return drawn[0].label
    if all(quantity.percent for quantity in drawn):
        return f"accuracy{along}"
    losses = any(quantity.kind == LOSS for quantity in drawn)
    return f"loss{along}" if losses else ", ".join(quantity.label for quantity in drawn)


def left_scales(surfaces: Sequence[Surface], metrics: Sequence[str], options: Options) -> list[Scale | None]:
    """Of the left axis: the chosen scale and the other one; None when only shares are drawn."""
    if options.scale == SYMLOG:
        raise UsageError("scale symlog: a line picture has no symmetric log scale; choose linear or log")
    left = [metric for metric in metrics if not surfaces[0].quantity(metric).percent]
    if not left:
        return [None]
    found = alternatives(surfaces, left, options.scale, options.limits)
    return [scale for scale in found if len(found) == 1 or scale.kind != SYMLOG]


def line_scene(surface: Surface, views: Sequence[Lines]) -> Scene:
    """The views on the axis of a surface, from its first point to its last; a single point stands in the middle."""
    left, ends = views[0].left, (float(surface.x[0]), float(surface.x[-1]))
    if ends[0] == ends[1]:
        ends = ends[0] - ALONE, ends[1] + ALONE
    x_label, nets = surface.grid.axes[0].label or "step along the direction", surface.trails.get(NETS)
    if nets is not None and len(marks_of(surface)) == len(nets.x) > 1:  # their names stand above, each at its place
        x_label = ON_LINE
    elif nets is not None and len(x_label) > LONG:
        x_label = "x: first net (0) to second net (1)"
    return Scene(Frame(x_label, left.label, ends, (left.low, left.high), equal=False), tuple(views))


def metric_curve(
    surface: Surface, metric: str, scale: Scale | None, *, right: bool = False, dots: bool = False
) -> Curve:
    """A metric over the places it was computed at, with its band if errors are known."""
    part = thinned(surface, metric)
    drawn = holes_of(part, metric) == DRAWN
    values, edges = np.where(drawn, part.values[metric], np.nan), band_of(part, metric, _axis_kind(part, metric, scale))
    band = (np.where(drawn, edges[0], np.nan), np.where(drawn, edges[1], np.nan)) if edges else None
    return curve_of(part.quantity(metric), part.x, values, scale, band=band, right=right, dots=dots)


def _axis_kind(surface: Surface, metric: str, scale: Scale | None) -> str:
    """The scale that a curve is drawn on: shares have an axis of their own."""
    return LINEAR if scale is None or surface.quantity(metric).percent else scale.kind


def point_notes(surface: Surface, metric: str, scale: Scale | None) -> list[str]:
    """Where one metric was computed, and which of its points are missing or clipped by `scale`."""
    part = thinned(surface, metric)
    free = scale is None or surface.quantity(metric).percent
    clipped = [] if scale is None or free else clipping_notes(drawable(part, metric), scale)
    return [*thinning_notes(surface, part), *hole_notes(part, metric), *clipped]


def marks_of(surface: Surface) -> tuple[tuple[float, str], ...]:
    """(x, name) of the nets within the picture."""
    nets = surface.trails.get(NETS)
    if nets is None:
        return ()
    labels = nets.labels or ("",) * len(nets.x)
    low, high = surface.x[0], surface.x[-1]
    return tuple((float(x), str(name)) for x, name in zip(nets.x, labels, strict=True) if low <= x <= high)


KINDS = (Kind("line", SURFACE, _scenes, ndim=1, default=lambda surface: True, unused={"cmap": NO_COLORS}),)
