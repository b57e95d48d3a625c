"""The objective at several points of a slice in one pass of the net.

Owns: `Together`, work whose points are passes, and how it is found out that a net cannot be evaluated in that way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from landscape.measurement.evaluate import quantity_of, unspoiled, use_threads
from landscape.measurement.measurement import Values
from landscape.objective.stack import Stack, difference, memory_of_row, obstacle
from landscape.objective.tally import Sums
from landscape.quantity import Quantity
from landscape.slice.slice import Slice
from landscape.subject.subject import Subject
from landscape.sweep.passes import Pass
from landscape.sweep.sampler import Point


class Together:
    """All samples at each point, as `Evaluate`, at `points_per_pass` points in one pass (`sweep.passes.PassWork`)."""

    def __init__(self, subject: Subject, slice: Slice, points_per_pass: int):
        self.subject, self.slice, self.points_per_pass = subject, slice, points_per_pass
        self.stack = Stack(subject.objective, points_per_pass)

    @property
    def chunks(self) -> int:
        return self.subject.objective.chunks

    def part(self, point: Point, first: int, end: Callable[[int], int]) -> list[dict[str, Sums]]:
        assert isinstance(point, Pass)
        use_threads(self.subject)
        for member in point.members:
            self.slice.at(member.coords, out=self.stack.rows[self._row(member)])
        used = [self._row(member) for member in point.members]
        names = [str(member.index) for member in point.members]
        found = unspoiled(self.subject, self.stack.sums(first, end, used))
        return [dict(zip(names, chunk, strict=True)) for chunk in found]

    def join(self, contributions: Sequence[Mapping[str, Sums]]) -> dict[str, Values]:
        objective = self.subject.objective
        return {name: objective.join([chunk[name] for chunk in contributions]) for name in contributions[0]}

    def quantity(self, name: str) -> Quantity:
        return quantity_of(self.subject.objective, name)

    def why_not(self) -> str | None:
        """Why points go one after another; None where they need not. Tried at points that are spread over the slice."""
        objective, grid = self.subject.objective, self.slice.grid
        if why := obstacle(objective):
            return why
        use_threads(self.subject)
        for row in range(self.points_per_pass):
            coords = grid.coordinates(row * (grid.size - 1) // max(1, self.points_per_pass - 1))
            if self.slice.buffers(coords):
                return "buffers of the net move"
            self.slice.at(coords, out=self.stack.rows[row])
        return difference(self.stack, objective)

    def fitting(self, budget: float) -> int:
        """How many points fit into `budget` bytes; call it after `why_not`."""
        return int(budget // memory_of_row(self.stack, self.subject.objective))

    def _row(self, point: Point) -> int:
        return point.index % self.points_per_pass
