"""A map of differences: of one metric between two surfaces, or between the splits of one.

Owns: the kind `difference`: which values are subtracted, the errors of their difference, and the scale, whose middle is zero.
What one relief under another hides, a map with a sign shows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.errors import UsageError
from landscape.quantity import EVALUATION, VALUE, Quantity
from landscape.scene.facts.surface import facts, subject
from landscape.scene.holes import FAILED_POINT, NOT_COMPUTED, holes_of
from landscape.scene.kinds.kind import SURFACE, Kind, Options, names_of
from landscape.scene.kinds.overlay import pair_of
from landscape.scene.kinds.plane import shared_metric
from landscape.scene.levels import choose_levels
from landscape.scene.reach import within_reach
from landscape.scene.scale import LINEAR, LOG, LOG_FROM_RATIO, SYMLOG, Scale, choose_scale
from landscape.scene.scene import Scene, camera_for
from landscape.scene.tables import tables_of
from landscape.scene.thin import thinned
from landscape.scene.viewpoint import view_for
from landscape.scene.views.field import build_field
from landscape.scene.views.flat import BANDS, Flat, beyond_notes, plane_frame
from landscape.surfaces.bounds import ERRORS, bound_of, error_of
from landscape.surfaces.surface import DONE, FAILED, PENDING, Surface

NAME = "difference"
READING = "{} minus {}; zero is pale"
WITHIN = "dotted: within two standard errors of zero, as if both were independent"
UNKNOWN = "{} of {} points have no error: never dotted"
BOUNDED = "dotted: within the error bounds of zero"
Part = tuple[Surface, str, str]


def _together(surfaces: Sequence[Surface], options: Options) -> Scene:
    first, second = _parts(surfaces, options)
    surface = subtracted(first, second)
    values = surface.values[NAME]
    scales = difference_scales(values[np.isfinite(values)], options)
    frame = plane_frame(surface)
    camera = camera_for(frame, view_for(options.view, [surface], [NAME], scales[0]))
    what = surface.quantity(NAME).label
    caption = options.caption(_about(surfaces), what, _facts(surfaces, first, second))
    error = surface.stderr.get(NAME)
    bounded = any(bound_of(part, metric) is not None for part, metric, _ in (first, second))
    margin = None if error is None else np.abs(values) - (error if bounded else ERRORS * error)
    unknown = 0 if margin is None else int((np.isnan(margin) & np.isfinite(values)).sum())
    unsure = [UNKNOWN.format(unknown, values.size)] * bool(unknown)
    views = []
    for scale in scales:
        levels = choose_levels(scale, options.levels)
        field = build_field(surface, NAME, scale, levels=levels, camera=camera, cmap=options.cmap, extra=False)
        reading = READING.format(second[2], first[2])
        within = [BOUNDED if bounded else WITHIN] * (margin is not None and bool((margin < 0).any()))
        notes = (reading, *within, *unsure, *field.notes, *beyond_notes(field))
        views.append(Flat(field=field, paint=BANDS, margin=margin, caption=caption, notes=notes))
    return Scene(frame, tuple(views), camera, tables_of(surface, [view.field for view in views]))


def subtracted(first: Part, second: Part) -> Surface:
    """A surface with `difference`, second minus first, and its standard error where both have one.

    Error bounds are summed. Standard errors are added as of independent means: those of two nets on the same samples, or of one
    net on two splits of different samples. Where single samples are hard for both nets, the true error is smaller.
    """
    (one, one_metric, one_name), (other, other_metric, other_name) = first, second
    holes = np.maximum(holes_of(one, one_metric), holes_of(other, other_metric))
    with np.errstate(invalid="ignore", over="ignore"):
        values = within_reach(other.values[other_metric] - one.values[one_metric])
    status = np.where(holes == FAILED_POINT, FAILED, np.where(holes == NOT_COMPUTED, PENDING, DONE)).astype(np.uint8)
    quantity = one.quantity(one_metric)
    label = f"{other_name} − {one_name}" if one is other else f"difference in {quantity.label}"
    row = Quantity(NAME, label, quantity.kind if quantity.percent else VALUE, quantity.unit, EVALUATION)
    errors = error_of(one, one_metric), error_of(other, other_metric)
    bounded = bound_of(one, one_metric) is not None or bound_of(other, other_metric) is not None
    together = np.add if bounded else np.hypot  # bounds may add up
    stderr = {} if errors[0] is None or errors[1] is None else {NAME: together(errors[0], errors[1])}
    return Surface(
        one.grid, {NAME: values}, stderr, {EVALUATION: status}, dict(one.trails) if one is other else {},
        one.provenance, one.source, {NAME: row},
    )  # fmt: skip


def difference_scales(values: np.ndarray, options: Options) -> list[Scale]:
    """For differences (n,): linear or symmetric log, as far to one side of zero as to the other, then the other of the two.

    Raises:
        UsageError: a logarithmic scale.
    """
    if options.scale == LOG:
        raise UsageError("scale log: differences have both signs; choose linear or symlog")
    both = np.concatenate([values, -values])
    kind = options.scale
    if kind == "auto":
        size = np.abs(values[values != 0])
        kind = SYMLOG if size.size and size.max() > LOG_FROM_RATIO * np.median(size) else LINEAR
    kinds = [kind, SYMLOG if kind == LINEAR else LINEAR]
    found = []
    for kind in kinds if options.scale == "auto" else kinds[:1]:
        usual = choose_scale(both, scale=kind)
        reach = max(-usual.vmin, usual.vmax)
        limits = options.limits.or_else(-reach, reach)._asdict()
        found.append(choose_scale(values, scale=kind, **limits))
    return found


def _parts(surfaces: Sequence[Surface], options: Options) -> tuple[Part, Part]:
    """(surface, metric, name) of what is subtracted, and of what it is subtracted from."""
    if len(surfaces) == 1:
        low, high = pair_of(surfaces[0], options.metric)
        surface = surfaces[0]
        return (surface, low, surface.quantity(low).label), (surface, high, surface.quantity(high).label)
    if len(surfaces) != 2:
        raise UsageError(f"kind 'difference' takes one or two surfaces, not {len(surfaces)}; give fewer files")
    metric = shared_metric(surfaces, options.metric)
    one, other = (thinned(surface, metric) for surface in surfaces)
    if not (np.array_equal(one.x, other.x) and np.array_equal(one.y, other.y)):
        sizes = " and ".join(f"{len(s.x)} × {len(s.y)} points from ({s.x[0]:g}, {s.y[0]:g})" for s in (one, other))
        raise UsageError(f"kind 'difference' needs the same points, not {sizes}; compute one of them again")
    names = options.names or names_of(surfaces)
    return (one, metric, names[0]), (other, metric, names[1])


def _about(surfaces: Sequence[Surface]) -> str:
    about = {subject(surface) for surface in surfaces}
    return about.pop() if len(about) == 1 else " − ".join(reversed(names_of(surfaces)))


def _facts(surfaces: Sequence[Surface], first: Part, second: Part) -> list[str]:
    """What both share, then the facts of each by name."""
    if len(surfaces) == 1:
        return facts(surfaces[0], centers=[first[1], second[1]])
    known = [facts(surface, metric) for surface, metric, _ in (first, second)]
    shared = [fact for fact in known[0] if fact in known[1]]
    own = [[fact for fact in each if fact not in shared] for each in known]
    return shared + [f"{part[2]}: {', '.join(each)}" for part, each in zip((first, second), own, strict=True) if each]


KINDS = (Kind("difference", SURFACE, together=_together, ndim=2, alone="is a comparison by itself"),)
