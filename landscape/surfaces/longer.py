"""A result along a training run that has more nets by now.

Owns: which values belong to which step after steps were added. Knows no file.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from landscape.grid import Grid
from landscape.surfaces.surface import PENDING, Surface


def has_all(grid: Grid, steps: Grid) -> bool:
    """Whether a grid of one axis has every step of another, and counts them alike."""
    (here,), (there,) = grid.axes, steps.axes
    return (here.name, here.kind) == (there.name, there.kind) and bool(np.isin(there.values, here.values).all())


def with_more(surface: Surface, grid: Grid) -> Surface:
    """The surface on a grid that has all of its steps; the others are pending, and their values are NaN."""
    places = np.searchsorted(grid.axes[0].values, surface.x)

    def spread(values: np.ndarray, empty: float) -> np.ndarray:
        found = np.full(grid.shape, empty, values.dtype)
        found[places] = values
        return found

    return replace(
        surface,
        grid=grid,
        values={name: spread(values, np.nan) for name, values in surface.values.items()},
        stderr={name: spread(values, np.nan) for name, values in surface.stderr.items()},
        status={group: spread(codes, PENDING) for group, codes in surface.status.items()},
    )
