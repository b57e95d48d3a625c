"""The predicted class over a plane of inputs, under the contour lines of the loss.

Owns: the kind `classes`: which classes have a colour, what they are called, and the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.errors import UsageError
from landscape.quantity import CLASS, LEAD
from landscape.scene.colors import OVER_PALE
from landscape.scene.facts.inputs import sample_words
from landscape.scene.facts.surface import brief, facts, subject
from landscape.scene.kinds.kind import NO_COLORS, SURFACE, Kind, Options
from landscape.scene.kinds.plane import shared_metric
from landscape.scene.scales import ScaledMetric, scaled
from landscape.scene.scene import Camera, Scene, camera_for
from landscape.scene.tables import tables_of
from landscape.scene.viewpoint import view_for
from landscape.scene.views.field import build_field
from landscape.scene.views.flat import plane_frame
from landscape.scene.views.regions import Regions, ground_of, leads_of, numbered, regions_of
from landscape.surfaces.surface import NETS, Surface

BOUNDARIES = "boundaries between grid points: linear in the lead of the predicted class"


def _scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    for surface in surfaces:
        _check(surface)
    metric = shared_metric(surfaces, options.metric)
    shown = scaled(surfaces, metric, options.scale, options.limits, options.levels)
    classes = numbered([surface.values[_name(surface, CLASS)] for surface in surfaces])
    options = replace(options, view=view_for(options.view, surfaces, [metric], shown[0].scale))
    return [_scene(surface, shown, classes, options) for surface in surfaces]


def _check(surface: Surface) -> None:
    """Raises UsageError where there are no classes to show."""
    who = surface.source or "this surface"
    name = surface.find(CLASS)
    if name is None:
        raise UsageError(
            f"kind 'classes' needs the predicted class at each point, and {who} has none; give a file of landscape inputs"
        )
    if not np.isfinite(surface.values[name]).any():
        raise UsageError(f"kind 'classes': {who} has no finite predicted class; choose heatmap")


def _scene(surface: Surface, shown: Sequence[ScaledMetric], classes: Sequence[int], options: Options) -> Scene:
    frame = plane_frame(surface)
    camera = camera_for(frame, options.view)
    views = tuple(_view(surface, each, classes, camera, options) for each in shown)
    further = [name for role in (CLASS, LEAD) if (name := surface.find(role))]
    return Scene(frame, views, camera, tables_of(surface, [view.field for view in views], further))


def _view(surface: Surface, shown: ScaledMetric, classes: Sequence[int], camera: Camera, options: Options) -> Regions:
    predicted, lead = surface.values[_name(surface, CLASS)], surface.find(LEAD)
    heights = np.ones_like(predicted) if lead is None else surface.values[lead]
    x, y, leads = leads_of(surface.x, surface.y, predicted, heights, classes)
    field = build_field(
        surface, shown.metric, shown.scale, levels=shown.levels, camera=camera, extra=False
    )  # fmt: skip
    ink = (OVER_PALE[0],) * len(field.line_colors)
    names = _names(surface, classes) + ["others"] * (len(leads) - len(classes))
    words = sample_words(surface.known)
    label = surface.quantity(shown.metric).label
    what = f"predicted class and {label}" + (f" around {words}" if words else "")
    return Regions(
        field=replace(field, line_colors=ink, night_colors=ink),
        x=x,
        y=y,
        ground=ground_of(leads),
        leads=leads,
        regions=regions_of(x, y, leads, names, _marks(surface)),
        title="predicted class",
        caption=options.caption(subject(surface), what, facts(surface, shown.metric), brief(surface, shown.metric)),
        notes=(f"thin lines: {field.label}", BOUNDARIES, *field.notes),
    )


def _names(surface: Surface, classes: Sequence[int]) -> list[str]:
    known = (surface.known.input and surface.known.input.classes) or []
    return [known[number] if 0 <= number < len(known) else str(number) for number in classes]


def _marks(surface: Surface) -> np.ndarray:
    """(n, 2) the named points."""
    return surface.trails[NETS].places if NETS in surface.trails else np.zeros((0, 2))


def _name(surface: Surface, role: str) -> str:
    found = surface.find(role)
    assert found is not None  # checked before
    return found


def _has_classes(surface: Surface) -> bool:
    name = surface.find(CLASS)
    return name is not None and bool(np.isfinite(surface.values[name]).any())


KINDS = (Kind("classes", SURFACE, _scenes, ndim=2, default=_has_classes, unused={"cmap": NO_COLORS}),)
