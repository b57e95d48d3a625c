"""Minima that a function must have wherever in its error bounds it may lie.

Owns: `mandatory_minima` and what is known for certain of each. Knows arrays and trees only.

The true values lie between a lower field f- and an upper field f+ at each point; call any such function a realization. Every
component of a sublevel set of f+ lies in one of the realization, and that in one of f-. So what of the components of {f+ <= t}
is still apart in {f- <= t}, as t rises, is there in every realization too. A *mandatory minimum* begins at a minimum of f+, at
its value a, unless the component of {f- <= a} around it holds an earlier one. That component is its *region*: outside, next to
it, f- > a, and within a realization goes down to a or less, so each realization has a local minimum there (Guenther, Salmon and
Tierny 2014, doi:10.1111/cgf.12359). It ends at the level b at which {f- <= b} joins its region to that of an earlier one. The
intervals [a, b) are the bars of the image of the persistence modules (Cohen-Steiner, Edelsbrunner, Harer and Morozov 2009,
doi:10.1137/1.9781611973068.110), and an image has no bars but shortened ones of what it passes through (Bauer and Lesnick 2015,
doi:10.20382/jocg.v6i2a9): each realization has, for each mandatory minimum, a basin of its own that begins at a or below and
ends at b or above. Without errors these are its basins of positive depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape.topology.elder_rule import NEVER, Components
from landscape.topology.merge_tree import MergeTree


@dataclass(frozen=True, eq=False)
class Mandatory:
    """Mandatory minima, in the order in which they begin.

    `points` (n,) are minima of the upper field, one in each region; `upper` (n,) its values there: each realization has a
    minimum there that is no higher. `lower` (n,) are the lowest passes to the region of an earlier one, infinite where there is
    none.
    """

    points: np.ndarray
    upper: np.ndarray
    lower: np.ndarray

    @property
    def depth(self) -> np.ndarray:
        """(n,) what every realization must climb on the way to an earlier one; infinite where there is none."""
        with np.errstate(invalid="ignore", over="ignore"):
            return np.where(np.isposinf(self.lower), np.inf, self.lower - self.upper)


def mandatory_minima(low: MergeTree, high: MergeTree) -> Mandatory:
    """Of all functions between two fields on one domain, from the merge trees of both."""
    begins, ends = high.at(high.minima), low.at(low.saddles)
    # a pass of the lower field at the level of a minimum of the upper one belongs to the same sublevel set
    before = np.searchsorted(ends, begins, side="right")
    begun = np.searchsorted(before, np.arange(len(ends) + 2))
    sets = Components(np.arange(len(low.minima)))
    holder: dict[int, int] = {}
    points: list[int] = []
    lower: list[float] = []
    for number in range(len(ends) + 1):
        for point in high.minima[begun[number] : begun[number + 1]].tolist():
            home = sets.oldest(int(low.leaf.flat[point]))
            if home not in holder and not np.isposinf(high.values.flat[point]):  # nothing begins at infinity
                holder[home] = len(points)
                points.append(point)
                lower.append(np.inf)
        if number < len(ends):
            met = [sets.oldest(int(end)) for end in low.ends[number]]
            held = sorted(holder.pop(each) for each in met if each in holder)
            root, _ = sets.join(*met)
            if held:
                holder[root] = held[0]
            if len(held) == 2:
                lower[held[1]] = float(ends[number])
    found = np.array(points, dtype=np.int64)
    return Mandatory(found, high.at(found), np.array(lower))


def lowest_within(tree: MergeTree, found: Mandatory) -> np.ndarray:
    """(n,) for each mandatory minimum, the number of the minimum of a realization in its region that is next to its point.

    It is the lowest that is reached from that point without rising above its upper value, so the region holds it.
    """
    heights = tree.at(tree.saddles)
    sets, done, homes = Components(np.arange(len(tree.minima))), 0, []
    for point, level in zip(found.points.tolist(), found.upper.tolist(), strict=True):
        until = int(np.searchsorted(heights, level, side="right"))
        for one, other in tree.ends[done:until].tolist():
            sets.join(one, other)
        done = max(done, until)
        homes.append(sets.oldest(int(tree.leaf.flat[point])))
    return np.array(homes, dtype=np.int64)


def ages(count: int, first: np.ndarray) -> np.ndarray:
    """(count,) the order of age in which the minima `first` come before all others, which keep theirs.

    >>> ages(4, np.array([2, 0])).tolist()
    [1, 2, 0, 3]
    """
    age = np.full(count, NEVER)
    age[first] = np.arange(len(first))
    rest = age == NEVER
    age[rest] = len(first) + np.arange(int(rest.sum()))
    return age
