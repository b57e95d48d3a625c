"""A result whose rows are added to or put in another order: further nets, paths, or steps of a run.

Owns: which values belong to which row afterwards. What a row is of, and which rows there are, the caller knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.grid import Grid
from landscape.surfaces.surface import PENDING, Surface


def rearranged(surface: Surface, grid: Grid, places: Sequence[int] | np.ndarray) -> Surface:
    """The surface on a grid whose row k is row `places[k]` of its own; -1 stands for a new row, which is pending and NaN.

    Rows run along the first axis of the arrays: paths of a plane of paths, the points of one axis.
    """
    new = np.asarray(places) < 0

    def taken(array: np.ndarray, empty: float) -> np.ndarray:
        found = np.full(grid.shape, empty, array.dtype)
        found[~new] = array[np.asarray(places)[~new]]
        return found

    return replace(
        surface,
        grid=grid,
        values={name: taken(values, np.nan) for name, values in surface.values.items()},
        stderr={name: taken(values, np.nan) for name, values in surface.stderr.items()},
        status={group: taken(codes, PENDING) for group, codes in surface.status.items()},
    )


def has_all(grid: Grid, steps: Grid) -> bool:
    """Whether a grid of one axis has every step of another, and counts them alike."""
    (here,), (there,) = grid.axes, steps.axes
    return (here.name, here.kind) == (there.name, there.kind) and bool(np.isin(there.values, here.values).all())


def with_more(surface: Surface, grid: Grid) -> Surface:
    """The surface on a grid of one axis that has all of its steps."""
    places = np.full(grid.size, -1)
    places[np.searchsorted(grid.axes[0].values, surface.x)] = np.arange(surface.grid.size)
    return rearranged(surface, grid, places)
