"""Coarse to fine: what is done of an unfinished file is a map of the whole, which a picture shows (scene/thin.py).

Owns: `coarse_first`, and the points of a thinned grid. All points are one round, so no rank waits between the levels.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from landscape.grid import Grid
from landscape.sweep.sampler import EveryPoint, Result


def sampler(grid: Grid, known: Mapping[int, Result]) -> EveryPoint:
    return EveryPoint(grid, [index for index in coarse_first(grid, 1) if index not in known])


def coarse_first(grid: Grid, every: int) -> list[int]:
    """The points of `thinned`: first the net, then ever finer lattices around it, each from the net outward."""
    spacing = every
    while len(thinned(grid, spacing)) > 1:
        spacing *= 2
    (net,) = thinned(grid, spacing)
    middle = np.array(np.unravel_index(net, grid.shape))
    found = {net: None}
    while spacing > every:
        spacing //= 2
        level = [point for point in thinned(grid, spacing) if point not in found]
        away = (np.stack(np.unravel_index(level, grid.shape), axis=1) - middle) ** 2
        found |= dict.fromkeys(level[place] for place in np.argsort(away.sum(axis=1), kind="stable"))
    return list(found)


def thinned(grid: Grid, every: int) -> list[int]:
    """The numbers of the points of `grid.lattice(every)`."""
    return np.ravel_multi_index(np.meshgrid(*grid.lattice(every), indexing="ij"), grid.shape).ravel().tolist()
