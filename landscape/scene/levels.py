"""Where contour lines and ticks lie: round values that follow the data.

Owns: the choice of levels on each scale. On a log scale they are round numbers spaced by nearly equal factors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.errors import UsageError
from landscape.scene.scale import LINEAR, LOG, Scale

LEVELS, MOST_LEVELS = 13, 18
# The share of all values that may lie between two neighbouring levels.
CROWDED = 0.25
# The lines that cross each panel, extra ones included, are at least this many.
LEAST_LINES = 4
# Round mantissas, from coarse to fine: sequences that a reader knows, so that lines can be counted.
_LADDERS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), tuple(map(float, range(1, 10))))
_STEPS = (1.0, 2.0, 2.5, 5.0)


def choose_levels(scale: Scale, levels: int | Sequence[float] | None = None) -> np.ndarray:
    """Values (k,) of the contour lines, rising, strictly inside the drawn range; k may be 0.

    `levels` is about how many, or their values; those outside the range have no line. Their sequence is regular: one step on a
    linear scale; whole decades, 1-3-10, 1-2-5 or all digits on a logarithmic one.

    Raises:
        UsageError: fewer than one level, or levels that are not finite, rising numbers.
    """
    if levels is None or isinstance(levels, int | np.integer):
        count = LEVELS if levels is None else int(levels)
        if count < 1:
            raise UsageError(f"levels {count}: expected at least one")
        return _inside(round_values(scale, count), scale)
    return _inside(_given(levels), scale)


def extra_levels(scale: Scale, levels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (m,) of further lines for one panel with `values` (n,), which would look flat with `levels` (k,) alone.

    Where many of the values lie between two neighbours, lines are added: a plateau is not left blank. And where fewer than four
    lines cross the panel, round values between its lowest and its highest are.
    """
    inside = values[(values >= scale.vmin) & (values <= scale.vmax)]
    if inside.size < 2 or inside.min() == inside.max():
        return np.zeros(0)
    extra = np.setdiff1d(_denser(levels, scale, inside), levels)
    low, high = float(inside.min()), float(inside.max())
    if _between(low, high, levels, extra) < LEAST_LINES:
        own = Scale(scale.kind, low, high, scale.unit)
        for count in range(LEAST_LINES, 5 * LEAST_LINES):
            extra = np.setdiff1d(_inside(_linear(low, high, count, (1.0, 2.0, 5.0)), own), levels)
            if _between(low, high, levels, extra) >= LEAST_LINES:
                break
    return extra


def _between(low: float, high: float, *levels: np.ndarray) -> int:
    return sum(int(((each > low) & (each < high)).sum()) for each in levels)


def round_values(scale: Scale, count: int) -> np.ndarray:
    """About `count` round values (k,) inside the range of the scale, both ends included."""
    if scale.kind == LOG:
        return _log(scale.vmin, scale.vmax, count)
    if scale.kind == LINEAR:
        return _linear(scale.vmin, scale.vmax, count)
    return _symlog(scale, count)


def _given(levels: Sequence[float]) -> np.ndarray:
    try:
        given = np.asarray(list(levels), dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"levels {levels!r}: expected a number of levels or a list of values") from None
    if given.ndim != 1 or not np.isfinite(given).all() or (np.diff(given) <= 0).any():
        raise UsageError(f"levels {list(levels)}: expected finite values in rising order")
    return given


def _inside(values: np.ndarray, scale: Scale) -> np.ndarray:
    """Without the ends: a contour line at the lowest or highest value has no length, or is a plateau."""
    margin = 1e-6 * (scale.high - scale.low)
    heights = scale.heights(values)
    return values[(heights > scale.low + margin) & (heights < scale.high - margin)]


def _denser(levels: np.ndarray, scale: Scale, values: np.ndarray) -> np.ndarray:
    """Round values added in the gaps that hold more than their share of the values (n,), the fullest first."""
    edges = np.concatenate([[scale.vmin], levels, [scale.vmax]])
    shares = np.histogram(values, edges)[0] / max(1, values.size)
    for gap in np.argsort(-shares):
        if shares[gap] < CROWDED or len(levels) >= MOST_LEVELS:
            break
        # And the two neighbours.
        lines = min(4, int(shares[gap] / CROWDED) + 1)
        levels = np.union1d(levels, _inside(_linear(edges[gap], edges[gap + 1], lines + 2, (1.0, 2.0, 5.0)), scale))
    return levels


def _log(low: float, high: float, count: int) -> np.ndarray:
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    tries = [
        np.array([float(f"{m}e{power}") for power in range(first, last + 1) for m in ladder]) for ladder in _LADDERS
    ]
    # Whole decades only, every second, third, ...; powers that are multiples of the stride, so that 1 stays.
    for stride in range(2, max(3, last - first + 1)):
        powers = [power for power in range(first, last + 1) if power % stride == 0]
        tries.append(np.array([float(f"1e{power}") for power in powers]))
    tries = [t[(t >= low) & (t <= high)] for t in tries]
    if max(map(len, tries)) < min(count, 4):
        # Less than one decade: round steps, unequal factors.
        return _linear(low, high, count)
    return min(tries, key=lambda t: _far_from(count, len(t)))


def _far_from(count: int, found: int) -> float:
    """As a factor: twice as many are as far from the requested number as half as many."""
    return abs(np.log(max(found, 0.5) / count))


def _linear(low: float, high: float, count: int, steps: Sequence[float] = _STEPS) -> np.ndarray:
    span = high - low
    power = np.floor(np.log10(span / count))
    tries = []
    for exponent in (power - 1, power, power + 1):
        for step in steps:
            size = float(f"{step}e{int(exponent)}")
            first, last = np.ceil(low / size - 1e-9), np.floor(high / size + 1e-9)
            if 0 <= last - first < 10 * count:
                # Through the decimal text, so that 3 * 0.1 is 0.3.
                tries.append(np.array([float(f"{i * size:.12g}") for i in np.arange(first, last + 1)]))
    return min(tries, key=lambda t: _far_from(count, len(t))) if tries else np.zeros(0)


def _symlog(scale: Scale, count: int) -> np.ndarray:
    largest = max(abs(scale.vmin), abs(scale.vmax))
    top = max(scale.unit * 10, largest)
    # As many decades as both sides have, of which one may have hardly any.
    decades = [max(0.0, float(np.log10(max(end, 1e-300) / scale.unit))) for end in (-scale.vmin, scale.vmax)]
    positive = _log(scale.unit, top, max(2, round(count * max(decades) / max(sum(decades), 1e-9))))
    values = np.concatenate([-positive[::-1], [0.0], positive])
    return values[(values >= scale.vmin) & (values <= scale.vmax)]
