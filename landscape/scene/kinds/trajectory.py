"""Paths of training, or of optimizers, over a plane: where they go, and how far the plane can be believed.

Owns: the kind `trajectory`: the marks along each path, the curves of the losses beside it, and the words. A path of nets seldom
lies in the plane, so beside the loss of each net stands that of its foot, the nearest point of the plane, which is where the path
is drawn; below them the distance between the two. The path of an optimizer over a function of two variables has neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.errors import UsageError
from landscape.quantity import Quantity
from landscape.scene.colors import PATH_COLORS
from landscape.scene.facts.surface import brief, facts, subject
from landscape.scene.kinds.kind import SURFACE, Kind, Options
from landscape.scene.kinds.plane import shared_metric, switchable
from landscape.scene.reach import all_within_reach
from landscape.scene.scale import LINEAR, SYMLOG, Scale, clipping_notes
from landscape.scene.scales import ScaledMetric, scales_for
from landscape.scene.scene import UNEQUAL, Camera, Frame, Scene, camera_for
from landscape.scene.tables import tables_of
from landscape.scene.text import value_text
from landscape.scene.thin import thinned
from landscape.scene.viewpoint import view_for
from landscape.scene.views.course import Course
from landscape.scene.views.curve import DOTS_UP_TO, scaled_axis, share_axis, value_axis
from landscape.scene.views.field import Field, build_field
from landscape.scene.views.flat import BANDS, Flat, beyond_notes, plane_frame, stretch_notes
from landscape.scene.views.lines import Curve, Lines, Strip
from landscape.scene.views.traces import Trace, heights_at
from landscape.surfaces.surface import DONE, Surface, Trail

FOOT = "foot_"
# How far marks with a step are apart, in widths of the picture, and how many there are at most.
APART, MOST_MARKS = 0.16, 7
# The height of the strip of distances beside that of the curves.
STRIP, STRIP_TICKS = 0.55, 3
CLOCKS = {"step": "training step", "epoch": "epoch", "net": "number of the net"}
FEET = "dashed: at the path's foot on the plane, where it is drawn"
Paths = dict[str, Trail]


def paths_of(surface: Surface) -> Paths:
    """The trails of training runs, or of optimizers."""
    runs = {name: trail for name, trail in surface.trails.items() if trail.status is not None}
    return {name: trail for name, trail in runs.items() if len(trail.x) and trail.y is not None}


def _scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    for surface in surfaces:
        if not paths_of(surface):
            raise UsageError(
                f"{surface.source or 'this surface'} has no training path; landscape trajectory RUN --over SURFACE.h5 adds one"
            )
    shown = switchable(surfaces, shared_metric(surfaces, options.metric), options)
    options = replace(options, view=view_for(options.view, surfaces, [shown[0].metric], shown[0].scale))
    return [_scene(surface, shown, options) for surface in surfaces]


def _scene(surface: Surface, shown: Sequence[ScaledMetric], options: Options) -> Scene:
    frame = plane_frame(thinned(surface, shown[0].metric))
    camera = camera_for(frame, options.view)
    views = tuple(_view(surface, each, camera, options) for each in shown)
    return Scene(frame, views, camera, tables_of(surface, [view.flat.field for view in views]))


def _view(surface: Surface, shown: ScaledMetric, camera: Camera, options: Options) -> Course:
    metric, part, paths = shown.metric, thinned(surface, shown.metric), paths_of(surface)
    quantity = surface.quantity(metric)
    what = f"{quantity.label} along training" if _of_nets(paths) else "paths of optimizers"
    caption = options.caption(subject(surface), what, facts(surface, metric), brief(surface, metric))
    # The paths are what is looked at: further lines would only cross them.
    field = build_field(part, metric, shown.scale, levels=shown.levels, camera=camera, cmap=options.cmap, extra=False)
    field = replace(field, traces=(*_traces(paths, quantity, field), *_nets(field)))
    lines = _lines(paths, quantity, shown.scale.kind, options)
    stretched = stretch_notes(surface, plane_frame(part), UNEQUAL)
    notes = (*field.notes, *beyond_notes(field), *stretched, *_notes(paths, metric, field), *lines.notes)
    ends = [trail.step for trail in paths.values() if trail.step is not None]
    first, last = min(float(each[0]) for each in ends), max(float(each[-1]) for each in ends)
    clock = " or ".join(dict.fromkeys(_counted(trail) for trail in paths.values()))
    last = max(last, first + 1)  # a path that goes nowhere
    along = Frame(clock, lines.left.label, (first, last), (lines.left.low, lines.left.high), equal=False)
    steps = tuple(np.arange(len(trail.x)) if trail.step is None else trail.step for trail in paths.values())
    flat = Flat(field=field, paint=BANDS)
    return Course(flat=flat, lines=lines, along=along, steps=steps, caption=caption, notes=notes)


def _counted(trail: Trail) -> str:
    """What the steps of a path count, as an axis says it."""
    return CLOCKS.get(trail.clock, "training step") if trail.nets else trail.clock


def _of_nets(paths: Paths) -> bool:
    """Whether they are paths of nets, not of points on a function."""
    return any(trail.nets for trail in paths.values())


def _nets(field: Field) -> list[Trace]:
    """Named nets that are no paths; the centre is the end of one."""
    return [trace for trace in field.traces if trace.kind == "nets"]


def _traces(paths: Paths, quantity: Quantity, field: Field) -> list[Trace]:
    found = []
    for number, ((name, trail), color) in enumerate(zip(paths.items(), _colors(paths), strict=True)):
        x, y = trail.places.T
        labels = _labels(trail, field) if len(paths) == 1 else ("",) * len(x)
        readings = tuple(_reading(name, trail, quantity, point) for point in range(len(x)))
        z, sides = heights_at(field.mesh, x, y), _sides(trail, field)
        found.append(Trace("path", name, x, y, z, labels, readings, color, sides, _repeats(number, trail)))
    return found


def _sides(trail: Trail, field: Field) -> np.ndarray:
    """(n, 2) signs: across the way that the path takes, to the right of it on the picture."""
    if len(trail.x) < 2:  # a path that goes nowhere
        return np.ones((len(trail.x), 2))
    ahead = np.gradient(_places(trail, field), axis=0)
    across = np.column_stack([ahead[:, 1], -ahead[:, 0]])
    across *= np.where(across[:, :1] < 0, -1.0, 1.0)
    return np.where(across < 0, -1.0, 1.0)


def _places(trail: Trail, field: Field) -> np.ndarray:
    """(n, 2) in widths and heights of the picture."""
    span = np.array([field.x[-1] - field.x[0], field.y[-1] - field.y[0]])
    return trail.places / span


def _colors(paths: Paths) -> list[str]:
    return [PATH_COLORS[number % len(PATH_COLORS)] for number in range(len(paths))]


def _repeats(number: int, trail: Trail) -> bool:
    """Whether a path of an optimizer has the colour of one before it; dashes beside paths of nets are of their feet."""
    return not trail.nets and number // len(PATH_COLORS) % 2 == 1


def _labels(trail: Trail, field: Field) -> tuple[str, ...]:
    """The steps of some nets that are apart in the picture; the first says what is counted."""
    places = _places(trail, field)
    taken = [0]
    for number in range(1, len(places)):
        ahead = np.linalg.norm(places[number] - places[taken], axis=1).min()
        home = np.linalg.norm(places[number] - places[-1])
        if len(taken) < MOST_MARKS and ahead >= APART and home >= APART / 2:
            taken.append(number)
    labels = [""] * len(places)
    for number in taken:
        word = f"{trail.clock} " if number == 0 else ""
        labels[number] = f"{word}{trail.step[number]:g}" if trail.step is not None else ""
    return tuple(labels)


def _reading(name: str, trail: Trail, quantity: Quantity, number: int) -> str:
    """What hovering over a net shows."""
    parts = [name]
    if trail.step is not None:
        parts.append(f"{trail.clock} {trail.step[number]:g}")
    for words, values in (("", _values(trail, quantity.name)), (" at its foot", _values(trail, FOOT + quantity.name))):
        if np.isfinite(values[number]):
            parts.append(f"{quantity.label}{words} {value_text(values[number], percent=quantity.percent)}")
    if trail.residual is not None:
        parts.append(f"{trail.residual[number]:.3g} off the plane")
    return "<br>".join(parts)


def _values(trail: Trail, metric: str) -> np.ndarray:
    """(n,), NaN where it was not computed."""
    known = trail.metrics.get(metric)
    if known is None or trail.status is None:
        return np.full(len(trail.x), np.nan)
    return np.where(trail.status == DONE, all_within_reach({metric: known})[metric], np.nan)


def _lines(paths: Paths, quantity: Quantity, kind: str, options: Options) -> Lines:
    """Losses over the step, of the nets and of their feet, and their distances below."""
    pairs = [(_values(trail, quantity.name), _values(trail, FOOT + quantity.name)) for trail in paths.values()]
    known = np.concatenate([values[np.isfinite(values)] for pair in pairs for values in pair] or [np.zeros(0)])
    distances = [np.zeros(len(trail.x)) if trail.residual is None else trail.residual for trail in paths.values()]
    far = Scale(LINEAR, 0.0, max(float(np.max(each, initial=0.0)) for each in distances) or 1.0)
    axis = scaled_axis("off the plane", far, PATH_COLORS[0], STRIP_TICKS)
    curves = [
        _curve(trail, distance, "", color, far)
        for trail, distance, color in zip(paths.values(), distances, _colors(paths), strict=True)
    ]
    if not known.size:
        return Lines(curves=tuple(curves), left=replace(axis, label="distance off the plane"), right=None)
    limits = options.limits if _of_nets(paths) else options.limits.or_else(vmax=_first(paths, quantity))
    scale = None if quantity.percent else scales_for(known, LINEAR if kind == SYMLOG else kind, limits)[0]
    left = share_axis([quantity]) if scale is None else replace(value_axis([quantity], scale), color=PATH_COLORS[0])
    above: list[Curve] = []
    for (name, trail), (own, foot), color in zip(paths.items(), pairs, _colors(paths), strict=True):
        single = len(paths) == 1
        repeats = _repeats(len(above), trail)
        above.append(_curve(trail, own, "net" if single and trail.nets else name, color, scale, dashed=repeats))
        if _of_nets(paths):
            above.append(_curve(trail, foot, "its foot on the plane" if single else "", color, scale, dashed=True))
    off = any(trail.residual is not None for trail in paths.values())
    notes = () if len(paths) == 1 or not _of_nets(paths) else (FEET,)
    clipped = () if scale is None else tuple(clipping_notes(known, scale))
    return Lines(
        curves=tuple(above),
        left=left,
        right=None,
        strips=(Strip(tuple(curves), axis, STRIP),) if off else (),
        notes=(*notes, *clipped),
    )


def _first(paths: Paths, quantity: Quantity) -> float | None:
    """The value at the start, for optimizers the highest that matters; None if it is not finite."""
    first = max(_values(trail, quantity.name)[0] for trail in paths.values())
    return float(first) if np.isfinite(first) else None


def _curve(
    trail: Trail, values: np.ndarray, label: str, color: str, scale: Scale | None, *, dashed: bool = False
) -> Curve:
    """The finite values of a path over its steps."""
    seen = np.isfinite(values)
    steps = np.arange(len(values)) if trail.step is None else np.asarray(trail.step)
    most = DOTS_UP_TO if trail.nets else 1
    y = values[seen] * 100.0 if scale is None else np.clip(values[seen], scale.vmin, scale.vmax)
    return Curve(
        metric=label, label=label, x=steps[seen], y=y, low=None, high=None, color=color, dashed=dashed, right=False,
        percent=scale is None, dots=int(seen.sum()) <= most,
    )  # fmt: skip


def _notes(paths: Paths, metric: str, field: Field) -> list[str]:
    """Which part of a path is not seen, and which nets were not evaluated."""
    notes, places = [], "nets" if _of_nets(paths) else "points"
    for name, trail in paths.items():
        x, y = trail.places.T
        outside = (x < field.x[0]) | (x > field.x[-1]) | (y < field.y[0]) | (y > field.y[-1])
        of = "" if len(paths) == 1 else f"{name}: "
        if outside.any():
            notes.append(f"{of}{int(outside.sum())} of {len(x)} {places} lie outside of the picture")
        known = int(np.isfinite(_values(trail, metric)).sum())
        if known < len(x):
            notes.append(f"{of}losses of {known} of {len(x)} {places}")
        feet = _values(trail, FOOT + metric)
        lost = (trail.status == DONE) & ~np.isfinite(feet) & np.isfinite(_values(trail, metric))
        if lost.any() and FOOT + metric in trail.metrics:
            notes.append(f"{of}at the feet of {int(lost.sum())} nets the loss is not finite")
        if trail.ended:
            notes.append(f"{of}{trail.ended}")
    return notes


def _has_paths(surface: Surface) -> bool:
    return bool(paths_of(surface))


KINDS = (
    Kind(
        "trajectory", SURFACE, _scenes, ndim=2, default=_has_paths,
        alone="shows all runs on one plane already (landscape trajectory A B)",
    ),
)  # fmt: skip
