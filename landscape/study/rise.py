"""`-x auto`: how far the loss has to be followed along each axis.

Owns: the search for the nearest place along an axis, on either side of the net, where the loss is `rise` times that of the net,
and taking the ranges from a file that was begun with them. The leader searches and all ranks get its numbers, so that they do
not depend on the number of ranks; a file that is continued is not searched for again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from landscape.errors import EvaluationError, UsageError
from landscape.grid import Range
from landscape.measurement.evaluate import drivers, move, quantity_of
from landscape.options.groups import ToleranceOptions
from landscape.quantity import LOSS
from landscape.slice.shape import Form
from landscape.study.around import points_of
from landscape.study.on_slice import Asked, OnSlice, on_plane
from landscape.study.ranks import shared
from landscape.surfaces import load_surface
from landscape.surfaces.provenance import RangeFacts
from landscape.sweep.world import World

# A decade: what is ten times the loss of the net is no longer near its minimum, and a log scale shows all that is below.
USUAL_RISE, MOST_RISE = 10.0, 1e12
# Filters are as long as those of the net at 1. Up to 64 times that, and down to a millionth.
START, LARGEST, SMALLEST = 1.0, 64.0, 2.0**-20
# The ratio of the two radii between which the place lies in the end.
CLOSE = 1.02
# Within that ratio of radii, a loss that grows with the 20th power of the distance rises by half; what rises more jumps.
STEEP = 1.5
# What the search ends at: the rise, no rise up to LARGEST, a rise beyond it at once, or one that is nearer than SMALLEST.
RISE, BEYOND, JUMP, NOWHERE = "rise", "beyond", "jump", "nowhere"
EXAMPLE = "such as -1:1:51"


@dataclass(frozen=True)
class Ranges:
    """The range of each axis by name, and how those were found that were asked for; None when all were given."""

    axes: Mapping[str, Any]
    facts: RangeFacts | None = None

    def described(self, on: OnSlice) -> OnSlice:
        """The facts, and a note on them, with what is computed."""
        if self.facts is None:
            return on
        subject = replace(on.subject, notes=(*on.subject.notes, *self._notes(self.facts)))
        return replace(on, subject=subject, provenance=replace(on.provenance, ranges=self.facts))

    def _notes(self, facts: RangeFacts) -> list[str]:
        times = f"{facts.rise:g} times that of the net"
        usual = f"at the nearer end the loss is {times}"
        how = dict.fromkeys(facts.axes or [], usual)
        how |= dict.fromkeys(facts.beyond or [], f"the loss stays below {times}")
        how |= dict.fromkeys(facts.jumps or [], f"at the nearer end the loss jumps beyond {times}")
        return [f"{name} from {self.axes[name].start:g} to {self.axes[name].stop:g}: {how[name]}" for name in how]


def searched(asked: Asked, ranges: Mapping[str, Any], rise: float | None, form: Form | None = None) -> dict[str, int]:
    """The axes that are `auto` or `auto:N`, with their points.

    Raises:
        UsageError: a range that cannot be, `rise` without such an axis, or one towards another net or of a form.
    """
    points = {name: count for name, spec in ranges.items() if (count := points_of(spec, name)) is not None}
    if rise is not None and not points:
        raise UsageError(f"rise {rise:g} is for ranges that are searched for; give -x auto too, or drop it")
    if rise is not None and not 1 < rise <= MOST_RISE:
        raise UsageError(
            f"rise {rise:g}: expected a factor of the loss above 1, up to {MOST_RISE:g}, such as {USUAL_RISE:g}"
        )
    if points and form is not None:
        raise UsageError(f"{next(iter(points))} range auto looks along a direction; give a range, {EXAMPLE}")
    if points and asked.axes.to is not None:
        raise UsageError(
            f"{next(iter(points))} range auto looks around one net, and to names a second; give a range, {EXAMPLE}"
        )
    return points


def placeholders(points: Collection[str], ranges: Mapping[str, Any]) -> dict[str, Any]:
    """`ranges` for what needs only the axes: so small where they are not known that any net can move."""
    return {name: Range(-SMALLEST, SMALLEST, 2) if name in points else spec for name, spec in ranges.items()}


def found_ranges(
    asked: Asked, ranges: Mapping[str, Any], points: Mapping[str, int], rise: float | None, world: World
) -> Ranges:
    """`ranges` with numbers for the axes of `points`. Collective: all ranks call this.

    In a dry run that would begin a file, these axes go from -1 to 1: only their points matter.

    Raises:
        EvaluationError: no positive loss at the net, or no place near it where the loss is lower than asked for.
        UsageError: no loss.
    """
    if not points:
        return Ranges(ranges)
    factor = USUAL_RISE if rise is None else rise
    ends, facts = shared(
        world, lambda: _stored(asked, points, factor) or _searched(asked, ranges, points, factor, world)
    )
    return Ranges({**ranges, **{name: Range(*ends[name], points[name]) for name in points}}, facts)


Ends = dict[str, tuple[float, float]]


def _stored(asked: Asked, points: Mapping[str, int], rise: float) -> tuple[Ends, RangeFacts] | None:
    """Those of the file that is to be continued, if they were found for the same."""
    path = asked.output.path
    if path is None or not path.exists() or asked.output.overwrite:
        return None
    surface = load_surface(path)
    facts, axes = surface.known.ranges, {axis.name: axis.values for axis in surface.grid.axes}
    same = facts is not None and facts.rise == rise and facts.axes == list(points)
    if facts is None or not same or any(len(axes.get(name, ())) != count for name, count in points.items()):
        return None
    return {name: (float(axes[name][0]), float(axes[name][-1])) for name in points}, facts


def _searched(
    asked: Asked, ranges: Mapping[str, Any], points: Mapping[str, int], rise: float, world: World
) -> tuple[Ends, RangeFacts]:
    if asked.output.dry_run:
        return {name: (-1.0, 1.0) for name in points}, RangeFacts(rise=rise, axes=list(points))
    plain = replace(asked, tolerance=ToleranceOptions(), output=replace(asked.output, save_directions=False))
    on = on_plane(plain, placeholders(points, ranges), world, "auto")
    loss, ends, found = _Loss(on), {}, {}
    centre = loss(0, 0.0)
    if not 0 < centre < math.inf:
        raise EvaluationError(
            f"range auto: the loss of the net is {centre:g}, expected above 0; give a range, {EXAMPLE}"
        )
    for name in points:
        radius, found[name] = radius_of(partial(loss, list(ranges).index(name)), rise * centre)
        if found[name] == NOWHERE:
            raise EvaluationError(
                f"{name} range auto: at {SMALLEST:.2g} from the net its loss is already {rise:g} times as high or not finite; "
                f"give a range, {EXAMPLE}"
            )
        ends[name] = (-radius, radius)
    beyond, jumps = ([name for name in points if found[name] == end] or None for end in (BEYOND, JUMP))
    return ends, RangeFacts(rise=rise, axes=list(points), beyond=beyond, jumps=jumps, evaluations=loss.count)


class _Loss:
    """The first loss on the axes of a plane."""

    def __init__(self, on: OnSlice):
        self._on, self.count = on, 0
        self._name = drivers(on.subject)[0]
        quantity = quantity_of(on.subject.objective, self._name)
        if quantity.kind != LOSS:
            raise UsageError(
                f"range auto follows a loss, but {self._name} is not a loss; add a loss to metrics, or give a range, {EXAMPLE}"
            )

    def __call__(self, axis: int, place: float) -> float:
        self.count += 1
        coords = [0.0] * self._on.slice.grid.ndim
        coords[axis] = place
        move(self._on.subject, self._on.slice, tuple(coords))
        return self._on.subject.objective.evaluate()[self._name]


def radius_of(loss: Callable[[float], float], target: float) -> tuple[float, str]:
    """(radius, RISE, BEYOND, JUMP or NOWHERE): where the loss reaches the target on either side, to about 1 %, in three digits.

    A loss that is not finite counts as above. The radius is doubled or halved first, so a rise in between that has gone again
    at every radius that is tried is not seen.
    """

    def height(radius: float) -> float:
        """The higher loss of both sides; once one is above, the other does not matter."""
        one = known(loss(radius))
        return max(one, known(loss(-radius))) if one < target else one

    def known(value: float) -> float:
        return math.inf if math.isnan(value) else value

    high, top = START, height(START)
    if top >= target:
        while (below := height(high / 2)) >= target:
            high, top = high / 2, below
            if high <= SMALLEST:
                return SMALLEST, NOWHERE
    else:
        while (top := height(high := 2 * high)) < target:
            if high >= LARGEST:
                return LARGEST, BEYOND
    low = high / 2
    while high / low > CLOSE:
        middle = math.sqrt(low * high)
        if (value := height(middle)) >= target:
            high, top = middle, value
        else:
            low = middle
    return float(f"{math.sqrt(low * high):.3g}"), RISE if top <= STEEP * target else JUMP
