"""From a result to its landform.

Owns: which points of a result are the domain and how far off each may be, and the steps from there to basins. The definitions
are those of the other files of this room.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from landscape.errors import UsageError
from landscape.quantity import risen
from landscape.surfaces.barriers import has_paths
from landscape.surfaces.bounds import ERRORS, bound_of, bounds_of, error_of
from landscape.surfaces.flatness import is_flatness
from landscape.surfaces.surface import DONE, INTERPOLATED, Surface
from landscape.topology.elder_rule import NEVER, Pairing, pairing
from landscape.topology.landform import Basin, Landform
from landscape.topology.mandatory import Mandatory, ages, lowest_within, mandatory_minima
from landscape.topology.merge_tree import EIGHT, MergeTree, merge_tree
from landscape.topology.regions import Region, cell_areas, region_of
from landscape.topology.rims import NOWHERE, spills

# Finding the ground of a basin takes a pass over all points; beyond this many points, only the deepest basins get one.
VISITED = 20_000_000
NAN = float("nan")


def landform(
    surface: Surface, metric: str | None = None, *, errors: float = ERRORS, neighbours: int = EIGHT
) -> Landform:
    """The topology of a metric of a surface or line; `errors`: how many standard errors a basin must stand out of.

    Raises:
        UsageError: no such metric, options out of range, or rows that are no plane.
    """
    _check(surface, errors)
    name = surface.metric(metric)
    quantity, error = surface.quantity(name), error_of(surface, name)
    values, status = np.array(surface.values[name], dtype=np.float64), surface.status_of(name)
    if status is not None:
        values[(status != DONE) & (status != INTERPOLATED)] = np.nan
    low, high, exact = _bounds(replace(surface, values={**surface.values, name: values}), name, errors)
    if quantity.percent:
        values, low, high, quantity = 1.0 - values, 1.0 - high, 1.0 - low, risen(quantity)
    known, finite = ~np.isnan(values), values[np.isfinite(values)]
    basins, within = _Ground(surface, values, low, high, neighbours).found()
    return Landform(
        source=surface.source, quantity=quantity, neighbours=neighbours, basins=basins, within=within,
        errors=0.0 if error is None else float(errors), bounded=bound_of(surface, name) is not None,
        span=(float(finite.min()), float(finite.max())) if finite.size else (NAN, NAN), shape=values.shape,
        points=int(known.sum()), interpolated=0 if status is None else int((known & (status == INTERPOLATED)).sum()),
        holes=int((~known).sum()), exact=exact,
    )  # fmt: skip


def _check(surface: Surface, errors: float) -> None:
    who = surface.source or "this result"
    if has_paths(surface):
        raise UsageError(f"{who} holds paths between nets: its rows make no plane; give a surface or a line")
    if is_flatness(surface):
        raise UsageError(f"{who} compares nets: its points have no neighbours; give a surface or a line")
    if not 0 <= errors < np.inf:
        raise UsageError(f"errors {errors}: expected a number of standard errors, 0 or more, such as 2")


def _bounds(surface: Surface, metric: str, errors: float) -> tuple[np.ndarray, np.ndarray, int]:
    """(low, high, number of points whose error is not known); infinite values are certain."""
    values = surface.values[metric]
    with np.errstate(invalid="ignore", over="ignore"):
        found = bounds_of(surface, metric, errors)
    if found is None:
        return values, values, 0
    unknown = np.isfinite(values) & (np.isnan(found[0]) | np.isnan(found[1]))
    sure = unknown | ~np.isfinite(values)
    low, high = (np.where(sure, values, each) for each in found)
    return low, high, int(unknown.sum())


@dataclass(eq=False)
class _Ground:
    """Values on a grid between two bounds, and the search for basins there."""

    surface: Surface
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    neighbours: int

    def found(self) -> tuple[tuple[Basin, ...], np.ndarray]:
        """The basins that stand out of the errors, and the bars (n, 2) of all others."""
        tree, lower, upper = map(self._tree, (self.values, self.low, self.high))
        certain = mandatory_minima(lower, upper)
        homes = lowest_within(tree, certain)
        age = ages(len(tree.minima), homes)
        pairs = pairing(tree, age)
        order = np.lexsort((certain.upper, -certain.depth))
        basins = self._basins(tree, pairs, certain, homes, order, spills(tree, age))
        return tuple(basins), self._rest(tree, pairs, homes)

    def _tree(self, values: np.ndarray) -> MergeTree:
        """One row or one column is a line."""
        return merge_tree(values.reshape(tuple(n for n in values.shape if n > 1) or (1,)), self.neighbours)

    def _rest(self, tree: MergeTree, pairs: Pairing, homes: np.ndarray) -> np.ndarray:
        births, deaths = tree.at(tree.minima), np.full(len(tree.minima), np.inf)
        ends = pairs.passes != NEVER
        deaths[ends] = tree.at(tree.saddles[pairs.passes[ends]])
        shown = births < deaths
        shown[homes] = False
        return np.column_stack([births[shown], deaths[shown]])

    def _basins(
        self,
        tree: MergeTree,
        pairs: Pairing,
        certain: Mandatory,
        homes: np.ndarray,
        order: np.ndarray,
        spill: np.ndarray,
    ) -> list[Basin]:
        cells = cell_areas([axis.values for axis in self.surface.grid.axes]).reshape(tree.values.shape)
        numbers = {int(homes[which]): number for number, which in enumerate(order, 1)}
        made = []
        for number, which in enumerate(order.tolist(), 1):
            home = int(homes[which])
            point, ends = int(tree.minima[home]), pairs.passes[home] != NEVER
            saddle = int(tree.saddles[pairs.passes[home]]) if ends else NOWHERE
            value, height = self._value(point), self._value(saddle)
            made.append(
                Basin(
                    number=number, place=self._place(point), value=value, saddle=self._place(saddle), saddle_value=height,
                    joins=numbers[int(pairs.parent[home])] if ends else 0, depth=height - value if ends else np.inf,
                    sure=(float(certain.upper[which]), float(certain.lower[which])), spill=self._value(int(spill[home])),
                    region=self._region(tree, point, height if ends else self._value(int(spill[home])), cells, number),
                )
            )  # fmt: skip
        return made

    def _region(self, tree: MergeTree, point: int, level: float, cells: np.ndarray, number: int) -> Region | None:
        if np.isnan(level) or number * tree.values.size > VISITED:
            return None
        found = region_of(tree, point, level, cells)
        return replace(found, mask=found.mask.reshape(self.values.shape))

    def _value(self, point: int) -> float:
        return NAN if point == NOWHERE else float(self.values.flat[point])

    def _place(self, point: int) -> tuple[float, float]:
        if point == NOWHERE:
            return NAN, NAN
        axes, nx = self.surface.grid.axes, len(self.surface.x)
        return float(axes[0].values[point % nx]), float(axes[1].values[point // nx]) if len(axes) > 1 else NAN
