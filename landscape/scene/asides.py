"""Notes on how a picture is drawn that a small one leaves to its caption.

Owns: these notes, and which of a picture's notes they are. Knows words only.
"""

from __future__ import annotations

from collections.abc import Iterable

EXTRA = "dashed: extra lines at {}"
SMOOTHED = "between grid points: piecewise cubic, within the values around"
_BEGINNINGS = (SMOOTHED, EXTRA.partition("{")[0])


def without_asides(phrases: Iterable[str]) -> tuple[str, ...]:
    """The phrases that must stand below a picture, since it may mislead without them.

    >>> without_asides([SMOOTHED, EXTRA.format(3), "values above 200 clipped: 4 points, largest 7160"])
    ('values above 200 clipped: 4 points, largest 7160',)
    """
    return tuple(phrase for phrase in phrases if not phrase.startswith(_BEGINNINGS))
