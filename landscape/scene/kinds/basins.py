"""The basins of a plane on its contour lines: which minima the errors leave standing, and the saddles between them.

Owns: the kind `basins`: which basins are numbered, the marks, the tints of their ground, and the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.errors import UsageError
from landscape.scene import colors
from landscape.scene.facts.surface import brief, facts, subject
from landscape.scene.kinds.kind import SURFACE, Kind, Options
from landscape.scene.kinds.plane import shared_metric
from landscape.scene.scales import ScaledMetric, scaled
from landscape.scene.scene import Camera, Scene, camera_for
from landscape.scene.tables import tables_of
from landscape.scene.text import value_text
from landscape.scene.thin import thinned
from landscape.scene.viewpoint import view_for
from landscape.scene.views.field import Field, build_field
from landscape.scene.views.flat import LINES, Flat, plane_frame
from landscape.scene.views.traces import Trace, heights_at
from landscape.surfaces.surface import Surface
from landscape.topology.find import landform
from landscape.topology.landform import Basin, Landform
from landscape.topology.words import count_words, errors_words, limits

# More numbers than that could not be read between the lines.
NUMBERED = 12
# The ground of a basin, and of one within another.
TINTS = tuple(colors.tint(colors.LOSS_COLOR, share) for share in (0.9, 0.75, 0.6))
READING = (
    "dots: minima; crosses: the saddles between them; tinted: the ground below the saddle, darker within another's"
)


def _scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    metric = shared_metric(surfaces, options.metric)
    parts = [thinned(surface, metric) for surface in surfaces]
    for part in parts:
        _check(part)
    shown = scaled(parts, metric, options.scale, options.limits, options.levels)
    options = replace(options, view=view_for(options.view, parts, [metric], shown[0].scale))
    return [_scene(surface, part, shown, options) for surface, part in zip(surfaces, parts, strict=True)]


def _check(surface: Surface) -> None:
    """Raises UsageError where there is no plane to draw on."""
    if min(surface.shape) < 2:
        shape = " x ".join(str(n) for n in reversed(surface.shape))
        who = surface.source or "this surface"
        raise UsageError(f"kind 'basins' needs two points or more along both axes: {who} has {shape}; choose barcode")


def _scene(surface: Surface, part: Surface, shown: Sequence[ScaledMetric], options: Options) -> Scene:
    frame, found = plane_frame(part), landform(part, shown[0].metric)
    camera = camera_for(frame, options.view)
    views = tuple(_view(surface, part, found, each, camera, options) for each in shown)
    return Scene(frame, views, camera, tables_of(surface, [view.field for view in views]))


def _view(
    surface: Surface, part: Surface, found: Landform, shown: ScaledMetric, camera: Camera, options: Options
) -> Flat:
    places = np.array([each.place for each in found.basins]).reshape(-1, 2)
    field = build_field(
        part, shown.metric, shown.scale, levels=shown.levels, camera=camera, avoid=places[:NUMBERED],
        extra=False, cmap=options.cmap,
    )  # fmt: skip
    field = replace(field, traces=(*field.traces, *_traces(found, field)))
    what = f"basins of the {surface.quantity(shown.metric).label}"
    caption = options.caption(subject(surface), what, facts(surface, shown.metric), brief(surface, shown.metric))
    return Flat(
        field=field,
        paint=LINES,
        caption=caption,
        notes=(*_words(found), *field.notes),
        ground=_ground(found),
        tints=TINTS,
    )


def _words(found: Landform) -> list[str]:
    said = [count_words(found), *limits(found)]
    return [*said, READING] + ([f"numbered: the {NUMBERED} deepest"] if len(found.basins) > NUMBERED else [])


def _traces(found: Landform, field: Field) -> list[Trace]:
    """Saddles first, so that minima stand over them; those without a number in grey below the others."""
    marks: list[Trace] = []
    for numbered, color in ((False, colors.OPEN_SIGN), (True, "")):
        shown = [each for each in found.basins if (each.number <= NUMBERED) == numbered]
        marks.append(_saddles([each for each in shown if each.joins], found, field, color))
        names = tuple(str(each.number) if numbered else "" for each in shown)
        readings = tuple(_reading(each, found) for each in shown)
        marks.append(_trace("nets", "minima", [each.place for each in shown], field, names, readings, color))
    return [each for each in marks if len(each.x)]


def _saddles(joined: Sequence[Basin], found: Landform, field: Field, color: str) -> Trace:
    readings = tuple(
        f"saddle between basins {each.number} and {each.joins}<br>{_text(each.saddle_value, found)}" for each in joined
    )
    return _trace("saddles", "saddles", [each.saddle for each in joined], field, ("",) * len(joined), readings, color)


def _trace(
    kind: str, name: str, places: list[tuple[float, float]], field: Field, labels: tuple[str, ...],
    readings: tuple[str, ...], color: str,
) -> Trace:  # fmt: skip
    x, y = np.array(places, dtype=np.float64).reshape(-1, 2).T
    return Trace(kind, name, x, y, heights_at(field.mesh, x, y), labels, readings, color)


def _reading(basin: Basin, found: Landform) -> str:
    said = [f"basin {basin.number}: {_text(basin.value, found)}"]
    if basin.joins:
        said.append(f"{_text(basin.depth, found)} deep below the saddle to basin {basin.joins}")
        if found.errors or found.bounded:
            said.append(f"within {errors_words(found)} at least {_text(basin.certain, found)}")
    return "<br>".join(said)


def _text(value: float, found: Landform) -> str:
    return value_text(value, percent=found.quantity.percent)


def _ground(found: Landform) -> np.ndarray:
    """(ny, nx): how many grounds lie over each other at a point, as far as there are tints."""
    covered = np.zeros(found.shape, dtype=np.int64)
    for each in found.basins:
        if each.region is not None:
            covered += each.region.mask
    return np.minimum(covered, len(TINTS))


KINDS = (Kind("basins", SURFACE, _scenes, ndim=2),)
