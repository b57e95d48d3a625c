"""The barriers between all pairs of some nets, as tables of numbers.

Owns: the kind `barriers`: which metrics have a table, and what is written into its cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.quantity import Quantity, risen
from landscape.scene.facts.surface import facts, subject
from landscape.scene.kinds.kind import CURVES_ONLY, SURFACE, Kind, Options
from landscape.scene.scene import Frame, Scene
from landscape.scene.text import short, typeset
from landscape.scene.views.matrix import Cells, Matrix, Texts, cells_of
from landscape.surfaces.barriers import barriers, has_paths, matrix, measured, net_names, paths_of
from landscape.surfaces.surface import Surface

MEANING = "barrier: the highest value on the straight line less the mean of its ends; ± its standard error"


def _has_pairs(surface: Surface) -> bool:
    return has_paths(surface) and sum(path.kind == "line" for path in paths_of(surface)) > 2


def _scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    rows = [_rows(surface, options.metric) for surface in surfaces]
    return [_scene(surface, each, options) for surface, each in zip(surfaces, rows, strict=True)]


def _scene(surface: Surface, rows: Sequence[Quantity], options: Options) -> Scene:
    caption = options.caption(subject(surface), "barriers between nets", facts(surface))
    metrics = list(dict.fromkeys(row.metric for row in rows))
    views = tuple(
        Matrix(
            metric=risen(next(row for row in rows if row.metric == metric)).metric,
            names=net_names(surface), tables=tuple(_tables(surface, [row for row in rows if row.metric == metric], options)),
            caption=caption, notes=(MEANING,),
        )
        for metric in metrics
    )  # fmt: skip
    count = len(net_names(surface))
    return Scene(Frame("", "", (0.0, float(count)), (0.0, float(count))), views)


def _rows(surface: Surface, metric: str | None) -> list[Quantity]:
    """Losses first, each with all of its splits."""
    rows = sorted(measured(surface), key=lambda row: row.percent)
    if metric is None:
        return rows
    name = surface.metric(metric)
    return [row for row in rows if row.name == name or (row.metric == metric)]


def _tables(surface: Surface, rows: Sequence[Quantity], options: Options) -> list[Cells]:
    values = {row.name: matrix(surface, row.name) for row in rows}
    known = np.concatenate([each[np.isfinite(each)] for each in values.values()])  # the diagonal is 0
    highest = float(known.max()) if options.vmax is None else options.vmax
    return [cells_of(_title(row), values[row.name], _texts(surface, row, values[row.name]), highest) for row in rows]


def _title(row: Quantity) -> str:
    return risen(row).label + (" (%)" if row.percent else "")


def _texts(surface: Surface, row: Quantity, values: np.ndarray) -> Texts:
    errors = np.full_like(values, np.nan)
    for each in barriers(surface, row.name):
        if each.path.kind == "line":
            errors[each.path.first, each.path.last] = errors[each.path.last, each.path.first] = each.stderr
    factor, count = 100.0 if row.percent else 1.0, range(len(values))
    return tuple(
        tuple(() if i == j else _text(factor * values[i, j], factor * errors[i, j]) for j in count) for i in count
    )


def _text(value: float, error: float) -> tuple[str, ...]:
    """A value over its error, with as many digits as two of the error."""
    if np.isnan(value):
        return ("–",)
    if not np.isfinite(error) or error <= 0:
        return (typeset(short(value)),)
    if np.isinf(value):
        return (typeset(short(value)),)
    places = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{places}f}".replace("-", "−"), f"± {error:.{places}f}"


KINDS = (
    Kind(
        "barriers", SURFACE, _scenes, ndim=2, paths=True, default=_has_pairs,
        unused=CURVES_ONLY, alone="shows all pairs of nets in one picture already",
    ),
)  # fmt: skip
