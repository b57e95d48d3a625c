"""Several points in one pass: which points go together, and their results apart again.

Owns: `Pass`, `PassWork` and `passes`. A point has the place `number % size` in any pass, so its place depends on the point
alone, not on what is pending or on ranks; its company does not decide its values (objective/stack.py). Executors take a pass
for a point.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from landscape.sweep.executor import Executor, OnResult
from landscape.sweep.sampler import Point
from landscape.sweep.work import Work


@dataclass(frozen=True)
class Pass(Point):
    """Points that are computed together, `given`; number and coordinates are those of the first."""

    @property
    def members(self) -> Sequence[Point]:
        return self.given

    @property
    def place(self) -> str:
        more = len(self.members) - 1
        return f"{super().place} and {more} more points of one pass" if more else super().place


@runtime_checkable
class PassWork(Work, Protocol):
    """Work whose points are passes. Their results are dicts: that of each point by its number, as text."""

    @property
    def points_per_pass(self) -> int: ...


def passes(points: Sequence[Point], size: int) -> list[Pass]:
    """The points in as few passes as there can be, in their order: the n-th pass has the n-th point of each place.

    >>> [[each.index for each in one.members] for one in passes([Point(i, (0.0,)) for i in (0, 1, 2, 3, 5, 8)], 3)]
    [[0, 1, 2], [3, 5], [8]]
    """
    taken: Counter[int] = Counter()
    found: list[list[Point]] = []
    for point in points:
        place = point.index % size
        if taken[place] == len(found):
            found.append([])
        found[taken[place]].append(point)
        taken[place] += 1
    return [Pass(members[0].index, members[0].coords, tuple(members)) for members in found]


def compute(executor: Executor, work: PassWork, points: Sequence[Point], on_result: OnResult) -> None:
    """As `executor.map`, in passes."""

    def each(point: Point, results: Mapping[str, Any]) -> None:
        assert isinstance(point, Pass)
        for member in point.members:
            on_result(member, results[str(member.index)])

    executor.map(work, passes(points, work.points_per_pass), each)
