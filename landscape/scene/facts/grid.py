"""How many points a picture is made of, and over which range: a coarse grid drawn smoothly looks as fine as any.

Owns: the words on a grid, and on points of it that a tolerance left out. Knows no values.
"""

from __future__ import annotations

import numpy as np

from landscape.grid import COORDINATE, CURVE, PARAMETER, PATH, Axis, Grid
from landscape.printable import share_of
from landscape.scene.text import short

STEP, DIRECTION = "step", "direction"


def grid_facts(grid: Grid) -> list[str]:
    """The number of points and their range in one phrase; nothing for rows that are no places, such as nets.

    >>> from landscape.grid import Range
    >>> grid_facts(Grid.of(Range(-1, 1, 51), Range(-1, 1, 25)))
    ['51 × 25 points in [−1, 1]²']
    """
    kinds = {axis.kind for axis in grid.axes}
    first = grid.axes[0]
    if PATH in kinds or CURVE in kinds:
        return [f"{len(first.values)} points on each path"]
    if kinds == {STEP}:
        start, end = (short(float(value)) for value in first.values[[0, -1]])
        return [f"{len(first.values)} points from step {start} to {end}"]
    if not kinds <= {DIRECTION, COORDINATE, PARAMETER, ""}:
        return []
    count = " × ".join(str(len(axis.values)) for axis in grid.axes) + " points"
    ranges = [_range(axis) for axis in grid.axes]
    if len(set(ranges)) == 1:
        return [f"{count} in {ranges[0]}" + {2: "²", 3: "³"}.get(len(ranges), "")]
    return [f"{count} in " + " × ".join(ranges)]


def tolerance_facts(known: dict) -> list[str]:
    """The requested error of skipped points, and the one that was reached."""
    made, run = known.get("tolerance"), known.get("run")
    if not isinstance(made, dict) or not made.get("asked"):
        return []
    asked = f"tolerance {100 * float(made['asked']):g} %"
    reached = run.get("reached") if isinstance(run, dict) else None
    if not isinstance(reached, dict) or not {"evaluations", "of_evaluations", "error"} <= reached.keys():
        return [asked]
    saving = reached["of_evaluations"] / max(reached["evaluations"], 1)
    return [
        f"{asked}, reached {100 * reached['error']:.2g} % at 95 % of points with {share_of(saving, 'the evaluations')}"
    ]


def even(axis: Axis) -> bool:
    """Whether the values of an axis are equidistant, but for rounding."""
    steps = np.diff(axis.values)
    return bool(len(steps) == 0 or np.ptp(steps) <= 1e-6 * abs(steps).max())


def _end(value: float, span: float) -> str:
    """In as many digits as it takes to see how wide the range is.

    >>> _end(1000.5, 0.5), _end(-1.0, 2.0)
    ('1000.5', '-1')
    """
    texts = (short(value), *(f"{value:.{digits}g}" for digits in range(4, 16)))
    return next((text for text in texts if abs(float(text) - value) <= 1e-3 * abs(span)), f"{value:.17g}")


def _range(axis: Axis) -> str:
    ends = float(axis.values[0]), float(axis.values[-1])
    low, high = (_end(value, ends[1] - ends[0]).replace("-", "−") for value in ends)
    return f"[{low}, {high}]" + ("" if even(axis) else " (unevenly spaced)")
