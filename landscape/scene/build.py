"""From a surface to a picture's description.

Owns: the kinds of pictures, which of them fit which surface, and `build_scene`. Decides through the other files of
this room; draws nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from landscape.errors import UsageError
from landscape.scene.curvature import Panels, build_curvature, ends_scale, panels_of, what_is_seen
from landscape.scene.facts import facts, subject
from landscape.scene.field import build_field, cell_edges
from landscape.scene.hessian import MAX, check_curvature, is_aside, is_curvature, with_ratio
from landscape.scene.holes import drawable
from landscape.scene.lines import build_lines, check_metrics, what_is_drawn
from landscape.scene.overlay import build_overlay, pair_of
from landscape.scene.ratio import build_lines_over, build_map, line_view, map_metric, map_notes, map_views
from landscape.scene.scene import LINEAR, SYMLOG, Camera, Caption, Field, Frame, Lines, Scale, Scene
from landscape.scene.shared import View, alternatives, scales_and_levels, views_of
from landscape.scene.spread import build_spread, check_spread
from landscape.scene.tables import tables_of
from landscape.scene.text import is_percent, metric_label
from landscape.scene.thin import thinned
from landscape.surfaces.surface import Surface

# A unit of x and a unit of y are drawn equally long unless one side became this many times the other.
EQUAL_UP_TO = 3.0


@dataclass(frozen=True)
class Kind:
    """How a kind of picture is built, and for how many axes it is.

    `together` makes one picture of all surfaces; what is `alone` already compares, and has no place among the panels of a
    comparison.
    """

    ndim: int
    build: Callable[..., list[Scene]]
    together: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Options:
    """What the user asked for, unchanged."""

    kind: str
    metric: str | None = None
    scale: str = "auto"
    levels: int | Sequence[float] | None = None
    vmin: float | None = None
    vmax: float | None = None
    title: str | None = None


def default_kind(surface: Surface) -> str:
    """The picture a surface gets when none is asked for."""
    if surface.ndim == 1:
        return "curvature" if surface.grid.axes[0].kind == "step" and MAX in surface.values else "line"
    return "contour"


def build_scene(
    surface: Surface,
    *,
    kind: str,
    metric: str | None = None,
    scale: str = "auto",
    levels: int | Sequence[float] | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
) -> Scene:
    """The picture of one surface.

    `metric` None is the first loss (all losses and accuracies on a line picture). `scale` is auto, linear, log or
    symlog. `levels` is about how many contour lines, or their values. `vmin` and `vmax` limit the drawn values.

    Raises:
        UsageError: no such kind or metric, a kind for another number of axes, or limits that cannot be.
    """
    return build_scenes([surface], Options(kind, metric, scale, levels, vmin, vmax, title))[0]


def build_scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    """One picture per surface, all on one scale; of a kind that lays surfaces together, one picture of all.

    Raises:
        UsageError: see `build_scene`; also surfaces that hold different metrics.
    """
    if options.kind not in KINDS:
        raise UsageError(f"kind '{options.kind}': expected one of {', '.join(KINDS)}")
    chosen = KINDS[options.kind]
    for surface in surfaces:
        if surface.ndim != chosen.ndim:
            raise UsageError(_misfit(surface, options.kind))
    return chosen.build([_shown(surface, options.metric) for surface in surfaces], options)


def _shown(surface: Surface, metric: str | None) -> Surface:
    """The surface with what is derived from its values, if `metric` is to be found there."""
    shown = with_ratio(surface.showing(metric))
    if metric and "," not in metric and is_curvature(metric):
        check_curvature(shown, metric)
    return shown


def _misfit(surface: Surface, kind: str) -> str:
    fitting = [name for name, entry in KINDS.items() if entry.ndim == surface.ndim]
    who = surface.source or "this surface"
    return f"kind '{kind}' does not fit {who}, which has {surface.ndim} axes; choose {' or '.join(fitting)}".replace(
        "1 axes", "1 axis"
    )


def _plane_scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    views = _views(surfaces, _shared_metric(surfaces, options.metric), options)
    return [_plane_scene(surface, views, options) for surface in surfaces]


def _plane_scene(surface: Surface, views: Sequence[View], options: Options) -> Scene:
    frame = _frame(thinned(surface, views[0].metric), options.kind)
    camera = camera_for(frame)
    fields = tuple(_plane_field(surface, view, camera, options) for view in views)
    return Scene(options.kind, frame, fields=fields, camera=camera, tables=tables_of(surface, fields))


def _plane_field(surface: Surface, view: View, camera: Camera, options: Options) -> Field:
    part = thinned(surface, view.metric)
    caption = _caption(surface, metric_label(view.metric), facts(surface, view.metric), options)
    how = {"levels": view.levels, "kind": options.kind, "camera": camera, "caption": caption}
    field = build_field(part, view.metric, view.scale, **how)
    return replace(field, notes=(*map_notes(surface, part, view.metric), *field.notes))


def _map_scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    limits = {"vmin": options.vmin, "vmax": options.vmax}
    views = map_views(surfaces, map_metric(surfaces, options.metric), options.scale, limits)
    lines = line_view(surfaces, options.levels)
    return [_map_scene(surface, views, lines, options) for surface in surfaces]


def _map_scene(surface: Surface, views: Sequence[View], lines: View | None, options: Options) -> Scene:
    contours = build_lines_over(surface, lines) if lines else None
    told = (lines.metric,) if lines else ()
    fields = []
    for view in views:
        known = facts(surface, centers=(view.metric, *told))
        fields.append(build_map(surface, view, _caption(surface, metric_label(view.metric), known, options), contours))
    tables = tables_of(surface, fields, told)
    return Scene(options.kind, _frame(surface, options.kind), fields=tuple(fields), contours=contours, tables=tables)


def _shared_metric(surfaces: Sequence[Surface], metric: str | None) -> str:
    names = [surface.metric(metric) for surface in surfaces]
    if len(set(names)) > 1:
        raise UsageError(f"these surfaces hold different metrics ({', '.join(names)}); choose one that all have")
    return names[0]


def _views(surfaces: Sequence[Surface], metric: str, options: Options) -> list[View]:
    """The chosen metric first, on the chosen scale and the other one, then the other metrics alike."""
    limits = {"vmin": options.vmin, "vmax": options.vmax}
    views = views_of(_parts(surfaces, metric), metric, options.scale, limits, options.levels)
    for other in surfaces[0].values:
        if other != metric and not is_aside(other) and all(other in surface.values for surface in surfaces):
            views += views_of(_parts(surfaces, other), other)
    return views


def _parts(surfaces: Sequence[Surface], metric: str) -> list[Surface]:
    """Each surface on the points that the metric was computed on."""
    return [thinned(surface, metric) for surface in surfaces]


def _overlay_scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    return [_overlay_scene(surface, options) for surface in surfaces]


def _overlay_scene(surface: Surface, options: Options) -> Scene:
    pair, frame = pair_of(surface, options.metric), _frame(surface, options.kind)
    limits, camera = {"vmin": options.vmin, "vmax": options.vmax}, camera_for(frame)
    scales = scales_and_levels([surface], (pair.first, pair.second), options.scale, limits, options.levels)
    how = {"relief": options.kind == "overlay3d", "title": options.title}
    overlays = tuple(build_overlay(surface, pair, scale, levels, camera, **how) for scale, levels in scales)
    tables = tables_of(surface, [layer.field for layer in overlays[0].layers])
    return Scene(options.kind, frame, camera=camera, overlays=overlays, tables=tables)


def camera_for(frame: Frame) -> Camera:
    """The box of the relief has the proportions of the plane where those of the flat picture have them."""
    width, height = frame.x_range[1] - frame.x_range[0], frame.y_range[1] - frame.y_range[0]
    _, _, up = Camera().box
    return Camera(box=(width / max(width, height), height / max(width, height), up)) if frame.equal else Camera()


def _frame(surface: Surface, kind: str) -> Frame:
    x, y = (cell_edges(v) if kind == "heatmap" else v for v in (surface.x, surface.y))
    width, height = float(x[-1] - x[0]), float(y[-1] - y[0])
    return Frame(
        surface.grid.axes[0].label or "x direction",
        surface.grid.axes[1].label or "y direction",
        (float(x[0]), float(x[-1])),
        (float(y[0]), float(y[-1])),
        equal=max(width, height) <= EQUAL_UP_TO * min(width, height),
    )


def _line_scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    metrics = check_metrics(surfaces, options.metric)
    scales = _line_scales(surfaces, metrics, options)
    return [_line_scene(surface, metrics, scales, options) for surface in surfaces]


def _line_scales(surfaces: Sequence[Surface], metrics: Sequence[str], options: Options) -> list[Scale | None]:
    """Of the left axis: the chosen scale and the other one; None when only shares are drawn."""
    if options.scale == SYMLOG:
        raise UsageError("scale symlog: a line picture has no symmetric log scale; choose linear or log")
    limits = {"vmin": options.vmin, "vmax": options.vmax}
    left = [m for m in metrics if not is_percent(m)]
    scales: list[Scale | None] = list(alternatives(surfaces, left, options.scale, limits)) if left else [None]
    if len(scales) == 2:
        scales = [scale for scale in scales if scale.kind != SYMLOG]
    return scales


def _spread_scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    if options.metric and is_curvature(options.metric):
        surfaces = _parts(surfaces, options.metric)
    check_spread(surfaces)
    _refuse_levels(options)
    metrics = check_metrics(surfaces, options.metric)
    scales = _line_scales(surfaces, metrics, options)
    lines = tuple(build_spread(surfaces, metrics, scale, options.title) for scale in scales)
    return [Scene(options.kind, _line_frame(surfaces[0], lines[0]), lines=lines)]


def _line_scene(surface: Surface, metrics: Sequence[str], scales: Sequence[Scale | None], options: Options) -> Scene:
    one = metrics[0] if len(metrics) == 1 else None
    caption = _caption(surface, what_is_drawn(metrics), facts(surface, one, centers=metrics), options)
    lines = tuple(build_lines(surface, metrics, scale, caption) for scale in scales)
    return Scene("line", _line_frame(surface, lines[0]), lines=lines)


def _curvature_scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    _refuse_levels(options)
    panels = panels_of(surfaces, options.metric)
    options = _unclipped(surfaces, panels.above, options)
    scales = []
    for number, scale in enumerate(_line_scales(surfaces, panels.above, options)):
        # What is switched to a linear scale is switched as a whole.
        asked = options.scale if scale is None or not number else scale.kind
        scales.append((scale, ends_scale(surfaces, linear=asked == LINEAR)))
    return [_curvature_scene(surface, panels, scales, options) for surface in surfaces]


def _unclipped(surfaces: Sequence[Surface], metrics: Sequence[str], options: Options) -> Options:
    """With the ends of the losses as limits: the high loss that a run begins with is what the picture is about."""
    losses = [drawable(thinned(surface, m), m) for surface in surfaces for m in metrics if not is_percent(m)]
    values = np.concatenate(losses) if losses else np.zeros(0)
    if not values.size or values.min() <= 0 or values.min() == values.max():
        return options
    low, high = (
        float(v) if given is None else given
        for v, given in ((values.min(), options.vmin), (values.max(), options.vmax))
    )
    return replace(options, vmin=low, vmax=high) if low < high else options


def _curvature_scene(surface: Surface, panels: Panels, scales: Sequence[tuple], options: Options) -> Scene:
    known = facts(surface, centers=(*panels.above, *panels.ends))
    caption = _caption(surface, what_is_seen(surface), known, options)
    lines = tuple(build_curvature(surface, panels, scale, ends, caption) for scale, ends in scales)
    return Scene(options.kind, _line_frame(surface, lines[0]), lines=lines)


def _refuse_levels(options: Options) -> None:
    if options.levels is not None:
        raise UsageError(f"levels do not apply to kind '{options.kind}': it has no contour lines; leave them out")


def _line_frame(surface: Surface, lines: Lines) -> Frame:
    left, ends = lines.left, (float(surface.x[0]), float(surface.x[-1]))
    x_label = surface.grid.axes[0].label or "step along the direction"
    return Frame(x_label, left.label, ends, (left.low, left.high), equal=False)


def _caption(surface: Surface, what: str, known: Sequence[str], options: Options) -> Caption:
    title = ": ".join(filter(None, [subject(surface), what]))
    return Caption(title if options.title is None else options.title, tuple(known))


KINDS = {
    "contour": Kind(2, _plane_scenes),
    "filled": Kind(2, _plane_scenes),
    "heatmap": Kind(2, _plane_scenes),
    "surface": Kind(2, _plane_scenes),
    "ratio": Kind(2, _map_scenes),
    "overlay": Kind(2, _overlay_scenes, alone=True),
    "overlay3d": Kind(2, _overlay_scenes, alone=True),
    "line": Kind(1, _line_scenes),
    "spread": Kind(1, _spread_scenes, together=True, alone=True),
    "curvature": Kind(1, _curvature_scenes),
}
# The kinds that lay all surfaces into one picture.
TOGETHER = tuple(name for name, kind in KINDS.items() if kind.together)
