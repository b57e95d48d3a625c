"""The work queue of one rank, and stealing from it.

Owns: a rank's assignments in their order, its progress in the current task, and the choice of tasks that it gives up to
a steal request. Knows neither messages nor the ranks that will get these tasks.

A rank is asked to give up work only when nothing is left to assign, and answers between two chunks. It decides itself how much
it gives up, because only it knows how slow its point is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from landscape.sweep.work import Task


class StealRequest(NamedTuple):
    """Give up at most `max_tasks` tasks; if one is split, no piece of it may take less than `min_seconds`."""

    max_tasks: int
    min_seconds: float


class RankQueue:
    """Assignments (lists of tasks that came in one message) in their order; times are seconds of any one clock."""

    def __init__(self) -> None:
        self.current: Task | None = None
        """The task in progress; it shrinks when a part of it is stolen."""
        self._assignments: deque[deque[Task]] = deque()
        self._next = 0  # the next chunk of the current task
        self._started = 0.0

    def __bool__(self) -> bool:
        return bool(self._assignments)

    def push(self, assignment: Sequence[Task]) -> None:
        self._assignments.append(deque(assignment))

    def clear(self) -> None:
        self.current = None
        self._assignments.clear()

    def start_next(self, now: float) -> Task | None:
        """Starts the next task of the first assignment; None, and the assignment is removed, when it has no more."""
        if not self._assignments:
            return None
        if not self._assignments[0]:
            self._assignments.popleft()
            return None
        self.current = self._assignments[0].popleft()
        self._next, self._started = self.current.first, now
        return self.current

    def advance(self, chunk: int) -> bool:
        """Notes that the chunks of the current task before `chunk` are done; returns whether this is progress."""
        progress, self._next = chunk > self._next, chunk
        return progress

    def finish_current(self) -> None:
        self.current = None

    def steal(self, request: StealRequest, now: float) -> list[Task]:
        """The tasks given up, the last one first: tasks not started, otherwise chunks of the current one."""
        return self._steal_waiting(request.max_tasks) or self._split_current(request, now)

    def _steal_waiting(self, max_tasks: int) -> list[Task]:
        have = sum(map(len, self._assignments)) + (self.current is not None)
        stolen: list[Task] = []
        while len(stolen) < min(max_tasks, have - 1):
            stolen.append(self._assignments[-1].pop())
            while len(self._assignments) > 1 and not self._assignments[-1]:
                self._assignments.pop()
        return stolen

    def _split_current(self, request: StealRequest, now: float) -> list[Task]:
        """Cuts pieces off the end of the current task, each as long as the remainder that the rank keeps."""
        if self.current is None or self._next == self.current.first:
            return []
        task, start = self.current, self._next
        chunk_seconds = (now - self._started) / (start - task.first)
        rest = task.last - start
        pieces = min(request.max_tasks, int(rest * chunk_seconds / request.min_seconds) - 1, rest - 1)
        if pieces < 1:
            return []
        edges = [task.last - rest * k // (pieces + 1) for k in range(pieces + 1)]
        self.current = task._replace(last=edges[-1])
        return [task._replace(first=low, last=high) for high, low in zip(edges, edges[1:], strict=False)]
