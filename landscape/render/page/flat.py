"""Fields seen from above on a page.

Owns: the drawing of `Flat`: with the relief beside it, or as a map under lines. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from landscape.render.page.figures import INK, Drawn, Options, compact, options_of
from landscape.render.page.traces2d import (
    bands,
    heat_map,
    hole_traces,
    level_numbers,
    lines,
    path_trace,
    plane_figure,
    tinted,
)
from landscape.render.page.traces3d import figure3d, relief_traces, z_changes
from landscape.scene.scene import Scene
from landscape.scene.tables import table_of
from landscape.scene.views.field import Field
from landscape.scene.views.flat import CELLS, Flat

# Widths of the lines over cells and of their rim, and how much of that covers the cells.
OVER, RIM, VEIL = 1.2, 2.8, 0.5


def draw(scene: Scene) -> Drawn:
    """The plane, with the relief beside it unless the view is a map of its own."""
    views = scene.views_as(Flat)
    if views[0].relief:
        planes = [_plane(view, options_of(number)) for number, view in enumerate(views)]
        drawn = _beside(scene, [view.field for view in views], planes)
        drawn.figures[1].add_traces(
            [_open_sign(view, options_of(n)) for n, view in enumerate(views) if view.margin is not None]
        )
        return drawn
    table = tuple(table_of(scene.tables, view.field) for view in views)
    return Drawn(("map",), [_map(scene)], [[{}] for _ in views], table)


def both(scene: Scene, fields: Sequence[Field]) -> Drawn:
    """The relief and the plane of each field, in bands between the levels."""
    return _beside(scene, fields, [_banded(field, options_of(view)) for view, field in enumerate(fields)])


def _beside(scene: Scene, fields: Sequence[Field], planes: Sequence[list]) -> Drawn:
    """The relief of each field, and beside it the traces of its plane."""
    reliefs = [trace for view, field in enumerate(fields) for trace in relief_traces(field, view)]
    figures = [figure3d(reliefs, scene, fields[0]), plane_figure([trace for each in planes for trace in each], scene)]
    table = tuple(table_of(scene.tables, field) for field in fields)
    return Drawn(("relief", "flat"), figures, [[z_changes(field), {}] for field in fields], table)


def _banded(field: Field, options: Options) -> list:
    return [*hole_traces(field, options, cells=False), bands(field, options), *_marks(field, options)]


def _marks(field: Field, options: Options) -> list:
    return [path_trace(trace, options) for trace in field.traces]


def _plane(view: Flat, options: Options) -> list:
    """The traces of one view seen from above: in cells, as lines over tints, or in bands between the levels."""
    field = view.field
    if view.paint == CELLS:
        painted = heat_map(field, field.colors, options)
        return [*hole_traces(field, options, cells=True), painted, *_marks(field, options)]
    if view.ground is not None:
        ground = tinted(field, view.ground, view.tints, options)
        return [*hole_traces(field, options, cells=False), ground, lines(field, options), *_marks(field, options)]
    return _banded(field, options)


def _open_sign(view: Flat, options: Options) -> go.Contour:
    """A dotted outline of where the value may be zero within its error."""
    return go.Contour(
        x=view.field.x, y=view.field.y, z=compact(np.zeros(0) if view.margin is None else view.margin), hoverinfo="skip",
        contours={"start": 0, "end": 0, "size": 1, "coloring": "none"}, showscale=False, showlegend=False,
        line={"color": INK, "width": 1, "dash": "dot"}, connectgaps=False, **options,
    )  # fmt: skip


def _map(scene: Scene) -> go.Figure:
    """The cells of every view, and what lies over them."""
    cells = []
    for number, view in enumerate(scene.views_as(Flat)):
        options = options_of(number)
        cells += [*hole_traces(view.field, options, cells=True), heat_map(view.field, view.field.colors, options)]
    return plane_figure([*cells, *_over(scene)], scene)


def _over(scene: Scene) -> list:
    """Contour lines and marks over the cells, once for all views of the same ink, to keep the page small."""
    views = scene.views_as(Flat)
    lines, traces = views[0].over, []
    for ink in dict.fromkeys(view.field.ink for view in views):
        numbers = [number for number, view in enumerate(views) if view.field.ink == ink]
        options = {"meta": {"views": numbers}, "visible": 0 in numbers}
        if lines is not None and len(lines.levels):
            traces.append(_lines(lines, ink[1], RIM, {**options, "opacity": VEIL}))
            traces.append(_lines(lines, ink[0], OVER, options))
        traces += [path_trace(trace, options, ink[0]) for trace in views[0].field.traces]
    return traces


def _lines(field: Field, color: str, width: float, options: Options) -> go.Contour:
    edges, number = level_numbers(field)
    return go.Contour(
        x=field.mesh.x, y=field.mesh.y, z=compact(number), hoverinfo="skip", showscale=False, showlegend=False,
        contours={"start": 1, "end": max(1, len(edges) - 2), "size": 1, "coloring": "none"},
        line={"color": color, "width": width, "smoothing": 0}, connectgaps=False, **options,
    )  # fmt: skip
