"""What one rank has to do, and giving some of it back.

Owns: a rank's tasks in their order, how far it is with the first, and which of them it returns when it is asked to share.
Knows neither messages nor who asks.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from landscape.errors import LandscapeError
from landscape.sweep.parts import Task, Work
from landscape.sweep.sampler import Point


class Ask(NamedTuple):
    """Return at most so many tasks; cut none so that a piece, or what is kept, would take less than `least` seconds."""

    most: int
    least: float


class Done(NamedTuple):
    """A deal is done: each task with its result, or the contributions of its chunks if it is part of a point.

    `seconds` is what all took, `starts` what of that came before the first chunks, such as moving the weights.
    """

    tasks: list[tuple[Task, Any]]
    seconds: float
    starts: float


class Failed(NamedTuple):
    point: Point
    message: str


class Hand:
    """Deals in their order, and how far the rank is with the first. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self.task: Task | None = None
        """The task that is being done, as it still is after giving."""
        self._deals: deque[deque[Task]] = deque()
        self._next = 0  # the chunk of the task that comes next
        self._began = 0.0

    def __bool__(self) -> bool:
        return bool(self._deals)

    def take(self, deal: Sequence[Task]) -> None:
        self._deals.append(deque(deal))

    def drop(self) -> None:
        """Forgets everything."""
        self.task = None
        self._deals.clear()

    def begin(self, now: float) -> Task | None:
        """The next task of the first deal; None when that deal is done, and the next one comes first."""
        if not self._deals:
            return None
        if not self._deals[0]:
            self._deals.popleft()
            return None
        self.task = self._deals[0].popleft()
        self._next, self._began = self.task.first, now
        return self.task

    def end(self) -> None:
        """The task is done."""
        self.task = None

    def reached(self, chunk: int) -> bool:
        """Notes that the task's chunks before this one are done; whether that is news."""
        news, self._next = chunk > self._next, chunk
        return news

    def give(self, ask: Ask, now: float) -> list[Task]:
        """What is returned, the last of it first: tasks that are not begun, else chunks of the one that is."""
        return self._unbegun(ask.most) or self._cut(ask.most, ask.least, now)

    def _unbegun(self, most: int) -> list[Task]:
        have = sum(map(len, self._deals)) + (self.task is not None)
        given: list[Task] = []
        while len(given) < min(most, have - 1):
            given.append(self._deals[-1].pop())
            while len(self._deals) > 1 and not self._deals[-1]:
                self._deals.pop()
        return given

    def _cut(self, pieces: int, least: float, now: float) -> list[Task]:
        """The end of the task in hand, as many chunks in each piece as are kept."""
        if self.task is None or self._next == self.task.first:
            return []
        task, start = self.task, self._next
        each = (now - self._began) / (start - task.first)
        rest = task.last - start
        pieces = min(pieces, int(rest * each / least) - 1, rest - 1)
        if pieces < 1:
            return []
        edges = [task.last - rest * k // (pieces + 1) for k in range(pieces + 1)]
        self.task = task._replace(last=edges[-1])
        return [task._replace(first=low, last=high) for high, low in zip(edges, edges[1:], strict=False)]


def do_deal(
    hand: Hand, work: Work, listen: Callable[[], None], clock: Callable[[], float] = time.perf_counter
) -> tuple[Done, Failed | None]:
    """Does the first deal; what was done of it before an error counts.

    `listen` is called between chunks and between tasks, and may have the hand take and give.
    """
    tasks, starts, began = [], 0.0, clock()

    def end(chunk: int) -> int:
        nonlocal starts
        if chunk == hand.task.first:
            starts += clock() - task_began
        if hand.reached(chunk):
            listen()
        return hand.task.last

    while task := hand.begin(task_began := clock()):
        try:
            content = work.part(task.point.coords, task.first, end)
            if hand.task.size == work.chunks:
                content = work.join(content)
        except Exception as error:
            return Done(tasks, clock() - began, starts), Failed(task.point, failure_text(task.point, error))
        tasks.append((hand.task, content))
        hand.end()
        listen()
    return Done(tasks, clock() - began, starts), None


def where(point: Point) -> str:
    return "(" + ", ".join(f"{coordinate:g}" for coordinate in point.coords) + ")"


def failure_text(point: Point, error: BaseException) -> str:
    """One line that names the point and the error."""
    detail = str(error).strip().splitlines()
    kind = "" if isinstance(error, LandscapeError) else f"{type(error).__name__}: "
    return f"evaluation failed at {where(point)}: {kind}{detail[0] if detail else 'no message'}"
