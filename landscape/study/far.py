"""A look at the far ends of a plane, for samples that carry the loss only there.

Owns: where and how many samples it takes, and whether all of them are evaluated at these ends. The census at the nets tells of
each sample how much of the loss it carries there; one that hardly counts at the net and dominates elsewhere would be drawn too
rarely. It may dominate on one side of the net only, so all corners are looked at, and where one shows such samples, all samples
are evaluated in each.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from landscape.grid import Grid
from landscape.measurement.measurement import Coords
from landscape.objective.rare import rare, stand_out

# In each corner: this share of the samples, but at least this many; a kind may show in one corner only.
SHARE, FEWEST = 0.125, 8192


def corners(grid: Grid, known: list[Coords]) -> list[Coords]:
    """The corners of the grid, but for those that are `known`."""
    ends = [sorted({float(axis.values[0]), float(axis.values[-1])}) for axis in grid.axes]
    return [each for each in itertools.product(*ends) if each not in known]


def shares(samples: int, places: int) -> list[np.ndarray]:
    """The numbers (n,) of the samples to look at in each of so many places: at random, in each as few as can be that another has.

    Not evenly spaced: data in a periodic order, such as each image beside its mirror image, may have their few at odd numbers.
    """
    each = min(samples, max(FEWEST, round(SHARE * samples)))
    mixed = np.random.Generator(np.random.Philox(key=samples)).permutation(samples)
    return [np.sort(mixed[(place * each + np.arange(each)) % samples]) for place in range(places)]


class Seen(NamedTuple):
    """Losses (n,) of the samples with these numbers (n,) at a corner."""

    numbers: np.ndarray
    losses: np.ndarray


def dominates(seen: Seen, census: np.ndarray) -> bool:
    """Whether samples stand out at a corner that are not taken at every point for their losses (anchors, N) at the nets."""
    known = np.zeros(census.shape[1], bool)
    known[rare(census).taken] = True
    return bool((stand_out(seen.losses) & ~known[seen.numbers]).any())
