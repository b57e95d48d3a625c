"""A look at the far ends of a plane, for samples that carry the loss only there.

Owns: where and how many samples it takes, and whether all of them are evaluated at these ends. The census at the nets tells of
each sample how much of the loss it carries there; one that is ordinary at the net and dominates elsewhere would be drawn too
rarely. It may dominate on one side of the net only, so all corners are looked at, and where one shows such samples, all samples
are evaluated in each.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from landscape.grid import Grid
from landscape.objective.rare import stand_out

Coords = tuple[float, ...]
# In all corners together: this share of the samples, but at least this many.
SHARE, FEWEST = 0.25, 8192
# A sample with less than so many times the mean loss at the nets is ordinary there.
ORDINARY = 3.0


def corners(grid: Grid, known: list[Coords]) -> list[Coords]:
    """The corners of the grid, but for those that are `known`."""
    ends = [sorted({float(axis.values[0]), float(axis.values[-1])}) for axis in grid.axes]
    return [each for each in itertools.product(*ends) if each not in known]


def shares(samples: int, places: int) -> list[np.ndarray]:
    """The numbers (n,) of the samples to look at in each of so many places, evenly spaced, as different ones as there are."""
    each = min(samples, round(max(FEWEST, SHARE * samples) / max(places, 1)))
    spaced = np.linspace(0, samples, each, endpoint=False)
    return [(spaced + place * samples / (each * places)).astype(int) % samples for place in range(places)]


class Seen(NamedTuple):
    """Losses (n,) of the samples with these numbers (n,) at a corner."""

    numbers: np.ndarray
    losses: np.ndarray


def dominates(seen: Seen, census: np.ndarray) -> bool:
    """Whether samples stand out at a corner that are ordinary at the nets, with the losses (anchors, N) there."""
    size = np.nan_to_num(np.abs(seen.losses), nan=0.0, posinf=1e30)
    at_nets = np.abs(census)
    ordinary = (at_nets < ORDINARY * at_nets.mean(axis=1, keepdims=True)).all(axis=0)
    return bool((stand_out(size) & ordinary[seen.numbers]).any())
