"""One metric over a plane, as contour lines, filled bands, cells, or a relief.

Owns: the kinds `contour`, `filled`, `heatmap` and `surface`, and which metrics an interactive page can switch to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from landscape.errors import UsageError
from landscape.scene.best import Best, best_of, places_of, with_best
from landscape.scene.facts.surface import brief, facts, subject
from landscape.scene.hessian import map_notes
from landscape.scene.kinds.kind import SURFACE, Kind, Options
from landscape.scene.scales import ScaledMetric, scaled
from landscape.scene.scene import UNEQUAL, Camera, Scene, camera_for
from landscape.scene.tables import tables_of
from landscape.scene.thin import thinned
from landscape.scene.viewpoint import view_for
from landscape.scene.views.field import build_field, extra_notes
from landscape.scene.views.flat import BANDS, CELLS, LINES, Flat, beyond_notes, plane_frame, stretch_notes
from landscape.scene.views.relief import Relief
from landscape.surfaces.surface import Surface


def _scenes(surfaces: Sequence[Surface], options: Options, *, paint: str | None) -> list[Scene]:
    """One scene each; `paint` as in `Flat`, None for a relief."""
    shown = switchable(surfaces, shared_metric(surfaces, options.metric), options)
    options = replace(options, view=view_for(options.view, surfaces, [shown[0].metric], shown[0].scale))
    marks = _marks(surfaces, [each.metric for each in shown]) if options.best else {}
    return [
        _scene(surface, shown, options, paint, {metric: each[number] for metric, each in marks.items()})
        for number, surface in enumerate(surfaces)
    ]


def _marks(surfaces: Sequence[Surface], metrics: Sequence[str]) -> dict[str, list[tuple[Best, ...]]]:
    """Of each metric that has a best value, the marks of each surface; raises UsageError where the first has none."""
    ranked = [metric for metric in metrics if surfaces[0].quantity(metric).better]
    if metrics[0] not in ranked:
        raise UsageError(
            f"best: no value of {metrics[0]} is known to be better than another; choose a loss or an accuracy as metric, or "
            "leave best out"
        )
    return {metric: best_of(surfaces, metric) for metric in ranked}


def _scene(
    surface: Surface, shown: Sequence[ScaledMetric], options: Options, paint: str | None, best: Mapping[str, Sequence[Best]]
) -> Scene:  # fmt: skip
    """`best`: the marked points of each metric."""
    frame = plane_frame(thinned(surface, shown[0].metric), cells=paint == CELLS)
    camera = camera_for(frame, options.view)
    views = tuple(_view(surface, each, camera, options, paint, best.get(each.metric, ())) for each in shown)
    return Scene(frame, views, camera, tables_of(surface, [view.field for view in views]))


def _view(
    surface: Surface, shown: ScaledMetric, camera: Camera, options: Options, paint: str | None, best: Sequence[Best]
) -> Flat | Relief:
    metric, part = shown.metric, thinned(surface, shown.metric)
    caption = options.caption(
        subject(surface), surface.quantity(metric).label, facts(surface, metric), brief(surface, metric)
    )
    drawn = build_field(
        part, metric, shown.scale, levels=shown.levels, smooth=paint != CELLS, camera=camera, cmap=options.cmap,
        extra=_counted(options), avoid=places_of(best),
    )  # fmt: skip
    field = with_best(drawn, best)
    sides = camera.box[1] / camera.box[0] if paint is None else UNEQUAL
    marked = [words for each in best for words in each.words]
    notes = (
        *marked,
        *map_notes(surface, part, metric),
        *field.notes,
        *(() if paint is None else extra_notes(field.extra_ticks)),
        *stretch_notes(surface, plane_frame(surface), sides),
    )
    if paint is None:
        return Relief(field=field, caption=caption, notes=notes)
    notes = (*notes, *beyond_notes(field, cells=paint == CELLS))
    return Flat(field=field, paint=paint, caption=caption, notes=notes)


def _counted(options: Options) -> bool:
    """Whether lines may be added: where their values were given, these are all."""
    return options.levels is None or isinstance(options.levels, int)


def shared_metric(surfaces: Sequence[Surface], metric: str | None) -> str:
    names = [surface.metric(metric) for surface in surfaces]
    if len(set(names)) > 1:
        raise UsageError(f"these surfaces hold different metrics ({', '.join(names)}); choose one that all have")
    return names[0]


def switchable(surfaces: Sequence[Surface], metric: str, options: Options) -> list[ScaledMetric]:
    """The chosen metric first, on the chosen scale and the other one, then the other metrics likewise."""
    shown = scaled(_parts(surfaces, metric), metric, options.scale, options.limits, options.levels)
    for other in surfaces[0].values:
        aside = other == metric or surfaces[0].quantity(other).aside
        if not aside and all(other in surface.values for surface in surfaces):
            shown += scaled(_parts(surfaces, other), other)
    return shown


def _parts(surfaces: Sequence[Surface], metric: str) -> list[Surface]:
    """Each surface on the points that the metric was computed on."""
    return [thinned(surface, metric) for surface in surfaces]


KINDS = (
    Kind("contour", SURFACE, partial(_scenes, paint=LINES), ndim=2, default=lambda surface: True, best=True),
    Kind(
        "filled",
        SURFACE,
        partial(_scenes, paint=BANDS),
        ndim=2,
        default=lambda surface: bool(surface.known.connect),
        best=True,
    ),
    Kind("heatmap", SURFACE, partial(_scenes, paint=CELLS), ndim=2, best=True),
    Kind("surface", SURFACE, partial(_scenes, paint=None), ndim=2, best=True),
)
