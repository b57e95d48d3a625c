"""Who survives where two components meet.

Owns: the union of components over the passes of a merge tree, and the elder rule: of two that meet, the younger one ends. Knows
no values; what is old is said by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape.topology.merge_tree import MergeTree

NEVER = -1


@dataclass(frozen=True, eq=False)
class Pairing:
    """Of each minimum (k,): the number of the pass at which its component meets an older one, and that one's minimum.

    Both are `NEVER` for the oldest of each component of the domain.
    """

    passes: np.ndarray
    parent: np.ndarray


class Components:
    """Sets of leaves that grow together; each is known by its oldest leaf."""

    def __init__(self, age: np.ndarray):
        """`age` (k,): the smaller, the older; no two are equal."""
        self.age = age.tolist()
        self._up = list(range(len(age)))

    def oldest(self, leaf: int) -> int:
        """The oldest leaf of the set that holds a leaf."""
        up = self._up
        while up[leaf] != leaf:
            up[leaf] = up[up[leaf]]
            leaf = up[leaf]
        return leaf

    def join(self, one: int, other: int) -> tuple[int, int]:
        """(the older, the younger) of two sets that become one; twice the same where they were one already."""
        one, other = self.oldest(one), self.oldest(other)
        if self.age[other] < self.age[one]:
            one, other = other, one
        self._up[other] = one
        return one, other


def pairing(tree: MergeTree, age: np.ndarray | None = None) -> Pairing:
    """Which minima end at which pass; without `age` (k,) the lower minimum is the older, as in persistence."""
    count = len(tree.minima)
    sets = Components(np.arange(count) if age is None else age)
    passes, parent = np.full(count, NEVER), np.full(count, NEVER)
    for number, (one, other) in enumerate(tree.ends.tolist()):
        older, younger = sets.join(one, other)
        passes[younger], parent[younger] = number, older
    return Pairing(passes, _final(tree, passes, parent))


def _final(tree: MergeTree, passes: np.ndarray, parent: np.ndarray) -> np.ndarray:
    """Where several meet at one point, all end in the oldest of these, in whatever order they were joined."""
    at = np.where(passes == NEVER, NEVER, tree.saddles[passes]) if len(tree.saddles) else passes
    found = parent.copy()
    while (same := (at != NEVER) & (at[found] == at)).any():
        found[same] = found[found[same]]
    return found
