"""One metric of a surface on one scale, made ready to be drawn: what flat pictures, reliefs and overlays show.

Owns: `Field` and `build_field`, which puts holes, scale, levels, mesh, labels and colours together, and the edges of
heat-map cells. The scale is given: it may have been chosen for several surfaces at once.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from landscape.quantity import Quantity
from landscape.scene.asides import EXTRA, SMOOTHED
from landscape.scene.colors import OVER_DARK
from landscape.scene.holes import DRAWN, hole_notes, holes_of
from landscape.scene.levels import extra_levels, round_values
from landscape.scene.palettes import colors_for, inks_for, nights_for
from landscape.scene.scale import Scale, clipping_notes
from landscape.scene.scene import Camera
from landscape.scene.ticks import NO_TICKS, Ticks, offset_of, spaced, ticks_at
from landscape.scene.views.labels import APART, along, place_labels
from landscape.scene.views.mesh import Mesh, mesh_of
from landscape.scene.views.roughness import roughness_notes
from landscape.scene.views.traces import PATH, Trace, traces_of
from landscape.surfaces.surface import Surface

Z_TICKS = 5
# The share of an upright axis that a label takes.
Z_ROOM = 0.07
# On a side: the points of a coarser grid are marked, since what is drawn between them is a guess.
COARSE = 15
NO_DOTS = np.zeros((0, 3))
# Shares of the height left free below and above a relief, which would otherwise lie on the floor of its box.
ROOM = (0.04, 0.02)
THINNED = "drawn from every few grid points only"


@dataclass(frozen=True, eq=False)
class Field:
    """One metric over the plane on one scale.

    `values` and `heights` (ny, nx) are NaN in holes; `holes` (ny, nx) holds the codes of holes.py, and `hole_cells`
    (ny - 1, nx - 1) those of the cells between four points. Cell (iy, ix) of a heat map lies between `x_edges[ix]` and
    `x_edges[ix + 1]`, and likewise in y. `label_points` (k, 3) holds x, y of an inline label and the number of its level.
    `colors` are equidistant from the lowest height to the highest, `line_colors` their form for lines on white and
    `night_colors` that on a dark ground.
    `level_ticks` mark every level, and so do `bar_ticks`, with a label where there is room beside a bar. `extra_ticks` are more
    lines of this field alone, dashed, with their numbers at `extra_points` (k, 3), and not on the bar. `z_range` is the height of
    the box around the relief. `notes` say what is missing, beyond the range or interpolated. `ink` are the colours of lines that
    lie over the cells, and of their rim. `dots` (n, 3) are x, y and height of the grid points, if they are few.
    """

    quantity: Quantity
    label: str
    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    heights: np.ndarray
    holes: np.ndarray
    x_edges: np.ndarray
    y_edges: np.ndarray
    scale: Scale
    levels: np.ndarray
    level_ticks: Ticks
    bar_ticks: Ticks
    z_ticks: Ticks
    label_points: np.ndarray
    hole_cells: np.ndarray
    colors: tuple[str, ...]
    line_colors: tuple[str, ...]
    night_colors: tuple[str, ...]
    mesh: Mesh
    z_range: tuple[float, float]
    traces: tuple[Trace, ...] = ()
    notes: tuple[str, ...] = ()
    ink: tuple[str, str] = OVER_DARK
    extra_ticks: Ticks = dataclasses.field(default_factory=lambda: NO_TICKS)
    extra_points: np.ndarray = dataclasses.field(default_factory=lambda: NO_DOTS)
    dots: np.ndarray = dataclasses.field(default_factory=lambda: NO_DOTS)

    @property
    def metric(self) -> str:
        return self.quantity.name

    @property
    def unnumbered(self) -> Field:
        """Without places for numbers, which would cover a small picture."""
        return dataclasses.replace(self, label_points=NO_DOTS, extra_points=NO_DOTS)

    @property
    def percent(self) -> bool:
        return self.quantity.percent


def build_field(
    surface: Surface,
    metric: str,
    scale: Scale,
    *,
    levels: np.ndarray,
    camera: Camera | None = None,
    smooth: bool = True,
    avoid: np.ndarray | None = None,
    cmap: str | None = None,
    extra: bool = True,
) -> Field:
    """The field of a metric with contour lines at `levels` (k,); `camera` is where the relief is seen from.

    `cmap` names the colours, see `palettes.colors_for`. `smooth` says whether the picture shows what lies between the grid
    points, `extra` whether lines are added where it would look flat. Numbers of lines keep away
    from what lies on the plane, and from the points `avoid` (n, 2).
    """
    quantity, holes = surface.quantity(metric), holes_of(surface, metric)
    values = np.where(holes == DRAWN, surface.values[metric], np.nan)
    drawn, heights = values[holes == DRAWN], scale.heights(values)
    levels = levels if drawn.size and drawn.min() < drawn.max() else np.zeros(0)
    mesh = mesh_of(surface.x, surface.y, scale.unclipped(values), scale, camera or Camera())
    traces, percent = traces_of(surface, mesh), quantity.percent
    further = extra_levels(scale, levels, drawn) if extra and smooth and len(levels) else levels[:0]
    extra_ticks, occupied = ticks_at(further, scale, percent=percent), _occupied(surface, traces, avoid)
    extra_points = place_labels(mesh.x, mesh.y, mesh.z, extra_ticks.heights, occupied)
    occupied = np.concatenate([occupied, extra_points[:, :2]])
    return Field(
        quantity=quantity,
        label=scale.named(quantity.label) + (f" − {offset_of(scale):.15g}" if offset_of(scale) else ""),
        x=surface.x,
        y=surface.y,
        values=values,
        heights=heights,
        holes=holes,
        x_edges=cell_edges(surface.x),
        y_edges=cell_edges(surface.y),
        scale=scale,
        levels=levels,
        level_ticks=ticks_at(levels, scale, percent=percent),
        bar_ticks=spaced(ticks_at(levels, scale, percent=percent), scale),
        z_ticks=spaced(
            ticks_at(round_values(scale, Z_TICKS) if drawn.size else levels, scale, percent=percent), scale, Z_ROOM
        ),
        label_points=place_labels(mesh.x, mesh.y, mesh.z, scale.heights(levels), occupied),
        hole_cells=worst_corner(holes),
        colors=colors_for(scale, cmap),
        line_colors=inks_for(scale, cmap),
        night_colors=nights_for(scale, cmap),
        mesh=mesh,
        z_range=_box(scale),
        traces=traces,
        extra_ticks=extra_ticks,
        extra_points=extra_points,
        dots=_dots(surface, heights) if smooth else NO_DOTS,
        notes=(
            *hole_notes(surface, metric), *clipping_notes(drawn, scale),
            *(_smooth_notes(surface, mesh, heights) if smooth else ()),
        ),
    )  # fmt: skip


def extra_notes(ticks: Ticks) -> list[str]:
    """On lines that were added."""
    return [EXTRA.format(", ".join(ticks.labels))] if ticks.labels else []


def _smooth_notes(surface: Surface, mesh: Mesh, heights: np.ndarray) -> list[str]:
    """On what lies between the grid points of a picture that shows it."""
    known = bool(np.isfinite(heights).any())
    return [*_mesh_notes(mesh, heights) * known, *roughness_notes(surface.x, surface.y, heights)]


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


def _box(scale: Scale) -> tuple[float, float]:
    """The ends of the box of a relief, with room below and above."""
    span = scale.high - scale.low
    return scale.low - ROOM[0] * span, scale.high + ROOM[1] * span


def _occupied(surface: Surface, traces: tuple[Trace, ...], avoid: np.ndarray | None) -> np.ndarray:
    """(n, 2) points that labels keep away from: those to avoid, marks on the plane, and all of each path within the picture."""
    span = np.array([surface.x[-1] - surface.x[0], surface.y[-1] - surface.y[0]])
    low, found = np.array([surface.x[0], surface.y[0]]), [np.zeros((0, 2)) if avoid is None else avoid]
    for trace in traces:
        points = np.column_stack([trace.x, trace.y])
        found.append(along(points, span) if trace.kind == PATH else points)
    points = np.concatenate(found)
    return points[(np.abs((points - low) / span - 0.5) < 0.5 + APART).all(axis=1)]


def _dots(surface: Surface, heights: np.ndarray) -> np.ndarray:
    """(n, 3) the points of a coarse grid that have a height."""
    if min(heights.shape) >= COARSE:
        return NO_DOTS
    rows, columns = np.nonzero(np.isfinite(heights))
    return np.column_stack([surface.x[columns], surface.y[rows], heights[rows, columns]])


def _mesh_notes(mesh: Mesh, heights: np.ndarray) -> tuple[str, ...]:
    finer, coarser = mesh.z.size > heights.size, any(m < n for m, n in zip(mesh.z.shape, heights.shape, strict=True))
    return (SMOOTHED,) * finer + (THINNED,) * coarser
