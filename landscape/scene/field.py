"""One metric of a surface on one scale, made ready to be drawn.

Owns: `build_field`, which puts holes, scale, levels, mesh, light, labels and colours together, and the edges of
heat-map cells. The scale is given: it may have been chosen for several surfaces at once.
"""

from __future__ import annotations

import numpy as np

from landscape.scene import colors
from landscape.scene.holes import hole_notes, holes_of
from landscape.scene.labels import place_labels
from landscape.scene.levels import round_values
from landscape.scene.light import light
from landscape.scene.refine import refine
from landscape.scene.scale import clipping_notes
from landscape.scene.scene import DRAWN, LINEAR, LOG, SYMLOG, Camera, Caption, Field, Mesh, Scale, Ticks
from landscape.scene.text import is_percent, labels_of, metric_label
from landscape.scene.traces import traces_of
from landscape.surfaces.surface import Surface

Z_TICKS = 5
# The share of the length of a colour bar that a label takes.
BAR_ROOM = 0.034
# Shares of the height left free below and above a relief, which else would lie on the floor of its box.
ROOM = (0.04, 0.02)
SMOOTHED = "between grid points: cubic spline"
THINNED = "drawn from every few grid points only"
SCALE_NAMES = {LOG: "log scale", SYMLOG: "symmetric log scale"}


def build_field(
    surface: Surface,
    metric: str,
    scale: Scale,
    *,
    levels: np.ndarray,
    kind: str = "contour",
    camera: Camera | None = None,
    caption: Caption | None = None,
    avoid: np.ndarray | None = None,
) -> Field:
    """The field of a metric with contour lines at `levels` (k,); `camera` is where the relief is seen from.

    The numbers of the lines keep away from the points `avoid` (n, 2).
    """
    percent = is_percent(metric)
    holes = holes_of(surface, metric)
    values = np.where(holes == DRAWN, surface.values[metric], np.nan)
    heights = scale.heights(values)
    drawn = values[holes == DRAWN]
    some = drawn.size > 0
    levels = levels if some and drawn.min() < drawn.max() else np.zeros(0)
    mesh = _mesh(surface.x, surface.y, heights, scale, camera or Camera())
    traces = traces_of(surface, mesh)
    marked = np.concatenate(
        [
            np.zeros((0, 2)) if avoid is None else avoid,
            *(np.column_stack([t.x, t.y]) for t in traces if t.kind != "path"),
        ]
    )
    return Field(
        metric=metric,
        label=with_scale(metric_label(metric), scale),
        percent=percent,
        x=surface.x,
        y=surface.y,
        values=values,
        heights=heights,
        holes=holes,
        x_edges=cell_edges(surface.x),
        y_edges=cell_edges(surface.y),
        scale=scale,
        levels=levels,
        level_ticks=_ticks(levels, scale, percent),
        bar_ticks=_ticks(_apart(levels, scale), scale, percent),
        z_ticks=_ticks(round_values(scale, Z_TICKS) if some else levels, scale, percent),
        label_points=place_labels(mesh.x, mesh.y, mesh.z, scale.heights(levels), marked),
        hole_cells=worst_corner(holes),
        colors=_colors(scale, colors.DEPTH),
        line_colors=_colors(scale, colors.INK, colors.SIGNED_INK),
        relief_colors=_colors(scale, colors.RELIEF),
        mesh=mesh,
        z_range=(scale.low - ROOM[0] * (scale.high - scale.low), scale.high + ROOM[1] * (scale.high - scale.low)),
        traces=traces,
        caption=caption or Caption(),
        notes=(
            *hole_notes(surface, metric),
            *clipping_notes(drawn, scale),
            *_mesh_notes(mesh, heights) * (some and kind != "heatmap"),
        ),
    )


def with_scale(label: str, scale: Scale) -> str:
    """The name of an axis, which tells its scale unless that is linear."""
    return label + (f" ({SCALE_NAMES[scale.kind]})" if scale.kind in SCALE_NAMES else "")


def cell_edges(values: np.ndarray) -> np.ndarray:
    """(n,) -> (n + 1,): half way between neighbours, and as far beyond the ends.

    >>> cell_edges(np.array([0.0, 1.0, 3.0])).tolist()
    [-0.5, 0.5, 2.0, 4.0]
    """
    middle = (values[:-1] + values[1:]) / 2
    first, last = values[0] - (middle[0] - values[0]), values[-1] + (values[-1] - middle[-1])
    return np.concatenate([[first], middle, [last]])


def worst_corner(holes: np.ndarray) -> np.ndarray:
    """(ny, nx) -> (ny - 1, nx - 1): why a cell between four points is not drawn, 0 when it is."""
    return np.maximum(np.maximum(holes[:-1, :-1], holes[1:, :-1]), np.maximum(holes[:-1, 1:], holes[1:, 1:]))


def _mesh_notes(mesh: Mesh, heights: np.ndarray) -> tuple[str, ...]:
    finer, coarser = mesh.z.size > heights.size, any(m < n for m, n in zip(mesh.z.shape, heights.shape, strict=True))
    return (SMOOTHED,) * finer + (THINNED,) * coarser


def _mesh(x: np.ndarray, y: np.ndarray, heights: np.ndarray, scale: Scale, camera: Camera) -> Mesh:
    fine_x, fine_y, z = refine(x, y, heights)
    shade, gloss = light(fine_x, fine_y, z, scale.low, scale.high, camera)
    return Mesh(fine_x, fine_y, z, shade, gloss)


def _apart(levels: np.ndarray, scale: Scale) -> np.ndarray:
    """The levels without those so near to the one before that their labels would overlap."""
    kept: list[float] = []
    for level in levels:
        if not kept or scale.heights(level) - scale.heights(kept[-1]) > BAR_ROOM * (scale.high - scale.low):
            kept.append(level)
    return np.array(kept)


def _ticks(values: np.ndarray, scale: Scale, percent: bool) -> Ticks:
    return Ticks(scale.heights(values), labels_of(values, percent=percent))


def _colors(scale: Scale, points: tuple, signed: tuple = colors.RELIEF) -> tuple[str, ...]:
    """Values of both signs get the map `signed`, with its middle at zero."""
    if scale.kind != LOG and scale.low < 0 < scale.high and scale.kind in (LINEAR, SYMLOG):
        return colors.balanced(signed, scale.low, scale.high)
    return colors.stops(points)
