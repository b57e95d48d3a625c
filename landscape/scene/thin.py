"""The part of a grid that a group of metrics was computed on.

Owns: `thinned`. Curvature costs far more than a loss, so it is often computed on every few rows and columns only. What lies
between is not a hole, and a picture of the thinned grid has none there. Knows how such grids are laid out, and nothing of what is
drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from landscape.grid import Grid
from landscape.quantity import EVALUATION
from landscape.surfaces.surface import PENDING, Surface

# A grid finer than that of the losses has no half: until so much of it is done, a whole coarser one says more.
MOSTLY = 0.5
Places = tuple[np.ndarray, ...]


def thinned(surface: Surface, metric: str) -> Surface:
    """The surface on the rows and columns that a metric was or is being computed on; itself when these are all.

    Points of such rows and columns that are not done stay, as holes. An evaluation is meant to cover every point.
    """
    group = surface.group_of(metric)
    if group is None:
        return surface
    every = 1 if group == EVALUATION else _every(surface, group)
    kept = _kept(surface.status[group] != PENDING, surface.grid, every)
    if kept is None or tuple(map(len, kept)) == surface.shape:
        return surface
    return taken(surface, kept)


def thinning_notes(surface: Surface, part: Surface) -> list[str]:
    """Which part of the grid is drawn, in words; nothing when it is the whole."""
    if part.shape == surface.shape:
        return []
    small, large = (" × ".join(str(n) for n in reversed(each.shape)) for each in (part, surface))
    return [f"on {small} of the {large} grid points"]


def taken(surface: Surface, kept: Places) -> Surface:
    """The surface on some rows and columns: numbers (k,) in the order of the axes of an array."""
    axes = tuple(
        replace(axis, values=axis.values[places])
        for axis, places in zip(surface.grid.axes, reversed(kept), strict=True)
    )
    place = np.ix_(*kept)
    values, stderr, status = (
        {name: array[place] for name, array in arrays.items()}
        for arrays in (surface.values, surface.stderr, surface.status)
    )
    return replace(surface, grid=Grid(axes), values=values, stderr=stderr, status=status)


def _kept(done: np.ndarray, grid: Grid, every: int | None) -> Places | None:
    """The rows and columns of the latest run, unless a whole grid of an earlier one shows more; None is everything.

    A run that has not ended is drawn over its whole grid, which is known from `every`. That alone does not decide: a finer
    grid may be there from before, or a coarser one may still be the better picture.
    """
    begun: Places = tuple(np.flatnonzero(_along(done, axis)) for axis in range(done.ndim))
    planned: Places = grid.lattice(every) if every else begun
    within = all(np.isin(some, all_).all() for some, all_ in zip(begun, planned, strict=True))
    if not _drawable(planned):
        return begun if _drawable(begun) else None
    if not within and _share(done, begun) == 1:
        planned = begun
    elif every and _share(done, planned) < MOSTLY:
        planned = next(_whole(done, grid, every, planned), planned)
    return planned


def _whole(done: np.ndarray, grid: Grid, every: int, planned: Places) -> Iterator[Places]:
    """The coarser grids, finest first, of which every point is done, and most of what is done on the planned one."""
    most = done[np.ix_(*planned)].sum() / 2
    for coarser in range(2 * every, max(grid.shape), every):
        lattice = grid.lattice(coarser)
        if _drawable(lattice) and _share(done, lattice) == 1 and done[np.ix_(*lattice)].size > most:
            yield lattice


def _drawable(places: Places) -> bool:
    """A cell or a line needs two points along each axis."""
    return min(map(len, places)) >= 2


def _share(done: np.ndarray, places: Places) -> float:
    return float(done[np.ix_(*places)].mean()) if _drawable(places) else 0.0


def _along(done: np.ndarray, axis: int) -> np.ndarray:
    """(n,) whether anything is done at each place of an axis."""
    return np.asarray(done.any(axis=tuple(other for other in range(done.ndim) if other != axis)))


def _every(surface: Surface, group: str) -> int | None:
    """The requested thinning of the latest run; None when it is not known."""
    run = surface.provenance.get("run")
    known = run.get(group) if isinstance(run, dict) else None
    every = known.get("every") if isinstance(known, dict) else None
    return every if isinstance(every, int) and every >= 1 else None
