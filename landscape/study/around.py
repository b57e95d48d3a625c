"""Ranges of a plane that hold paths, with some room around them.

Owns: their size and rounding. Coordinate 0 on both axes, the net that the plane is around, is always a point of the grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from landscape.errors import UsageError
from landscape.grid import MAX_POINTS_PER_AXIS, Range, parse_range
from landscape.surfaces.surface import Trail

AUTO, USUAL = "auto", 51
# The room on each side of a path, and the least extent of an axis beside the other one.
ROOM, LEAST = 0.15, 0.3
DIGITS = 3
# Spacings that are tried until 0 is a point of the grid to the last bit.
TRIES = 1000


def points_of(spec: Any, name: str) -> int | None:
    """The number of points of `auto:N`; None for a range that is given.

    Raises:
        UsageError: neither of the two.

    >>> points_of("auto:25", "x"), points_of("auto", "x"), points_of("-1:1:5", "x")
    (25, 51, None)
    """
    text = str(spec) if isinstance(spec, str) else ""
    if not text.startswith(AUTO):
        parse_range(spec, name=name)
        return None
    _, _, points = text.partition(":")
    if text not in (AUTO, f"{AUTO}:{points}") or (points and not points.isdecimal()):
        raise UsageError(f"{name} range '{spec}': expected auto:N, such as auto:51, or from:to:points")
    count = int(points) if points else USUAL
    if not 2 <= count <= MAX_POINTS_PER_AXIS:
        raise UsageError(f"{name} range '{spec}': expected a number of points from 2 to {MAX_POINTS_PER_AXIS}")
    return count


def ranges_around(trails: Mapping[str, Trail], specs: Mapping[str, Any]) -> dict[str, Range]:
    """The range of each axis, first x: as it is given, or for `auto:N` around all paths.

    Raises:
        UsageError: a path's place is not finite.
    """
    places = np.concatenate([trail.places for trail in trails.values()])
    ends = {name: _ends(values) for name, values in zip(specs, places.T, strict=True)}
    widest = max(high - low for low, high in ends.values()) or 1.0  # nets that are all the same
    found = {}
    for name, spec in specs.items():
        points = points_of(spec, name)
        low, high = ends[name]
        lack = max(0.0, LEAST * widest - (high - low)) / 2
        found[name] = parse_range(spec, name=name) if points is None else with_zero(low - lack, high + lack, points)
    return found


def with_zero(low: float, high: float, points: int) -> Range:
    """A range of round numbers with room around `low` to `high`, of which 0 is a point to the last bit."""
    room = ROOM * (high - low)
    if points == 2:  # the two ends
        return Range(low - room, high + room, points)
    below = min(max(round((points - 1) * (room - low) / (high - low + 2 * room)), 1), points - 2)
    least = max((room - low) / max(below, 1), (high + room) / max(points - 1 - below, 1))
    for spacing in _round_numbers(least):
        made = Range(-below * spacing, (points - 1 - below) * spacing, points)
        if (made.values == 0.0).any():
            return made
    return made


def _round_numbers(least: float) -> Iterable[float]:
    """Numbers of few digits, rising from `least`."""
    exponent = math.floor(math.log10(least)) - DIGITS + 1
    first = math.ceil(least / 10.0**exponent)
    for number in range(first, first + TRIES):
        yield float(f"{number}e{exponent}")


def _ends(values: np.ndarray) -> tuple[float, float]:
    if not np.isfinite(values).all():
        raise UsageError("a net of the path lies at no finite place of the plane: its weights are NaN or inf")
    return min(0.0, float(values.min())), max(0.0, float(values.max()))
