"""Random grids with ties, holes and infinities, and their persistence pairs."""

import numpy as np

from landscape.topology.elder_rule import NEVER, pairing
from landscape.topology.merge_tree import MergeTree


def random_grid(rng, *, most=12, holes=True, infinite=True):
    """(ny, nx) or (nx,) with few different values, so that many are equal; a fifth of it NaN, some of it infinite."""
    shape = tuple(rng.integers(1, most, 2)) if rng.random() < 0.8 else (int(rng.integers(1, 2 * most)),)
    values = rng.integers(0, rng.choice([2, 5, 1000]), shape).astype(float)
    if holes and rng.random() < 0.5:
        values[rng.random(shape) < 0.2] = np.nan
    if infinite and rng.random() < 0.3:
        values[rng.random(shape) < 0.1] = np.inf
        values[rng.random(shape) < 0.05] = -np.inf
    return values


def persistence_pairs(tree: MergeTree) -> np.ndarray:
    """(n, 2) birth and death of each component of the sublevel sets, in the order of births; infinity for one that never ends.

    What is born and ends at one value is left out: where values are equal, their order is made up.
    """
    passes = pairing(tree).passes
    births = tree.at(tree.minima)
    deaths = np.full(len(births), np.inf)
    ends = passes != NEVER
    deaths[ends] = tree.at(tree.saddles[passes[ends]])
    lasting = ~ends | (births < deaths)
    return np.column_stack([births, deaths])[lasting]
