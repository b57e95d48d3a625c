"""Samples that carry much of the loss although they are few.

Owns: which they are, by the losses where all samples were evaluated. A mean from some of the samples misses them, or has
drawn too few to know its error: of 8 among 8000 samples that carried most of the loss, 40 usually hold none. So the few are
evaluated at every point (a take-all stratum; Cochran, Sampling Techniques, 3rd ed. 1977, section 5A.7), and more of them are
a stratum of their own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# A sample stands out with this many times the mean loss. One kind in 1000 with less carries 3 % of the loss at most.
TIMES_MEAN = 30.0
# At most this many that stand out at one place are evaluated at every point.
MOST_TAKEN = 32


class Rare(NamedTuple):
    """`taken` (n,): the numbers of samples that are evaluated at every point; `strata`: those of further ones, (n,) each."""

    taken: np.ndarray
    strata: list[np.ndarray]


def stand_out(losses: np.ndarray) -> np.ndarray:
    """(N,) whether each sample stands out by its loss (N,): by its size, or as one of few that are not finite."""
    size, finite = np.abs(losses), np.isfinite(losses)
    if finite.mean() < 1 - 1 / TIMES_MEAN:
        return np.zeros(len(losses), bool)
    return ~finite | (size > TIMES_MEAN * size[finite].mean())


def rare(losses: np.ndarray) -> Rare:
    """Of the losses (anchors, N)."""
    found = [stand_out(each) for each in losses]
    taken = np.any([each for each in found if each.sum() <= MOST_TAKEN] or [np.zeros(losses.shape[1], bool)], axis=0)
    known, strata = taken.copy(), []
    for each in found:
        if (more := each & ~known).any():
            strata.append(np.flatnonzero(more))
            known |= more
    return Rare(np.flatnonzero(taken), strata)
