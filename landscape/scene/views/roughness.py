"""Whether the shape of a picture is that of the function, or of its grid.

Owns: the test for structure at the scale of the grid, and the note on it. Bumps two or three points wide look like hills once a
curve runs through them, but other points would give other bumps. Works on heights: knows no metric.
"""

from __future__ import annotations

import numpy as np

from landscape.scene.views.refine import spline

# The test: every second row and column predicts the others. MISSED is the share of the spread of all heights that the prediction
# may be off; a function that the grid resolves is predicted far better from twice as many points, by SHRINKS at least.
MISSED, SHRINKS = 0.03, 0.5
# A grid with at most this many points on a side shows the shape of the spline rather than that of the loss.
FEW = 7
GUESS = "{} × {} points: too few to know the shape between them"
# Fewer points on a side say too little about halves and quarters of them.
LEAST = 13
NOTE = "half as many points on a side miss {:.0f} % of the range: structure at the scale of the grid, finer one needed to tell"


def roughness_notes(x: np.ndarray, y: np.ndarray, heights: np.ndarray) -> list[str]:
    """A note if a grid is very coarse, or heights (ny, nx) vary at its scale; with holes nothing can be predicted."""
    if min(heights.shape) <= FEW:
        return [GUESS.format(len(x), len(y))]
    if min(heights.shape) < LEAST or not np.isfinite(heights).all():
        return []
    missed = missed_by_half(x, y, heights)
    if missed <= MISSED:
        return []
    coarser = missed_by_half(x[::2], y[::2], heights[::2, ::2])
    return [NOTE.format(100 * missed)] if missed > SHRINKS * coarser else []


def missed_by_half(x: np.ndarray, y: np.ndarray, heights: np.ndarray) -> float:
    """How far a spline through every second point is from the points between, as a share of the spread of the heights.

    Root of the mean square over the points left out, divided by the distance between the 5th and the 95th percentile.
    """
    rows, columns = _odd(len(y)), _odd(len(x))
    x, y, heights = x[:columns], y[:rows], heights[:rows, :columns]
    low, high = np.quantile(heights, (0.05, 0.95))
    if high <= low:
        return 0.0
    missed = spline(x[::2], y[::2], heights[::2, ::2], x, y) - heights
    left_out = np.ones(heights.shape, dtype=bool)
    left_out[::2, ::2] = False
    return float(np.sqrt(np.mean(missed[left_out] ** 2)) / (high - low))


def _odd(count: int) -> int:
    return count - 1 + count % 2
