"""Hatched parts of a map on a page: what lies beyond the ends of the colour bar, and holes.

Owns: their outlines, as plotly traces. Decides nothing: the scale says where it ends, the field where its holes are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from contourpy import FillType, LineType, contour_generator

from landscape.render.page.figures import Options
from landscape.scene.colors import BEYOND, BEYOND_DARK, HOLE_HATCH, is_light
from landscape.scene.holes import DRAWN
from landscape.scene.views.field import Field

# Pixels between two lines of a pattern, and their share of it.
APART, INKED = 9, 0.08
# Of holes, by their code, as in stills.
SHAPES = {1: "/", 3: "x"}
BREAK = np.full((1, 2), np.nan)
Rings = Sequence[np.ndarray]


def beyond_traces(field: Field, options: Options, *, cells: bool) -> list[go.Scatter]:
    """Hatches what is above or below the range; of cells those whose own value is, else with the line where the range ends."""
    options = {**options, "name": "beyond"}
    found = []
    for above, under in ((True, field.colors[-1]), (False, field.colors[0])):
        color = BEYOND if is_light(under) else BEYOND_DARK
        rings, ends = cells_beyond(field, above) if cells else regions_beyond(field, above)
        found += [
            *_hatched(rings, "/", color, options),
            *_lines(ends, {**options, "line": {"color": color, "width": 1}}),
        ]
    return found


def hole_hatching(field: Field, options: Options, *, cells: bool) -> list[go.Scatter]:
    """Hatches the holes of the kinds that are hatched in stills."""
    codes = field.holes if cells else field.hole_cells
    x, y = (field.x_edges, field.y_edges) if cells else (field.x, field.y)
    return [
        trace
        for code in np.unique(codes[codes != DRAWN]).tolist()
        if code in SHAPES
        for trace in _hatched(runs_of(codes == code, x, y), SHAPES[code], HOLE_HATCH, {**options, "name": "hatching"})
    ]


def cells_beyond(field: Field, above: bool) -> tuple[Rings, Rings]:
    """(5, 2) corners around the cells whose value is above or below the range; no lines."""
    scale = field.scale
    out = field.values > scale.vmax if above else field.values < scale.vmin
    return runs_of(out, field.x_edges, field.y_edges), ()


def regions_beyond(field: Field, above: bool) -> tuple[Rings, Rings]:
    """(n, 2) points of the rings around what is above or below the range, and of the lines where the range ends.

    Outer rings run against the clock, and those around holes in them with it.
    """
    z, scale = np.ma.masked_invalid(field.mesh.z), field.scale
    crossed = z > scale.high if above else z < scale.low
    if min(z.shape) < 2 or not crossed.any():
        return (), ()
    contours: Any = contour_generator(
        field.mesh.x, field.mesh.y, z, corner_mask=False, fill_type=FillType.OuterOffset, line_type=LineType.Separate
    )
    # The mesh goes beyond the range by as much as the range is high.
    far = 2 * (scale.high - scale.low)
    end, band = (scale.high, (scale.high, scale.high + far)) if above else (scale.low, (scale.low - far, scale.low))
    points, offsets = contours.filled(*band)
    rings = [ring for each, at in zip(points, offsets, strict=True) for ring in np.split(each, at[1:-1])]
    return rings, contours.lines(end)


def runs_of(mask: np.ndarray, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """(5, 2) corners of a rectangle around each run of true cells (ny, nx) in a row; x (nx + 1,) and y (ny + 1,) are edges.

    >>> [ring[[0, 2]].tolist() for ring in runs_of(np.array([[True, True, False]]), np.arange(4.0), np.arange(2.0))]
    [[[0.0, 0.0], [2.0, 1.0]]]
    """
    steps = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    (rows, first), (_, last) = np.nonzero(steps == 1), np.nonzero(steps == -1)
    ends = zip(x[first], x[last], y[rows], y[rows + 1], strict=True)
    return [np.array([[a, c], [b, c], [b, d], [a, d], [a, c]]) for a, b, c, d in ends]


def _hatched(rings: Rings, shape: str, color: str, options: Options) -> list[go.Scatter]:
    pattern = {"shape": shape, "size": APART, "solidity": INKED, "fgcolor": color, "fillmode": "replace"}
    return _lines(rings, {**options, "fill": "toself", "fillpattern": pattern, "line": {"width": 0}})


def _lines(parts: Rings, style: Options) -> list[go.Scatter]:
    """One trace of all, in as few bytes as a screen needs."""
    if not len(parts):
        return []
    x, y = np.concatenate([piece for part in parts for piece in (part, BREAK)])[:-1].T.astype(np.float32)
    return [go.Scatter(x=x, y=y, mode="lines", hoverinfo="skip", showlegend=False, **style)]
