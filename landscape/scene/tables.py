"""What hovering over a plane shows: every metric at the points of the visible grid.

Owns: which metrics and errors are shown at which points. Metrics that were computed on a thinned grid are shown there, next
to those that are known everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from landscape.quantity import EVALUATION
from landscape.scene.holes import DRAWN, holes_of
from landscape.scene.reading import HoverValues, Table
from landscape.scene.thin import taken, thinned
from landscape.scene.views.field import Field
from landscape.surfaces.bounds import error_of
from landscape.surfaces.surface import Surface


def tables_of(surface: Surface, fields: Iterable[Field], metrics: Sequence[str] = ()) -> tuple[Table, ...]:
    """One table for each grid among the fields of a surface, with their metrics and the further `metrics`."""
    fields = tuple(fields)
    shown = tuple(dict.fromkeys([*(field.metric for field in fields), *metrics]))
    grids = {(field.x.tobytes(), field.y.tobytes()): field for field in fields}
    return tuple(_table(surface, field, shown) for field in grids.values())


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


def _reading(surface: Surface, part: Surface, metric: str) -> HoverValues:
    quantity = surface.quantity(metric)
    values = np.where(holes_of(part, metric) == DRAWN, part.values[metric], np.nan)
    # The errors of an evaluation are views of their own.
    errors = None if quantity.group == EVALUATION else error_of(part, metric)
    sparse = thinned(surface, metric).shape != surface.shape
    return HoverValues(metric, quantity.label, quantity.percent, values, errors, sparse)
