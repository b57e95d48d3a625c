"""One metric over three axes, as slices through the net and as isosurfaces.

Owns: the kind `volume`: its scales and levels, the slices, and what is said of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.errors import UsageError
from landscape.scene.facts.surface import brief, facts, subject
from landscape.scene.holes import DRAWN, drawable, hole_notes, holes_of
from landscape.scene.kinds.kind import SURFACE, Kind, Options
from landscape.scene.kinds.plane import shared_metric, switchable
from landscape.scene.palettes import colors_for
from landscape.scene.scale import clipping_notes
from landscape.scene.scales import ScaledMetric
from landscape.scene.scene import Camera, Frame, Scene
from landscape.scene.text import short
from landscape.scene.ticks import ticks_at
from landscape.scene.views.field import NO_DOTS, build_field
from landscape.scene.views.flat import BANDS, Flat, beyond_notes, plane_frame
from landscape.scene.views.volume import FINE, Volume, VolumeSlice, shell_levels, shells_of
from landscape.surfaces.cut import cut
from landscape.surfaces.surface import Surface

# Across z, across y, across x.
ACROSS = (2, 1, 0)


def _scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    for surface in surfaces:
        if min(surface.shape) < 2:
            raise UsageError(f"{surface.source or 'this volume'}: expected two points along each axis; compute more")
    shown = switchable(surfaces, shared_metric(surfaces, options.metric), options)
    return [_scene(surface, shown, options) for surface in surfaces]


def _scene(surface: Surface, shown: Sequence[ScaledMetric], options: Options) -> Scene:
    x, y, z = surface.grid.axes
    spans = [float(axis.values[-1] - axis.values[0]) for axis in (x, y, z)]
    longest = max(spans)
    usual = Camera() if options.view is None else Camera(*options.view)
    camera = Camera(usual.elevation, usual.azimuth, (spans[0] / longest, spans[1] / longest, spans[2] / longest))
    frame = Frame(x.name, y.name, (x.values[0], x.values[-1]), (y.values[0], y.values[-1]))
    return Scene(frame, tuple(_view(surface, each, options) for each in shown), camera)


def _view(surface: Surface, shown: ScaledMetric, options: Options) -> Volume:
    metric, scale, quantity = shown.metric, shown.scale, surface.quantity(shown.metric)
    holes = holes_of(surface, metric)
    values = np.where(holes == DRAWN, surface.values[metric], np.nan)
    heights, drawn = scale.unclipped(values), drawable(surface, metric)
    x, y, z = (axis.values for axis in surface.grid.axes)
    given = not (options.levels is None or isinstance(options.levels, int))
    chosen = shell_levels(shown.levels, drawn, given=given, high=quantity.percent)
    ticks, steps = (ticks_at(levels, scale, percent=quantity.percent) for levels in (chosen, shown.levels))
    shells = shells_of((x, y, z), heights, scale, ticks, colors_for(scale, options.cmap))
    slices = tuple(_slice(surface, shown, options, across) for across in ACROSS)
    left = [f"levels beyond the first {len(chosen)} have no isosurface"] * (given and len(chosen) < len(shown.levels))
    printed = [*_notes(surface, slices, ticks.labels, heights), *_beyond(slices), *left]
    return Volume(
        slices=slices, shells=shells, axes=(x, y, z), names=("x", "y", "z"), heights=heights, steps=steps,
        start=int(np.searchsorted(shown.levels, chosen[len(chosen) // 2])) if len(chosen) else 0,
        caption=options.caption(subject(surface), quantity.label, facts(surface, metric), brief(surface, metric)),
        notes=(*printed, *hole_notes(surface, metric), *clipping_notes(drawn, scale)), printed=tuple(printed),
    )  # fmt: skip


def _slice(surface: Surface, shown: ScaledMetric, options: Options, across: int) -> VolumeSlice:
    plane, at = cut(surface, across)
    names = [axis.name for number, axis in enumerate(surface.grid.axes) if number != across]
    field = build_field(plane, shown.metric, shown.scale, levels=shown.levels, cmap=options.cmap, extra=False)
    # Small panels have no room for numbers in the lines: their values stand beside the colour bar.
    field = replace(field, label_points=field.label_points[:0], dots=NO_DOTS)
    if at != 0:  # the net lies in no such plane
        field = replace(field, traces=tuple(trace for trace in field.traces if trace.kind != "center"))
    usual = plane_frame(plane)
    frame = Frame(names[0], names[1], usual.x_range, usual.y_range, usual.equal)
    return VolumeSlice(
        f"{surface.grid.axes[across].name} = {short(at)}", across, at, frame, Flat(field=field, paint=BANDS)
    )


def _notes(surface: Surface, slices: Sequence[VolumeSlice], labels: Sequence[str], heights: np.ndarray) -> list[str]:
    through = "slices at " + ", ".join(each.name for each in slices)
    shells = [f"isosurface{'s' * (len(labels) > 1)} at {', '.join(labels)}"] if labels else []
    smooth = np.isfinite(heights).all() and min(surface.shape) < FINE
    return [through, *shells, *["between grid points: cubic spline"] * bool(smooth)]


def _beyond(slices: Sequence[VolumeSlice]) -> list[str]:
    return list(dict.fromkeys(note for each in slices for note in beyond_notes(each.flat.field)))


KINDS = (
    Kind(
        "volume", SURFACE, _scenes, ndim=3, default=lambda surface: True,
        alone="has several axes and no place among the panels of a comparison",
    ),
)  # fmt: skip
