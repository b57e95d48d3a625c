"""Planes of a volume.

Owns: which plane of a surface with three axes lies across one of them, as a surface of two. Knows no file and no picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from landscape.errors import LandscapeError
from landscape.grid import Grid
from landscape.surfaces.surface import Surface


def cut(surface: Surface, across: int) -> tuple[Surface, float]:
    """The plane of a volume across axis number `across` (0 is x), and its coordinate there: 0, or the nearest there is.

    Of the axes that stay the first is the x of the plane. Trails have no z, so only the plane across z at 0 has them.

    Raises:
        LandscapeError: the surface has no three axes.
    """
    if surface.ndim != 3:
        raise LandscapeError(
            f"{surface.source or 'this surface'} has {surface.ndim} axes, expected the three of a volume"
        )
    values = surface.grid.axes[across].values
    index = int(np.argmin(np.abs(values)))
    grid = Grid(tuple(axis for number, axis in enumerate(surface.grid.axes) if number != across))
    names = tuple(replace(axis, name=name) for axis, name in zip(grid.axes, "xy", strict=True))

    def taken(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: np.take(array, index, axis=2 - across) for name, array in arrays.items()}

    trails = surface.trails if across == 2 and values[index] == 0.0 else {}
    plane = replace(
        surface, grid=Grid(names), values=taken(surface.values), stderr=taken(surface.stderr), status=taken(surface.status),
        trails=dict(trails),
    )  # fmt: skip
    return plane, float(values[index])
