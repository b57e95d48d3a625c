"""Heights between the grid points, so that a coarse grid is drawn smoothly.

Owns: the fine mesh. It passes through every grid point; between them runs a cubic spline of the heights, held within
the range of the sixteen points around it: no hill or valley appears that the data do not have. Cells with a hole at a
corner stay empty. Grids finer than a screen are thinned instead.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

FINE_POINTS, MOST_POINTS = 200, 400
# A spline that leaves the range of its surroundings by more than this share of all heights rings beside a spike.
RINGING = 0.03
# More holes than that are filled without solving for them; the weight of the nearest height where bends decide.
MOST_BENT, TRACE = 20_000, 1e-9


def factor(points: int, fine: int = FINE_POINTS) -> int:
    """The number of pieces that each interval of an axis is cut into."""
    return max(1, int(np.ceil((fine - 1) / (points - 1)))) if points < fine else 1


def refine_axis(values: np.ndarray, pieces: int) -> np.ndarray:
    """(n,) -> (pieces * (n - 1) + 1,): every interval in equal pieces; the given values are kept exactly."""
    parts = np.arange(pieces) / pieces
    inner = values[:-1, None] + parts * np.diff(values)[:, None]
    return np.append(inner.ravel(), values[-1])


def thin(points: int) -> np.ndarray:
    """The numbers of the points of an axis that are drawn: all, or some hundred evenly chosen ones with both ends."""
    return np.unique(np.linspace(0, points - 1, min(points, MOST_POINTS)).round().astype(int))


def refine(
    x: np.ndarray, y: np.ndarray, heights: np.ndarray, fine: int = FINE_POINTS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
    z = spline(x, y, full, fine_x, fine_y)
    if np.maximum(low - z, z - high).max() > RINGING * np.ptp(full):
        z = _akima(x, y, full, fine_x, fine_y)
    z = np.clip(z, low, high)
    z[::py, ::px] = full
    z[~_closed(drawn, px, py)] = np.nan
    return fine_x, fine_y, z


def spline(x: np.ndarray, y: np.ndarray, heights: np.ndarray, fine_x: np.ndarray, fine_y: np.ndarray) -> np.ndarray:
    """The smoothest: slope and curvature are continuous."""
    return _spline_weights(y, fine_y) @ heights @ _spline_weights(x, fine_x).T


def _spline_weights(knots: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(m, n) weights of the values at n knots in the interpolating cubic spline at m places.

    Its third derivative is continuous at the second knot from each end ("not a knot", as scipy and Matlab have it); three
    knots give a parabola, two a line. Not scipy's own: its import would take a fifth of the time of a plot.
    """
    curvature = _curvatures(knots)
    cell = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
    width = np.diff(knots)[cell]
    right = (at - knots[cell]) / width
    left = 1 - right
    identity = np.eye(len(knots))
    straight = left[:, None] * identity[cell] + right[:, None] * identity[cell + 1]
    bend = (left**3 - left)[:, None] * curvature[cell] + (right**3 - right)[:, None] * curvature[cell + 1]
    return straight + bend * (width**2 / 6)[:, None]


def _curvatures(knots: np.ndarray) -> np.ndarray:
    """(n, n): the second derivatives at the knots, as weights of the values there."""
    n, h = len(knots), np.diff(knots)
    if n == 2:
        return np.zeros((2, 2))
    matrix, given = np.zeros((n, n)), np.zeros((n, n))
    for i in range(1, n - 1):
        matrix[i, i - 1 : i + 2] = h[i - 1], 2 * (h[i - 1] + h[i]), h[i]
        given[i, i - 1 : i + 2] = 6 / h[i - 1], -6 / h[i - 1] - 6 / h[i], 6 / h[i]
    if n == 3:
        matrix[0, :2], matrix[2, 1:] = (1, -1), (1, -1)
    else:
        matrix[0, :3] = h[1], -h[0] - h[1], h[0]
        matrix[-1, -3:] = h[-1], -h[-1] - h[-2], h[-2]
    return np.linalg.solve(matrix, given)


