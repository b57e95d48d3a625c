"""Fields seen from above on a page.

Owns: the drawing of `Flat`: with the relief beside it, or as a map under lines. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from landscape.render.page.figures import INK, Drawn, Options, Sheet, options_of, sheet_of
from landscape.render.page.hatched import beyond_traces
from landscape.render.page.traces2d import (
    bands,
    cells_of,
    extra_lines,
    grid_dots,
    heat_map,
    hole_traces,
    level_edges,
    level_numbers,
    lines,
    path_trace,
    plane_figure,
    tinted,
)
from landscape.render.page.traces3d import figure3d, relief_traces, z_changes
from landscape.scene.colors import LIGHT
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
        planes = [trace for number, view in enumerate(views) for trace in _plane(view, number)]
        return _beside(scene, [view.field for view in views], planes, cells=views[0].paint == CELLS)
    table = tuple(table_of(scene.tables, view.field) for view in views)
    sheets = {f"cells{number}": cells_of(view.field) for number, view in enumerate(views)}
    if (lines := views[0].over) is not None:
        sheets["lines"] = sheet_of(lines.mesh, lines.scale)
    return Drawn(("map",), [_map(scene)], [[{}] for _ in views], table, sheets)


def both(scene: Scene, fields: Sequence[Field]) -> Drawn:
    """The relief and the plane of each field, in bands between the levels."""
    return _beside(scene, fields, [trace for view, field in enumerate(fields) for trace in _banded(field, view)])


def _beside(scene: Scene, fields: Sequence[Field], planes: list, *, cells: bool = False) -> Drawn:
    """The relief of each field, and beside it the traces of all planes, which have sheets of their own for `cells`."""
    reliefs = [trace for view, field in enumerate(fields) for trace in relief_traces(field, view, f"mesh{view}")]
    figures = [figure3d(reliefs, scene, fields[0]), plane_figure(planes, scene)]
    table = tuple(table_of(scene.tables, field) for field in fields)
    sheets: dict[str, Sheet] = {f"mesh{view}": sheet_of(field.mesh, field.scale) for view, field in enumerate(fields)}
    if cells:
        sheets |= {f"cells{view}": cells_of(field) for view, field in enumerate(fields)}
    return Drawn(("relief", "flat"), figures, [[z_changes(field), {}] for field in fields], table, sheets)


def _plane(view: Flat, number: int) -> list:
    """The traces of one view seen from above: in cells, as lines over tints, or in bands between the levels."""
    field, options = view.field, options_of(number, over=True)
    marks = [path_trace(trace, options) for trace in field.traces]
    if view.paint == CELLS:
        cells = heat_map(field, field.colors, number, f"cells{number}")
        return [
            *hole_traces(field, options, cells=True), cells, *beyond_traces(field, options, cells=True),
            *grid_dots(field, options), *marks,
        ]  # fmt: skip
    if view.ground is not None:
        ground = tinted(field, view.ground, view.tints, options)
        drawn = [ground, lines(field, number, f"mesh{number}"), *level_numbers(field, options, ink=INK)]
        drawn += [*extra_lines(field, number, f"mesh{number}"), *beyond_traces(field, options, cells=False)]
        return [*hole_traces(field, options, cells=False), *drawn, *grid_dots(field, options), *marks]
    return [*_banded(field, number), *([] if view.margin is None else [_open_sign(field, view.margin, options)])]


def _banded(field: Field, view: int) -> list:
    options = options_of(view, over=True)
    marks = [path_trace(trace, options) for trace in field.traces]
    painted = [bands(field, view, f"mesh{view}"), *level_numbers(field, options)]
    painted += extra_lines(field, view, f"mesh{view}", ink=LIGHT.ground)
    painted += beyond_traces(field, options, cells=False)
    return [*hole_traces(field, options, cells=False), *painted, *grid_dots(field, options), *marks]


def _open_sign(field: Field, margin: np.ndarray, options: Options) -> go.Contour:
    """A dotted outline of where the value may be zero within its error."""
    return go.Contour(
        x=field.x, y=field.y, z=margin, hoverinfo="skip", showscale=False, showlegend=False, connectgaps=False,
        contours={"start": 0, "end": 0, "size": 1, "coloring": "none"}, line={"color": INK, "width": 1, "dash": "dot"},
        **options,
    )  # fmt: skip


def _map(scene: Scene) -> go.Figure:
    """The cells of every view, and what lies over them."""
    cells = []
    for number, view in enumerate(scene.views_as(Flat)):
        options = options_of(number, over=True)
        cells += hole_traces(view.field, options, cells=True)
        cells.append(heat_map(view.field, view.field.colors, number, f"cells{number}"))
        cells += [*beyond_traces(view.field, options, cells=True), *grid_dots(view.field, options)]
    return plane_figure([*cells, *_over(scene)], scene)


def _over(scene: Scene) -> list:
    """Contour lines and marks over the cells, once for all views of the same ink, to keep the page small."""
    views = scene.views_as(Flat)
    lines, traces = views[0].over, []
    for ink in dict.fromkeys(view.field.ink for view in views):
        numbers = [number for number, view in enumerate(views) if view.field.ink == ink]
        options = {"meta": {"views": numbers, "over": True}, "visible": 0 in numbers}
        if lines is not None and len(lines.levels):
            traces.append(_lines(lines, ink[1], RIM, {**options, "opacity": VEIL}))
            traces.append(_lines(lines, ink[0], OVER, options))
        traces += [path_trace(trace, options, ink[0]) for trace in views[0].field.traces]
    return traces


def _lines(field: Field, color: str, width: float, options: Options) -> go.Contour:
    edges = level_edges(field)
    known = {"meta": {**options["meta"], "sheet": "lines", "edges": edges.tolist(), "apart": True}}
    return go.Contour(
        hoverinfo="skip", showscale=False, showlegend=False, connectgaps=False,
        contours={"start": 1, "end": max(1, len(edges) - 2), "size": 1, "coloring": "none"},
        line={"color": color, "width": width, "smoothing": 0}, **{**options, **known},
    )  # fmt: skip
