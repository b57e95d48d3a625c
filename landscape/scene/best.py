"""The best point of a metric over a plane, and that of its mean over panels of one plane, such as the tasks of a merged net.

Owns: which points of the grid are marked, where their names stand, and the words on them. Knows no kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from landscape.quantity import HIGHEST, Quantity
from landscape.scene.holes import DRAWN, holes_of
from landscape.scene.text import short, value_text
from landscape.scene.views.field import Field
from landscape.scene.views.traces import BEST, BEST_MEAN, Trace, heights_at
from landscape.surfaces.surface import DONE, Surface

# Where a name may stand: right (1) or left (-1) of its point, above (1) or below (-1) it; the first of equally good ones.
SIDES = ((1, 1), (-1, 1), (1, -1), (-1, -1))
# In units of the picture's sides: how far from its point the middle of a name lies, and how near to the border a name may end.
NAME_AT, BORDER = np.array([0.13, 0.045]), 0.02
# Farther from other names than this, in names, nothing is gained.
ROOM = 4.0


@dataclass(frozen=True)
class Best:
    """A marked point: its place and its words; `own`: of the surface itself, not of the mean over several."""

    name: str
    x: float
    y: float
    words: tuple[str, ...]
    own: bool = True


def best_of(surfaces: Sequence[Surface], metric: str) -> list[tuple[Best, ...]]:
    """The marks of each surface: the best computed point of the metric; of panels of one plane, that of their mean too.

    The best is the lowest loss and the highest accuracy (`Quantity.better`); the metric has one. Values that were interpolated do
    not count.
    """
    computed = [_computed(surface, metric) for surface in surfaces]
    own = [_own(surface, surface.quantity(metric), values) for surface, values in zip(surfaces, computed, strict=True)]
    mean = np.mean(computed, axis=0) if len(surfaces) > 1 and _one_plane(surfaces) else None
    if mean is None or not np.isfinite(mean).any():
        return own
    return [_with_mean(marks, mean, each, metric, len(surfaces)) for marks, each in zip(own, surfaces, strict=True)]


def with_best(field: Field, marks: Sequence[Best]) -> Field:
    """The field with the marks on it; no name stands over another or over a mark, and no number of a line below a name."""
    if not marks:
        return field
    places = places_of(marks)
    traces = tuple(_cleared(trace, places, field) if trace.kind == "nets" else trace for trace in field.traces)
    points = [_points(trace) for trace in traces if any(trace.labels)]
    names = [_points(trace) + _reach(field) * trace.sides for trace in traces if trace.sides is not None]
    taken = np.concatenate([places, *points, *names])
    traces += tuple(_trace(mark, taken, field) for mark in marks)
    labels, extra = (_seen(numbers, traces, field) for numbers in (field.label_points, field.extra_points))
    return replace(field, traces=traces, label_points=labels, extra_points=extra)


def places_of(marks: Sequence[Best]) -> np.ndarray:
    """(n, 2): x and y."""
    return np.array([(mark.x, mark.y) for mark in marks]).reshape(-1, 2)


def _trace(mark: Best, taken: np.ndarray, field: Field) -> Trace:
    x, y = np.array([mark.x]), np.array([mark.y])
    sides = np.array([_side(places_of([mark])[0], taken, field)])
    kind = BEST if mark.own else BEST_MEAN
    words = ("<br>".join(mark.words),)
    return Trace(kind, mark.name, x, y, heights_at(field.mesh, x, y), (mark.name,), words, sides=sides)


def _cleared(trace: Trace, marks: np.ndarray, field: Field) -> Trace:
    """Named points, whose names stand to the upper right unless they would cover a mark (n, 2)."""
    points, sides = _points(trace), np.ones((len(trace.x), 2))
    for number, at in enumerate(points):
        ahead = (marks - at) / (2 * _reach(field))
        if ((ahead >= 0) & (ahead <= 1)).all(axis=1).any():
            sides[number] = _side(at, np.concatenate([marks, points]), field)
    return replace(trace, sides=sides)


def _seen(numbers: np.ndarray, traces: Sequence[Trace], field: Field) -> np.ndarray:
    """Those of the numbers (k, 3) that no name covers."""
    free = np.ones(len(numbers), dtype=bool)
    for trace in traces:
        for at, side in zip(_points(trace), np.ones((0, 2)) if trace.sides is None else trace.sides, strict=False):
            ahead = (numbers[:, :2] - at) * side / (2 * _reach(field))
            free &= ~((ahead > 0) & (ahead < 1)).all(axis=1)
    return numbers[free]


def _points(trace: Trace) -> np.ndarray:
    """(n, 2): x and y."""
    return np.column_stack([trace.x, trace.y])


def _computed(surface: Surface, metric: str) -> np.ndarray:
    """(ny, nx) the values that were computed and are finite, else NaN."""
    status, known = surface.status_of(metric), holes_of(surface, metric) == DRAWN
    return np.where(known if status is None else known & (status == DONE), surface.values[metric], np.nan)


def _one_plane(surfaces: Sequence[Surface]) -> bool:
    """Whether all are known to be over one grid, and one shape, through the same nets or inputs."""
    first, planes = surfaces[0], [_plane_of(surface) for surface in surfaces]
    grids = [np.array_equal(each.x, first.x) and np.array_equal(each.y, first.y) for each in surfaces]
    return planes[0] is not None and all(each == planes[0] for each in planes) and all(grids)


def _plane_of(surface: Surface) -> tuple[Any, ...] | None:
    """What decides where its points lie, beside the grid; None where the file does not say."""
    known = surface.known
    net, axes = known.checkpoint and known.checkpoint.sha256, known.directions and known.directions.fingerprint
    return (net, axes, known.slice, known.input) if net and (axes or known.slice or known.input) else None


def _own(surface: Surface, quantity: Quantity, values: np.ndarray) -> tuple[Best, ...]:
    """The best point; none where no value is known."""
    if not np.isfinite(values).any():
        return ()
    row, column = _place(values, quantity)
    words = f"{quantity.better} {quantity.label}: {_found(values, row, column, surface, quantity)}"
    return (Best(quantity.better, float(surface.x[column]), float(surface.y[row]), (words,)),)


def _with_mean(
    marks: tuple[Best, ...], mean: np.ndarray, surface: Surface, metric: str, count: int
) -> tuple[Best, ...]:
    """The marks of a surface with that of the mean (ny, nx); one mark where both are at one point."""
    quantity = surface.quantity(metric)
    row, column = _place(mean, quantity)
    x, y, name = float(surface.x[column]), float(surface.y[row]), f"{quantity.better} mean"
    said = f"{name} of the {count} panels: {_found(mean, row, column, surface, quantity)}"
    if (own := marks[0]) and (own.x, own.y) == (x, y):  # a finite mean is one of finite values
        return (Best(f"{own.name}, also of the mean", x, y, (*own.words, said)),)
    there = f"{quantity.label} at the {name}: {_text(surface.values[metric][row, column], quantity)}"
    return (own, Best(name, x, y, (said, there), own=False))


def _place(values: np.ndarray, quantity: Quantity) -> tuple[int, int]:
    """(row, column) of the best value; the first of several."""
    number = np.nanargmax(values) if quantity.better == HIGHEST else np.nanargmin(values)
    row, column = np.unravel_index(number, values.shape)
    return int(row), int(column)


def _found(values: np.ndarray, row: int, column: int, surface: Surface, quantity: Quantity) -> str:
    """A value (ny, nx) and its place, and what limits it: equal values, and the edge, beyond which there may be better ones."""
    x, y = (short(float(axis[at])).replace("-", "−") for axis, at in ((surface.x, column), (surface.y, row)))
    ties, (ny, nx) = int((values == values[row, column]).sum()), values.shape
    alike = f", one of {ties} such points" if ties > 1 else ""
    edge = ", on the edge of the plane" if row in (0, ny - 1) or column in (0, nx - 1) else ""
    return f"{_text(values[row, column], quantity)} at ({x}, {y}){alike}{edge}"


def _text(value: float, quantity: Quantity) -> str:
    return value_text(float(value), percent=quantity.percent)


def _side(at: np.ndarray, taken: np.ndarray, field: Field) -> tuple[int, int]:
    """Where the name of a point (2,) stands: within the picture, and as far as possible from the other points taken (n, 2)."""
    low, high, reach = np.array([field.x[0], field.y[0]]), np.array([field.x[-1], field.y[-1]]), _reach(field)
    others = taken[(taken != at).any(axis=1)]

    def room(side: tuple[int, int]) -> float:
        end = (at + 2 * reach * side - low) / (high - low)
        if (end < BORDER).any() or (end > 1 - BORDER).any():
            return -1.0
        away = np.abs(others - at - reach * side) / reach
        return float(np.minimum(away.max(axis=1), ROOM).min(initial=ROOM))

    return max(SIDES, key=room)


def _reach(field: Field) -> np.ndarray:
    """(2,) from a point to the middle of its name."""
    return NAME_AT * (field.x[-1] - field.x[0], field.y[-1] - field.y[0])
