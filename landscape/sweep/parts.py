"""Work that can be divided: the chunks of a point, computed here and there.

Owns: `Work`, what executors compute; `Task`, some chunks of a point; and putting the chunks of a point together again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from landscape.sweep.sampler import Point, Result

Coords = tuple[float, ...]
End = Callable[[int], int]


class Task(NamedTuple):
    """The chunks first .. last - 1 of a point."""

    point: Point
    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first


class Work(Protocol):
    chunks: int
    """Into how many parts a point can be divided; the same at every point and on every rank."""

    def part(self, coords: Coords, first: int, end: End) -> Sequence[Any]:
        """One contribution, small enough to be sent about, for each chunk from `first` on.

        Before each chunk, `end` is called with its number and says where to stop: a task may shrink while it is done.
        """

    def join(self, contributions: Sequence[Any]) -> Result:
        """The result of a point from the contributions of all its chunks, in order."""


class Whole:
    """A plain function of the coordinates as work that cannot be divided."""

    chunks = 1

    def __init__(self, function: Callable[[Coords], Result]):
        self._function = function

    def part(self, coords: Coords, first: int, end: End) -> list[Result]:
        return [dict(self._function(coords))]

    def join(self, contributions: Sequence[Result]) -> Result:
        return contributions[0]


def as_work(evaluate: Work | Callable[[Coords], Result]) -> Work:
    return evaluate if hasattr(evaluate, "chunks") else Whole(evaluate)


def whole(work: Work, coords: Coords) -> Result:
    """A point all at once."""
    return work.join(work.part(coords, 0, lambda chunk: work.chunks))


class Pieces:
    """Keeps the contributions to points until a point is complete; what was done as a whole comes as a result."""

    def __init__(self, work: Work):
        self._work = work
        self._held: dict[int, dict[int, Any]] = {}

    def add(self, task: Task, content: Sequence[Any] | Result) -> Result | None:
        """The result of the task's point once all of it is there, else None."""
        if task.size == self._work.chunks:
            return content
        held = self._held.setdefault(task.point.index, {})
        held.update(zip(range(task.first, task.last), content, strict=True))
        if len(held) < self._work.chunks:
            return None
        del self._held[task.point.index]
        return self._work.join([held[chunk] for chunk in range(self._work.chunks)])
