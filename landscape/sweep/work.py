"""Divisible work: the chunks of a point, computed by one rank or by several.

Owns: `Work`, which executors compute; `Task`, some chunks of a point; and putting the chunks of a point together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from landscape.callables import explain, message_of
from landscape.errors import LandscapeError
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


@runtime_checkable
class Work(Protocol):
    @property
    def chunks(self) -> int:
        """The number of parts that a point can be divided into; the same at every point and on every rank."""

    def part(self, point: Point, first: int, end: End) -> Sequence[Any]:
        """One contribution for each chunk from `first` on, small enough to be sent in a message.

        Before each chunk, `end` is called with its number and returns the number of the chunk to stop at: a task may
        shrink while it is computed.
        """

    def join(self, contributions: Sequence[Any]) -> Result:
        """The result of a point from the contributions of all its chunks, in order."""


# divisible work, or a plain function of the coordinates
Evaluate = Work | Callable[[Coords], Result]


class IndivisibleWork:
    """A plain function of the coordinates as work of one chunk."""

    chunks = 1

    def __init__(self, function: Callable[[Coords], Result]):
        self._function = function

    def part(self, point: Point, first: int, end: End) -> list[Result]:
        return [dict(self._function(point.coords))]

    def join(self, contributions: Sequence[Result]) -> Result:
        return contributions[0]


def as_work(evaluate: Evaluate) -> Work:
    return evaluate if isinstance(evaluate, Work) else IndivisibleWork(evaluate)


def compute_point(work: Work, point: Point) -> Result:
    """The result of a point, all its chunks computed here."""
    return work.join(work.part(point, 0, lambda chunk: work.chunks))


class PointAssembler:
    """Keeps the contributions to each point until the point is complete."""

    def __init__(self, work: Work):
        self._work = work
        self._held: dict[int, dict[int, Any]] = {}

    def add(self, task: Task, content: Sequence[Any] | Result) -> Result | None:
        """The result of the task's point, or None while chunks of it are missing.

        `content`: the contributions of the task's chunks, or the result if the task is a whole point.
        """
        if isinstance(content, Mapping):
            return content
        held = self._held.setdefault(task.point.index, {})
        held.update(zip(range(task.first, task.last), content, strict=True))
        if len(held) < self._work.chunks:
            return None
        del self._held[task.point.index]
        return self._work.join([held[chunk] for chunk in range(self._work.chunks)])


def failure_text(point: Point, error: BaseException) -> str:
    """One line that names the point and the error."""
    detail = message_of(error).strip().splitlines()
    if type(error).__name__ == "OutOfMemoryError":
        return f"evaluation failed at {point.place}: {explain(error)}"
    kind = "" if isinstance(error, LandscapeError) else f"{type(error).__name__}: "
    text = f"{kind}{detail[0] if detail else 'no message'}" if isinstance(error, Exception) else explain(error)
    return f"evaluation failed at {point.place}: {text}"


def computing(point: Point) -> Callable[[], str]:
    """What is being done at a point, in words, when they are needed."""
    return lambda: f"the evaluation at {point.place}"
