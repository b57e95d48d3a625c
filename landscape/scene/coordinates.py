"""Numbers along an axis of coordinates: small enough to stand side by side, whatever the range.

Owns: the offset and the power of ten that are taken out of the numbers and said once, beside the name of the axis. Left to a
library, they float somewhere near its end. Values of a metric have ticks of their own (ticks.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# From ten thousand on, and up to a thousandth, numbers are written by their power.
LARGE, SMALL = 4, -3
# A range this narrow beside its place would repeat the same digits at every tick.
NARROW = 1e-3


@dataclass(frozen=True)
class Coordinates:
    """Numbers are those of (value - `offset`) / 10**`power`."""

    offset: float = 0.0
    power: int = 0

    @property
    def plain(self) -> bool:
        return self.offset == 0 and self.power == 0

    def named(self, label: str) -> str:
        """The name of the axis, with what its numbers leave out.

        >>> Coordinates(power=-5).named("x direction"), Coordinates(1000.0, -1).named("x")
        ('x direction (× 1e−5)', 'x − 1000 (× 1e−1)')
        """
        offset = f" {'−' if self.offset > 0 else '+'} {abs(self.offset):.15g}" if self.offset else ""
        factor = f"1e{self.power}"
        return label + offset + (f" (× {factor})".replace("-", "−") if self.power else "")

    def text(self, value: float) -> str:
        """The number of a tick.

        >>> Coordinates(power=-5).text(-5e-6), Coordinates(1000.0).text(1000.25)
        ('−0.5', '0.25')
        """
        return f"{round((value - self.offset) / 10.0**self.power, 9):.6g}".replace("-", "−")


def coordinates_of(low: float, high: float) -> Coordinates:
    """How the numbers from `low` to `high` are written.

    >>> coordinates_of(-1, 1), coordinates_of(-2e6, 0), coordinates_of(1000, 1000.5)
    (Coordinates(offset=0.0, power=0), Coordinates(offset=0.0, power=6), Coordinates(offset=1000.0, power=0))
    """
    span, size = high - low, max(abs(low), abs(high))
    if not (math.isfinite(span) and span > 0):
        return Coordinates()
    offset = 0.0
    if span < NARROW * size:
        step = 10.0 ** math.ceil(math.log10(span))
        offset = float(f"{math.floor(low / step) * step:.15g}")
        size = max(abs(low - offset), abs(high - offset))
    power = math.floor(math.log10(size) + 1e-9)
    return Coordinates(offset, power if power >= LARGE or power <= SMALL else 0)