def _akima(x: np.ndarray, y: np.ndarray, heights: np.ndarray, fine_x: np.ndarray, fine_y: np.ndarray) -> np.ndarray:
    """Only the slope is continuous, and a spike changes nothing but its surroundings; the mean of both orders of axes.

    H. Akima, A new method of interpolation and smooth curve fitting based on local procedures, JACM 17 (1970).
    """
    one = _akima_rows(y, _akima_rows(x, heights.T, fine_x).T, fine_y)
    other = _akima_rows(x, _akima_rows(y, heights, fine_y).T, fine_x).T
    return (one + other) / 2


def _akima_rows(knots: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(n, k) -> (m, k): Akima's curve through each column of values."""
    h = np.diff(knots)[:, None]
    chords = np.diff(values, axis=0) / h
    if len(knots) == 2:
        slopes = np.repeat(chords, 2, axis=0)
    else:  # two chords more at each end, as those of a parabola through the last three points
        first, last = chords[0] - chords[1], chords[-1] - chords[-2]
        ends = [chords[:1] + 2 * first, chords[:1] + first], [chords[-1:] + last, chords[-1:] + 2 * last]
        slopes = _akima_slopes(np.concatenate([*ends[0], chords, *ends[1]]))
    cell = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
    step = (at - knots[cell])[:, None]
    t = step / h[cell]
    start, end, chord = slopes[cell], slopes[cell + 1], chords[cell]
    return values[cell] + step * (start + t * (3 * chord - 2 * start - end + t * (start + end - 2 * chord)))


def _akima_slopes(chords: np.ndarray) -> np.ndarray:
    """At each knot the two chords beside it, each weighted by how little the other side bends; their mean where none does."""
    bends = np.abs(np.diff(chords, axis=0))
    before, after = bends[:-2], bends[2:]
    total = before + after
    straight = total <= 1e-9 * total.max(initial=0.0)
    mean = (chords[:-3] + chords[3:]) / 2
    weighted = after * chords[1:-2] + before * chords[2:-1]
    return np.where(straight, mean, weighted / np.where(straight, 1.0, total))


def _filled(heights: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Holes take heights that bend the rows and columns through them least: they do not bend what is drawn beside them.

    Least squares of third differences along both axes, of which a parabola has none; very many holes take the nearest height.
    """
    if not 0 < (~drawn).sum() <= MOST_BENT or min(heights.shape) < 4:
        return _nearest(heights, drawn)
    from scipy.sparse import csr_array, diags_array, eye_array, kron, vstack
    from scipy.sparse.linalg import spsolve

    ny, nx = heights.shape
    third = [diags_array([-1.0, 3.0, -3.0, 1.0], offsets=[0, 1, 2, 3], shape=(n - 3, n)) for n in (nx, ny)]
    bends = csr_array(vstack([kron(eye_array(ny), third[0]), kron(third[1], eye_array(nx))]))
    free, known = np.flatnonzero(~drawn.ravel()), np.flatnonzero(drawn.ravel())
    own, rest = bends[:, free], bends[:, known] @ heights.ravel()[known]
    # The nearest heights, with little weight, decide what the differences leave open.
    nearest = _nearest(heights, drawn).ravel()[free]
    full = heights.copy().ravel()
    full[free] = spsolve((own.T @ own + TRACE * eye_array(len(free))).tocsc(), TRACE * nearest - own.T @ rest)
    low, high = heights[drawn].min(), heights[drawn].max()
    return np.clip(full, low - (high - low), high + (high - low)).reshape(heights.shape)


def _nearest(heights: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Holes take the nearest height."""
    from scipy.interpolate import NearestNDInterpolator

    nearest = NearestNDInterpolator(np.argwhere(drawn), heights[drawn])
    full = heights.copy()
    full[~drawn] = nearest(np.argwhere(~drawn))
    return full


def _spread_to(heights: np.ndarray, px: int, py: int, pick: Callable[..., np.ndarray]) -> np.ndarray:
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
