"""Where the numbers of contour lines stand.

Owns: one place per level, on its line, away from the other numbers, the border and the centre. Works on the fine
mesh, in units of the width and height of the picture.
"""

from __future__ import annotations

import numpy as np

# In units of the picture's side: how far apart labels are, and how far from the border.
APART, MARGIN = 0.105, 0.055
# Numbers are left out where lines are closer than this: they would cover the neighbours.
CLOSE = 0.022
CANDIDATES = 160
# From one point to the next along a path that labels keep away from, and the most of them.
STEP, MOST = 0.04, 2000


def place_labels(x: np.ndarray, y: np.ndarray, z: np.ndarray, levels: np.ndarray, avoid: np.ndarray) -> np.ndarray:
    """(k, 3): x, y and level number of each label; levels whose lines are crowded or too short have none.

    `levels` are heights (n,); `avoid` (m, 2) are points in the plane that stay free.
    """
    span = np.array([x[-1] - x[0], y[-1] - y[0]])
    corner = np.array([x[0], y[0]])
    with np.errstate(invalid="ignore"):
        slope_y, slope_x = np.gradient(z, (y - y[0]) / span[1], (x - x[0]) / span[0])
    steep, gap = np.hypot(slope_x, slope_y), _gaps(levels)
    taken = [(point - corner) / span for point in avoid]
    placed: list[tuple[float, float, float]] = []
    for number in _outward(len(levels)):
        points = (_crossings(x, y, z, levels[number], steep * CLOSE < gap[number]) - corner) / span
        best = _freest(points, taken)
        if best is not None:
            taken.append(best)
            placed.append((*(corner + best * span), float(number)))
    return np.array(sorted(placed, key=lambda row: row[2])).reshape(-1, 3)


def along(points: np.ndarray, span: np.ndarray) -> np.ndarray:
    """(m, 2) points of a path through `points` (n, 2), so dense that nothing within `APART` of it is missed.

    `span` (2,) are the width and the height of the picture. Where a path is interrupted (NaN), nothing is between its parts.
    """
    known = np.isfinite(points).all(axis=1)
    ends = np.flatnonzero(np.diff(known)) + 1
    parts = [part for part in np.split(points, ends) if len(part) and np.isfinite(part).all()]
    return np.concatenate([_along(part, span) for part in parts]) if parts else np.zeros((0, 2))


def _along(known: np.ndarray, span: np.ndarray) -> np.ndarray:
    if len(known) < 2:
        return known
    length = np.concatenate([[0.0], np.linalg.norm(np.diff(known / span, axis=0), axis=1).cumsum()])
    at = np.linspace(0.0, length[-1], min(MOST, 2 + int(length[-1] / STEP)))
    return np.column_stack([np.interp(at, length, known[:, axis]) for axis in range(2)])


def _outward(count: int) -> list[int]:
    """Every second level first: when room runs out, those that are left are spread over the range."""
    return [*range(0, count, 2), *range(1, count, 2)]


def _gaps(levels: np.ndarray) -> np.ndarray:
    """(n,) heights to the nearest other level."""
    steps = np.diff(levels, prepend=-np.inf, append=np.inf)
    return np.minimum(steps[:-1], steps[1:])


def _crossings(x: np.ndarray, y: np.ndarray, z: np.ndarray, level: float, roomy: np.ndarray) -> np.ndarray:
    """(n, 2): where the lines of the mesh parallel to x cross a height in `roomy` places, by linear interpolation."""
    below = z < level
    finite = np.isfinite(z[:, :-1]) & np.isfinite(z[:, 1:])
    rows, columns = np.nonzero((below[:, :-1] != below[:, 1:]) & finite & roomy[:, :-1])
    left, right = z[rows, columns], z[rows, columns + 1]
    share = (level - left) / (right - left)
    return np.column_stack([x[columns] + share * (x[columns + 1] - x[columns]), y[rows]])


def _freest(points: np.ndarray, taken: list[np.ndarray]) -> np.ndarray | None:
    """The point farthest from everything taken, or None when all are too near; (n, 2) in 0..1."""
    inside = (points > MARGIN).all(axis=1) & (points < 1 - MARGIN).all(axis=1)
    points = points[inside]
    # Too few crossings: a line so short that its number would hide it.
    if len(points) < 6:
        return None
    points = points[:: max(1, len(points) // CANDIDATES)]
    if not taken:
        return points[len(points) // 2]
    room = np.linalg.norm(points[:, None] - np.array(taken)[None], axis=2).min(axis=1)
    # Beyond a comfortable distance nothing is gained; then the middle of the picture is preferred.
    score = np.minimum(room, 2.2 * APART) - 0.08 * np.linalg.norm(points - 0.5, axis=1)
    best = int(np.argmax(score))
    return points[best] if room[best] >= APART else None
