"""Heights between the grid points, so that a coarse grid is drawn smoothly.

Owns: the fine mesh. It passes through every grid point; between them runs a cubic spline of the heights, held within
the range of the sixteen points around it: no hill or valley appears that the data do not have. Cells with a hole at a
corner stay empty. Grids finer than a screen are thinned instead.
"""

from __future__ import annotations

import numpy as np

FINE_POINTS, MOST_POINTS = 200, 400
# A spline that leaves the range of its surroundings by more than this share of all heights rings beside a spike.
RINGING = 0.03


def factor(points: int, fine: int = FINE_POINTS) -> int:
    """Into how many pieces each interval of an axis is cut."""
    return max(1, int(np.ceil((fine - 1) / (points - 1)))) if points < fine else 1


def refine_axis(values: np.ndarray, pieces: int) -> np.ndarray:
    """(n,) -> (pieces * (n - 1) + 1,): every interval in equal pieces; the given values are kept exactly."""
    parts = np.arange(pieces) / pieces
    inner = values[:-1, None] + parts * np.diff(values)[:, None]
    return np.append(inner.ravel(), values[-1])


def thin(points: int) -> np.ndarray:
    """The numbers of the points of an axis that are drawn: all, or some hundred evenly chosen ones with both ends."""
    return np.unique(np.linspace(0, points - 1, min(points, MOST_POINTS)).round().astype(int))


def refine(x: np.ndarray, y: np.ndarray, heights: np.ndarray, fine: int = FINE_POINTS):
    """(x, y, z) of the fine mesh through `heights` (ny, nx), NaN in cells that touch a hole."""
    rows, columns = thin(len(y)), thin(len(x))
    x, y, heights = x[columns], y[rows], heights[np.ix_(rows, columns)]
    px, py = factor(len(x), fine), factor(len(y), fine)
    fine_x, fine_y = refine_axis(x, px), refine_axis(y, py)
    drawn = np.isfinite(heights)
    if px == py == 1:
        return x, y, heights
    if not drawn.any():
        return fine_x, fine_y, np.full((len(fine_y), len(fine_x)), np.nan)
    full = heights if drawn.all() else _filled(heights, drawn)
    low, high = (_spread_to(full, px, py, pick) for pick in (np.minimum, np.maximum))
    z = _spline(x, y, full, fine_x, fine_y)
    if np.maximum(low - z, z - high).max() > RINGING * np.ptp(full):
        z = _akima(x, y, full, fine_x, fine_y)
    z = np.clip(z, low, high)
    z[::py, ::px] = full
    z[~_closed(drawn, px, py)] = np.nan
    return fine_x, fine_y, z


def _spline(x, y, heights, fine_x, fine_y) -> np.ndarray:
    """The smoothest: slope and curvature are continuous."""
    from scipy.interpolate import RectBivariateSpline

    degree_y, degree_x = min(3, len(y) - 1), min(3, len(x) - 1)
    return RectBivariateSpline(y, x, heights, kx=degree_y, ky=degree_x, s=0)(fine_y, fine_x)


def _akima(x, y, heights, fine_x, fine_y) -> np.ndarray:
    """Only the slope is continuous, and a spike changes nothing but its surroundings; the mean of both orders of axes.

    H. Akima, A new method of interpolation and smooth curve fitting based on local procedures, JACM 17 (1970).
    """
    from scipy.interpolate import Akima1DInterpolator as Akima

    one = Akima(y, Akima(x, heights, axis=1)(fine_x), axis=0)(fine_y)
    other = Akima(x, Akima(y, heights, axis=0)(fine_y), axis=1)(fine_x)
    return (one + other) / 2


def _filled(heights: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Holes take the nearest height: only so that the spline exists; what lies there is not drawn."""
    from scipy.interpolate import NearestNDInterpolator

    nearest = NearestNDInterpolator(np.argwhere(drawn), heights[drawn])
    full = heights.copy()
    full[~drawn] = nearest(np.argwhere(~drawn))
    return full


def _spread_to(heights: np.ndarray, px: int, py: int, pick) -> np.ndarray:
    """The least or largest height among the 4 x 4 grid points around each point of the fine mesh."""
    padded = np.pad(heights, 1, mode="edge")
    rows = pick(pick(padded[:-3], padded[1:-2]), pick(padded[2:-1], padded[3:]))
    cells = pick(pick(rows[:, :-3], rows[:, 1:-2]), pick(rows[:, 2:-1], rows[:, 3:]))
    fine = np.repeat(np.repeat(cells, py, axis=0), px, axis=1)
    return np.pad(fine, ((0, 1), (0, 1)), mode="edge")


def _closed(drawn: np.ndarray, px: int, py: int) -> np.ndarray:
    """Which points of the fine mesh lie in or on the border of a cell whose four corners are drawn."""
    whole = drawn[:-1, :-1] & drawn[1:, :-1] & drawn[:-1, 1:] & drawn[1:, 1:]
    fine = np.zeros((py * whole.shape[0] + 1, px * whole.shape[1] + 1), dtype=bool)
    for down in range(py + 1):
        for right in range(px + 1):
            rows = slice(down, down + py * (whole.shape[0] - 1) + 1, py)
            columns = slice(right, right + px * (whole.shape[1] - 1) + 1, px)
            fine[rows, columns] |= whole
    return fine
