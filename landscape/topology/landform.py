"""What the topology of one surface is, in numbers.

Owns: `Landform` and `Basin`, and the definitions of the numbers that follow from bars. How they are found is the business of
find.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape.quantity import Quantity
from landscape.surfaces.surface import of_file
from landscape.topology.regions import Region


@dataclass(frozen=True, eq=False)
class Basin:
    """A basin that stands out of the errors; places are (x, y), y NaN on a line.

    Attributes:
        number: from 1: those that never end, the lowest first, then by what is certain of their depth.
        place, value: of its minimum.
        saddle, saddle_value: of the lowest saddle to an older such basin; both NaN where there is none.
        joins: the number of that basin, 0 where there is none.
        depth: the height of that saddle over its minimum; infinite where there is none.
        sure: (begin, end) of its bar in every function within the errors: it begins there or below, and ends there or above.
        spill: the level up to which it is closed: that of the saddle, or where it reaches the edge of the grid or a hole before.
        region: its ground below the saddle, else below `spill`; None for the last of very many basins.
    """

    number: int
    place: tuple[float, float]
    value: float
    saddle: tuple[float, float]
    saddle_value: float
    joins: int
    depth: float
    sure: tuple[float, float]
    spill: float
    region: Region | None

    @property
    def certain(self) -> float:
        """What every function within the errors must climb from its minimum to that of an older one."""
        begin, end = self.sure
        return float("inf") if end == float("inf") else end - begin

    @property
    def closed(self) -> bool:
        """Whether its ground reaches neither the edge nor a hole."""
        return self.spill == self.saddle_value


@dataclass(frozen=True, eq=False)
class Landform:
    """The topology of one metric; a share is taken as an error, 1 - share, so that low is good.

    Attributes:
        basins: those that stand out of the errors.
        within: (n, 2) births and deaths of the basins that do not; infinity where one never ends.
        errors: how many standard errors count; 0 where the result has none, so that all basins stand out.
        bounded: whether the errors are bounds that were computed with the metric.
        span: the lowest and the highest finite value of the domain; NaN without any.
        points, interpolated, holes, exact: points of the domain; those of them that were not computed themselves; points that
        are
            none of it; and points of the domain whose error is not known, taken as exact.
    """

    source: str
    quantity: Quantity
    neighbours: int
    basins: tuple[Basin, ...]
    within: np.ndarray
    errors: float
    bounded: bool
    span: tuple[float, float]
    shape: tuple[int, ...]
    points: int
    interpolated: int
    holes: int
    exact: int

    def __repr__(self) -> str:
        """One line, for a notebook or a terminal."""
        count = len(self.basins)
        return f"Landform({count} basin{'' if count == 1 else 's'} of the {self.quantity.label}{of_file(self.source)})"

    @property
    def bars(self) -> np.ndarray:
        """(n, 2) births and deaths of all basins, those of `basins` first."""
        own = [(each.value, np.inf if each.joins == 0 else each.saddle_value) for each in self.basins]
        return np.concatenate([np.array(own).reshape(-1, 2), self.within])

    @property
    def roughness(self) -> float:
        """The depths of all basins that end, summed up (total persistence), over the range of the values."""
        return _share(_sum(self.bars, self.span[1]), self.span)

    @property
    def certain_roughness(self) -> float:
        """The same of the depths that are certain: every function within the errors has at least this, over the same range."""
        return _share(sum(each.certain for each in self.basins if np.isfinite(each.certain)), self.span)

    @property
    def log_roughness(self) -> float:
        """The roughness of the logarithm of the values; NaN unless all are positive."""
        if not self.span[0] > 0 or not (self.bars[:, 0] > 0).all():
            return float("nan")
        low, high = np.log(self.span[0]), np.log(self.span[1])
        return _share(_sum(np.log(self.bars), float(high)), (float(low), float(high)))


def _sum(bars: np.ndarray, highest: float) -> float:
    """The lengths of all bars that end; one that ends at infinity ends at the highest value."""
    lasting = np.isfinite(bars[:, 0]) & np.isfinite(bars[:, 1])
    return float((np.minimum(bars[lasting, 1], highest) - bars[lasting, 0]).sum())


def _share(part: float, span: tuple[float, float]) -> float:
    """0 where all values are equal, NaN where there are none; halves, so that no range overflows."""
    if span[1] > span[0]:
        return (part / 2) / (span[1] / 2 - span[0] / 2)
    return 0.0 if span[0] == span[1] else float("nan")
