"""What hovering over a plane tells: every metric at the points of the grid that is seen.

Owns: which metrics and errors are told at which points. Metrics that were computed on a thinned grid are told there, next to
those that are known everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from landscape.scene.hessian import error_of, is_curvature
from landscape.scene.holes import holes_of
from landscape.scene.reading import Reading, Table
from landscape.scene.scene import DRAWN, Field
from landscape.scene.text import is_percent, metric_label
from landscape.scene.thin import taken, thinned
from landscape.surfaces.surface import Surface


def tables_of(surface: Surface, fields: Iterable[Field], metrics: Sequence[str] = ()) -> tuple[Table, ...]:
    """One table for each grid that some fields of the surface have, of their metrics and the further `metrics`."""
    fields = tuple(fields)
    told = tuple(dict.fromkeys([*(field.metric for field in fields), *metrics]))
    grids = {(field.x.tobytes(), field.y.tobytes()): field for field in fields}
    return tuple(_table(surface, field, told) for field in grids.values())


def table_of(tables: Sequence[Table], field: Field) -> int:
    """The number of the table for the grid of a field."""
    return next(
        number
        for number, table in enumerate(tables)
        if np.array_equal(table.x, field.x) and np.array_equal(table.y, field.y)
    )


def _table(surface: Surface, field: Field, metrics: Sequence[str]) -> Table:
    rows, columns = np.searchsorted(surface.y, field.y), np.searchsorted(surface.x, field.x)
    part = taken(surface, (rows, columns))
    return Table(field.x, field.y, tuple(_reading(surface, part, metric) for metric in metrics))


def _reading(surface: Surface, part: Surface, metric: str) -> Reading:
    values = np.where(holes_of(part, metric) == DRAWN, part.values[metric], np.nan)
    # Of the losses, errors are views of their own.
    errors = error_of(part, metric) if is_curvature(metric) else None
    sparse = thinned(surface, metric).shape != surface.shape
    return Reading(metric, metric_label(metric), is_percent(metric), values, errors, sparse)
