"""Which scale a set of values is drawn on, and which part of their range.

Owns: `Scale`, the choice between linear, log and symmetric log, and the limits beyond which values are clipped. Knows
values only: where they lie in the plane does not matter, so several surfaces share a scale by pooling their values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from landscape.errors import UsageError
from landscape.scene.reach import LARGEST, SMALLEST
from landscape.scene.text import short

LINEAR, LOG, SYMLOG = "linear", "log", "symlog"
SCALE_NAMES = {LOG: "log scale", SYMLOG: "symmetric log scale"}
SCALES = ("auto", LINEAR, LOG, SYMLOG)
# A log scale is worth it when the largest value is more than twenty times the smallest.
LOG_FROM_RATIO = 20.0
# A limit one and a half quartile distances beyond the quartiles is Tukey's fence (Exploratory Data Analysis,
# 1977).
FENCE = 1.5
# Clipping must win something: two decades of a log scale, or four fifths of a linear one.
WORTH_DECADES = 2.0
WORTH_FACTOR = 5.0
# Of a loss below zero: the share of the points that count as near the net.
NEAR = 0.01


@dataclass(frozen=True)
class Scale:
    """The drawn range of values and how they become heights.

    `unit` matters on the symmetric log scale only: below it the scale is close to linear. `below` and `above` say
    whether values lie outside the range, so that they are drawn at its ends. `signed`: the sign of a value has a
    meaning, as that of an eigenvalue has; a loss may begin anywhere.
    """

    kind: str
    vmin: float
    vmax: float
    unit: float = 1.0
    below: bool = False
    above: bool = False
    signed: bool = True

    def heights(self, values: ArrayLike) -> np.ndarray:
        """Values clipped to the range, on the scale; NaN stays NaN."""
        clipped = np.clip(np.asarray(values, dtype=np.float64), self.vmin, self.vmax)
        if self.kind == LOG:
            return np.log10(clipped)
        if self.kind == SYMLOG:
            # For |v| >> unit this is log10(|v| / unit) with the sign of v, and it is smooth through zero.
            return np.arcsinh(clipped / (2 * self.unit)) / np.log(10)
        return clipped

    def unclipped(self, values: ArrayLike) -> np.ndarray:
        """Heights of values that may lie beyond the range, by as much as the range is high; NaN stays NaN.

        What is drawn must end where it leaves the range, and not run level along its end. On a log scale, values that are not
        positive have no height: theirs is that of `vmin`.
        """
        values, span = np.asarray(values, dtype=np.float64), self.high - self.low
        if self.kind == LOG:
            values = np.where(values <= 0, self.vmin, values)
        free = replace(self, vmin=-np.inf, vmax=np.inf).heights(values)
        return np.clip(free, self.low - span, self.high + span)

    def values(self, heights: ArrayLike) -> np.ndarray:
        """The inverse of `heights`, except for the clipping."""
        heights = np.asarray(heights, dtype=np.float64)
        if self.kind == LOG:
            # a fence may lie beyond all that a float can hold
            return 10.0 ** np.clip(heights, -300, 300)
        if self.kind == SYMLOG:
            return np.sinh(heights * np.log(10)) * 2 * self.unit
        return heights

    @property
    def low(self) -> float:
        """The height of `vmin`."""
        return float(self.heights(self.vmin))

    @property
    def high(self) -> float:
        """The height of `vmax`."""
        return float(self.heights(self.vmax))

    def named(self, label: str) -> str:
        """The name of an axis on this scale, which is mentioned unless it is linear."""
        return label + (f" ({SCALE_NAMES[self.kind]})" if self.kind in SCALE_NAMES else "")


def choose_scale(
    values: np.ndarray,
    *,
    scale: str = "auto",
    vmin: float | None = None,
    vmax: float | None = None,
    bounded: bool = False,
    signed: bool = True,
) -> Scale:
    """The scale for finite `values` (n,), any number of them.

    `bounded` values (shares of samples) are drawn on a linear scale and never clipped unless limits are given. Of values whose
    sign has no meaning (not `signed`) the lowest are never clipped: the net is there.

    Raises:
        UsageError: no such scale; limits in the wrong order; a log scale without any positive value.
    """
    if scale not in SCALES:
        raise UsageError(f"scale '{scale}': expected one of {', '.join(SCALES)}")
    _check_limits(vmin, vmax)
    inside = _within(values, vmin, vmax)
    if not inside.size:
        _check_reached(values, vmin, vmax)
    inside = inside if inside.size else values
    kind = _kind(inside, bounded, signed) if scale == "auto" else scale
    if kind == LOG and vmin is not None and vmin <= 0:
        raise UsageError(
            f"vmin {vmin:g} is not positive and has no place on a log scale; choose scale linear or symlog"
        )
    if kind == LOG and values.size and not (values > 0).any():
        raise UsageError(
            f"a log scale needs values above {SMALLEST:g} and there are none; choose scale linear or symlog"
        )
    if kind == LOG and vmax is not None and vmax <= SMALLEST:
        raise UsageError(f"vmax {vmax:g} has no place on a log scale; choose scale linear or symlog")
    unit = _unit(inside, signed) if kind == SYMLOG else 1.0
    low, high = _limits(inside, kind, unit, clip=not bounded, signed=signed)
    low, high = low if vmin is None else vmin, high if vmax is None else vmax
    if low >= high:
        low, high = _opened(low, high, kind, vmin, vmax)
    return Scale(kind, float(low), float(high), unit, bool((values < low).any()), bool((values > high).any()), signed)


def clipping_notes(values: np.ndarray, scale: Scale) -> list[str]:
    """What is drawn at the ends of the range instead of where it is, in words."""
    notes = []
    over, under = values[values > scale.vmax], values[values < scale.vmin]
    zeros = under[under <= 0] if scale.kind == LOG else under[:0]
    small = under[under > 0] if scale.kind == LOG else under
    if over.size:
        notes.append(f"values above {short(scale.vmax)} clipped: {_points(over)}, largest {short(over.max())}")
    if small.size:
        notes.append(f"values below {short(scale.vmin)} clipped: {_points(small)}, smallest {short(small.min())}")
    if zeros.size:
        which = "zero" if (zeros == 0).all() else "zero or negative"
        notes.append(f"{which} values drawn at {short(scale.vmin)} (log scale): {_points(zeros)}")
    return notes


def _points(values: np.ndarray) -> str:
    return f"{values.size} point{'s' if values.size != 1 else ''}"


def _check_limits(vmin: float | None, vmax: float | None) -> None:
    for name, limit in (("vmin", vmin), ("vmax", vmax)):
        if limit is not None and not abs(limit) <= LARGEST:
            raise UsageError(f"{name} {limit}: expected a finite number, {LARGEST:g} at most in magnitude")
    if vmin is not None and vmax is not None and vmin >= vmax:
        raise UsageError(f"vmin {vmin:g} must be smaller than vmax {vmax:g}")
    if vmin is not None and vmax is not None and vmax - vmin < SMALLEST:
        raise UsageError(
            f"vmin {vmin:g} and vmax {vmax:g} are closer than {SMALLEST:g}, the smallest number of a picture"
        )


def _check_reached(values: np.ndarray, vmin: float | None, vmax: float | None) -> None:
    """Raises UsageError for a single limit with all values beyond it: the other end would have to be made up."""
    span = f"all values, which go from {short(values.min())} to {short(values.max())}" if values.size else ""
    if values.size and vmax is None and vmin is not None:
        raise UsageError(f"vmin {vmin:g} lies above {span}; give a lower one")
    if values.size and vmin is None and vmax is not None:
        raise UsageError(f"vmax {vmax:g} lies below {span}; give a higher one")


def _within(values: np.ndarray, vmin: float | None, vmax: float | None) -> np.ndarray:
    low = -np.inf if vmin is None else vmin
    high = np.inf if vmax is None else vmax
    return values[(values >= low) & (values <= high)]


def _kind(values: np.ndarray, bounded: bool, signed: bool) -> str:
    if bounded or not values.size:
        return LINEAR
    if (values < 0).any():
        if not signed and values.max() > LOG_FROM_RATIO * -values.min():
            return SYMLOG
        size = np.abs(values[values != 0])
        return SYMLOG if np.quantile(size, 0.98) > 100 * np.median(size) else LINEAR
    positive = values[values > 0]
    mostly = 2 * positive.size > values.size
    return LOG if mostly and positive.max() > LOG_FROM_RATIO * positive.min() else LINEAR


def _unit(values: np.ndarray, signed: bool) -> float:
    """The typical size; of a loss what it is near the net, so that levels lie around it: how deep it is, or how far it rises."""
    if not signed and values.size and values.min() < 0:
        return _power(max(-values.min(), np.quantile(values, NEAR) - values.min()))
    size = np.abs(values[values != 0])
    return _power(float(np.median(size))) if size.size else 1.0


def _power(size: float) -> float:
    """The power of ten that is no larger."""
    return float(10.0 ** np.floor(np.log10(size)))


def _limits(values: np.ndarray, kind: str, unit: float, *, clip: bool, signed: bool) -> tuple[float, float]:
    """The range of the values, without those far outside when leaving them out wins much."""
    zeros = kind == LOG and bool((values <= 0).any())
    if kind == LOG:
        values = values[values > 0]
    if not values.size:
        return (0.1, 1.0) if kind == LOG else (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if not clip:
        return low, high
    whole = Scale(kind, low, high, unit)
    heights = whole.heights(values)
    bottom, top = (whole.values(h) for h in _fences(heights))
    if _worth(whole, low, high, float(top)):
        high = min(high, _nice(float(top), up=True))
    # The minimum is what people look for, so nothing is clipped below it unless there are values of both signs.
    if kind == LOG:
        # Zero is drawn below every positive value.
        low = _nice(low / 2, up=False) if zeros else low
    elif signed and low < 0 < high and _worth(whole, high, low, float(bottom)):
        low = max(low, _nice(float(bottom), up=False))
    return low, high


def _fences(heights: np.ndarray) -> tuple[float, float]:
    """Heights beyond which values count as outliers."""
    for share in (0.25, 0.05):
        first, third = np.quantile(heights, (share, 1 - share))
        if third > first:
            return first - FENCE * (third - first), third + FENCE * (third - first)
    return -np.inf, np.inf


def _worth(scale: Scale, near: float, far: float, fence: float) -> bool:
    """Whether ending the scale at `fence` instead of at `far` gives the other values much more room."""
    if not np.isfinite(fence):
        return False
    near, far, fence = (float(Scale(scale.kind, -np.inf, np.inf, scale.unit).heights(v)) for v in (near, far, fence))
    beyond, kept = (far - fence), (fence - near)
    if (beyond > 0) != (kept > 0):
        return False
    beyond, kept = abs(beyond), abs(kept)
    return beyond > (WORTH_FACTOR - 1) * kept if scale.kind == LINEAR else beyond > WORTH_DECADES


def _nice(value: float, *, up: bool) -> float:
    """The next of 1, 2, 5 times a power of ten, upwards or downwards.

    >>> _nice(3.1, up=True), _nice(-0.03, up=True), _nice(0.7, up=False)
    (5.0, -0.02, 0.5)
    """
    if value == 0 or not np.isfinite(value):
        return value
    if value < 0:
        return -_nice(-value, up=not up)
    power = 10.0 ** np.floor(np.log10(value))
    steps = np.array([1.0, 2.0, 5.0, 10.0]) * power
    # A value that is a step itself, but for rounding, stays.
    chosen = steps[steps >= value * (1 - 1e-9)][0] if up else steps[steps <= value * (1 + 1e-9)][-1]
    return float(f"{chosen:.3g}")


def _opened(low: float, high: float, kind: str, vmin: float | None, vmax: float | None) -> tuple[float, float]:
    """A range around one value, or one that keeps the limit that was given."""
    middle = low if vmin is not None else high
    down, up = (middle / 3, middle * 3) if kind == LOG else (middle - _half(middle), middle + _half(middle))
    return (middle if vmin is not None else down), (middle if vmax is not None else up)


def _half(value: float) -> float:
    return 0.5 * abs(value) or 1.0
