"""Strata: the samples grouped by their loss, and the order in which each stratum is drawn.

Owns: the partition and the order. Near a minimum few samples carry most of the loss, so samples are grouped by their loss at
the anchors (the points where all of them were evaluated), and each stratum gets as many draws as its share of the error
requires. The few samples that stand out (rare.py) come first: a stratum that is taken whole. All points draw from the front
of the same order, so that errors of neighbouring points are similar and the surface stays smooth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.objective.rare import Rare

# With the samples in falling order of loss, the first stratum holds 0.5 % of them, each next one twice as many.
FIRST_SHARE = 0.005
Counts = Sequence[int] | np.ndarray  # (H,)


class Strata:
    """`members[h]`: the sample numbers of stratum h in the order in which they are drawn; `sizes` (H,) their counts.

    `whole`: how many of the first strata are taken whole at every point, 0 or 1. `rare`: how many follow of samples that stand
    out.
    """

    def __init__(self, hardness: np.ndarray, labels: np.ndarray | None = None, seed: int = 0, rare: Rare | None = None):
        """`hardness` (N,): a higher number means a larger expected share of the loss; `labels` (N,) or None.

        `seed`: which sample each stratum begins with; 0 is the first.
        """
        first = [rare.taken, *rare.strata] if rare and len(rare.taken) else rare.strata if rare else []
        self.whole = int(rare is not None and len(rare.taken) > 0)
        self.rare = len(first) - self.whole
        usual = np.ones(len(hardness), bool)
        usual[np.concatenate([np.empty(0, int), *first])] = False
        rest = np.flatnonzero(usual)
        groups = [*first, *np.split(rest[np.argsort(-hardness[rest], kind="stable")], _cuts(len(rest)))]
        starts = np.random.Generator(np.random.Philox(key=seed)).random(len(groups)) if seed else np.zeros(len(groups))
        self.members = [
            _spread(group, hardness, labels, start) for group, start in zip(groups, starts, strict=True) if len(group)
        ]
        self.sizes = np.array([len(group) for group in self.members])

    def draw(self, start: Counts, stop: Counts) -> np.ndarray:
        """The sample numbers at places start[h] .. stop[h] - 1 of each stratum's order, stratum after stratum."""
        return np.concatenate([group[a:b] for group, a, b in zip(self.members, start, stop, strict=True)])

    def of(self, start: Counts, stop: Counts) -> np.ndarray:
        """The stratum of each sample that `draw` returns for the same arguments."""
        return np.repeat(np.arange(len(self.sizes)), np.asarray(stop) - np.asarray(start))


def _cuts(count: int) -> list[int]:
    cuts, share, total = [], FIRST_SHARE, 0.0
    while total + share < 1:
        total += share
        share *= 2
        cuts.append(round(total * count))
    return cuts


def _spread(group: np.ndarray, hardness: np.ndarray, labels: np.ndarray | None, start: float) -> np.ndarray:
    """The group in an order in which the first n samples, for any n, have about its distribution of labels and losses.

    Sorted by label and loss, and visited from the share `start` on in van der Corput's order (numbers with their bits reversed).
    """
    keys = [hardness[group]] if labels is None else [hardness[group], labels[group]]
    in_order = group[np.lexsort(keys)]
    return np.roll(in_order, -int(start * len(group)))[_bit_reversed(len(group))]


def _bit_reversed(count: int) -> np.ndarray:
    """0 .. count - 1, sorted by their reversed bits.

    >>> _bit_reversed(6).tolist()
    [0, 4, 2, 1, 5, 3]
    """
    bits = max(count - 1, 1).bit_length()
    numbers, backwards = np.arange(2**bits), np.zeros(2**bits, int)
    for bit in range(bits):
        backwards |= ((numbers >> bit) & 1) << (bits - 1 - bit)
    return backwards[backwards < count]
