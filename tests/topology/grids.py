"""Random grids with ties, holes and infinities."""

import numpy as np


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
