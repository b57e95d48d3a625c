"""The scheduler of a round: which rank computes what next. Without messages, threads or a clock; times are arguments.

Owns: the decisions. While many points are left, a rank gets whole points; when fewer are left than ranks, it gets some
chunks of a point. When nothing is left to assign, idle ranks steal from those that still have much to do: tasks that
are not started, or chunks of a point in progress if points can be divided. So all ranks finish together: of 2601 points
on 512 ranks each computes 5.08, where with whole points some would compute six. Cheap points are assigned several in
one message, so that sending does not take up the leader; and a rank has an assignment ahead, so that it need not wait
for the next one.

A decision never changes a value, only the rank that computes it (work.py).
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Sequence

from landscape.sweep.rank_queue import StealRequest
from landscape.sweep.sampler import Point
from landscape.sweep.work import Task

# A part of a point should take at least this many times its startup (moving the weights), and at least this long.
MIN_STARTUPS, MIN_SECONDS = 2.0, 0.002
# It should also take at least this long for each rank: otherwise the leader could not keep up when all ranks steal.
SECONDS_PER_RANK = 1.5e-5
# The leader's cost of a message with its answer, and the share of its time that messages about cheap points may take.
MESSAGE_SECONDS, MESSAGE_SHARE = 2e-5, 0.1
# Points longer than this are not assigned ahead: waiting a millisecond for the next one is negligible beside them.
AHEAD_SECONDS = 0.25
# The estimated remainder of a task that takes longer than expected, as a share of the time that it has taken.
OVERDUE = 0.5
# A rank that had nothing to give up is not asked again for this many times the shortest part.
STEAL_PAUSE = 10
# The most tasks stolen from a rank at once; each is sent on in a message of its own.
MAX_STOLEN = 16
# The interval between searches for ranks to steal from, per rank; a search takes about a tenth of it.
SEARCH_SECONDS = 1e-5


class CostModel:
    """The time that a chunk takes, estimated from finished tasks; kept from round to round."""

    def __init__(self) -> None:
        self._seconds, self._chunks, self._startup, self._tasks = 0.0, 0, 0.0, 0

    def update(self, done: Sequence[Task], seconds: float, startup: float) -> None:
        """Takes a finished assignment: `seconds` in all, `startup` of which came before the first chunks of tasks."""
        self._chunks += sum(task.size for task in done)
        self._tasks += len(done)
        self._startup += startup
        self._seconds += seconds - startup

    @property
    def chunk_seconds(self) -> float:
        """Mean seconds of a chunk; 0 before the first update."""
        return self._seconds / self._chunks if self._chunks else 0.0

    @property
    def min_seconds(self) -> float:
        """Seconds that a part of a point should take at least, in view of its startup."""
        return max(MIN_SECONDS, MIN_STARTUPS * self._startup / self._tasks if self._tasks else 0.0)


class _RankState:
    """The leader's view of a rank: its assignments, and when it started the first of them."""

    def __init__(self) -> None:
        self.assignments: deque[list[Task]] = deque()
        self.since = 0.0
        self.requested = 0  # tasks expected from an unanswered steal request
        self.no_steal_until = 0.0  # it answered that its tasks are not worth sharing

    @property
    def chunks(self) -> int:
        return sum(task.size for assignment in self.assignments for task in assignment)


class Scheduler:
    """One round of points over `ranks`, each point of `chunks`; with `shard` every point is divided from the start.

    `unfinished` is the number of chunks left. Times are seconds of any monotonic clock.
    """

    def __init__(
        self, points: Sequence[Point], chunks: int, ranks: int, cost: CostModel | None = None, *, shard: bool = False
    ):
        self._chunks, self._cost = chunks, cost or CostModel()
        self._ranks = [_RankState() for _ in range(ranks)]
        self._points = deque(points)
        self._first = 0  # the first unassigned chunk of the first point
        self._stolen: deque[Task] = deque()
        self._unassigned = self.unfinished = len(points) * chunks
        self._largest = -(-chunks // ranks) if shard else chunks
        self._shard = shard
        self._idle = dict.fromkeys(range(ranks))
        self._requested = 0
        self._victims: list[int] = []  # ranks to steal from, the one with the most work last
        self._next_search = 0.0
        self._since_sum = 0.0  # of `since` over the busy ranks

    def next_assignment(self, rank: int, now: float) -> list[Task]:
        """The tasks to append to the rank's queue; empty when it has enough, or nothing is left."""
        state = self._ranks[rank]
        if len(state.assignments) >= self._queue_depth():
            return []
        assignment = self._assign(now)
        if assignment:
            if not state.assignments:
                state.since = now
                self._since_sum += now
                del self._idle[rank]
            state.assignments.append(assignment)
            state.no_steal_until = 0.0
        return assignment

    def finished(self, rank: int, seconds: float, startup: float, now: float) -> None:
        """The rank has done its first assignment, except for stolen tasks, in `seconds`, `startup` included."""
        state = self._ranks[rank]
        assignment = state.assignments.popleft()
        self.unfinished -= sum(task.size for task in assignment)
        self._cost.update(assignment, seconds, startup)
        self._since_sum += (now if state.assignments else 0.0) - state.since
        state.since, state.no_steal_until = now, 0.0
        if not state.assignments:
            self._idle[rank] = None

    @property
    def lookahead_seconds(self) -> float:
        """About how long a rank is busy with the assignment that it has ahead; 0 toward the end."""
        return self._cost.chunk_seconds * self._chunks if self._queue_depth() > 1 else 0.0

    def overdue(self, now: float, seconds: float) -> list[tuple[int, Task]]:
        """(rank, first task) of the assignments in progress that take longer than `seconds` for each of their tasks."""
        busy = [
            (rank, state.assignments[0], state.since) for rank, state in enumerate(self._ranks) if state.assignments
        ]
        return [(rank, tasks[0]) for rank, tasks, since in busy if tasks and now - since > seconds * len(tasks)]

    def idle_ranks(self) -> list[int]:
        """Idle ranks that could get an assignment now, longest idle first."""
        ready = len(self._stolen) if not self._unassigned else len(self._idle)
        return list(itertools.islice(self._idle, ready))

    def steal_requests(self, now: float) -> list[tuple[int, StealRequest]]:
        """(rank, request) for the ranks to steal from; no rank gets a second request before it has answered.

        A rank gives up all work beyond the level at which all ranks would have the same; only the rank itself knows
        exactly how much it has.
        """
        wanted = len(self._idle) - self._requested - len(self._stolen)
        if wanted <= 0 or self._unassigned or not self._cost.chunk_seconds:
            return []
        level = max(self._min_seconds(), self._fair_share(now) * self._cost.chunk_seconds)
        self._search_victims(now, 2 * self._min_seconds())
        found = []
        while wanted > 0 and self._victims:
            rank = self._victims.pop()
            tasks = min(wanted, math.ceil(self._seconds_left(rank, now) / level) - 1)
            if tasks > 0:
                wanted -= tasks
                self._ranks[rank].requested = tasks
                self._requested += tasks
                found.append((rank, StealRequest(min(len(self._idle), MAX_STOLEN), level)))
        return found

    def _search_victims(self, now: float, min_seconds: float) -> None:
        """Finds the ranks with the most work, at intervals that leave the leader time for other things."""
        if now < self._next_search:
            return
        left = [self._seconds_left(rank, now) for rank in range(len(self._ranks))]
        self._victims = sorted((rank for rank, each in enumerate(left) if each >= min_seconds), key=left.__getitem__)
        self._next_search = now + len(self._ranks) * SEARCH_SECONDS

    def stolen(self, rank: int, tasks: Sequence[Task], now: float) -> None:
        """The answer to a steal request: the tasks that the rank gives up, the last one first."""
        state = self._ranks[rank]
        self._requested -= state.requested
        state.requested, state.no_steal_until = 0, 0.0 if tasks else now + STEAL_PAUSE * self._min_seconds()
        for task in tasks:
            last = state.assignments[-1].pop()
            if last.first < task.first:
                state.assignments[-1].append(last._replace(last=task.first))
            while not state.assignments[-1]:
                state.assignments.pop()
        self._stolen.extend(tasks)

    def _seconds_left(self, rank: int, now: float) -> float:
        """About how many seconds of work a rank has that it could share; 0 when it must not be asked."""
        state = self._ranks[rank]
        if not state.assignments or state.requested or now < state.no_steal_until:
            return 0.0
        if self._chunks == 1 and len(state.assignments) == len(state.assignments[0]) == 1:
            return 0.0
        elapsed = now - state.since
        return max(state.chunks * self._cost.chunk_seconds - elapsed, OVERDUE * elapsed)

    def _queue_depth(self) -> int:
        """Assignments per rank: one in progress, and one ahead while many points are left."""
        plenty = self._unassigned > 2 * len(self._ranks) * self._chunks
        return 2 if plenty and self._cost.chunk_seconds * self._chunks < AHEAD_SECONDS else 1

    def _assign(self, now: float) -> list[Task]:
        if self._stolen:
            return [self._stolen.popleft()]
        if not self._unassigned:
            return []
        share = self._fair_share(now)
        if self._first or share < self._chunks or self._largest < self._chunks:
            return self._assign_parts(share)
        points = max(1, min(self._points_per_message(), int(share // self._chunks)))
        return [self._pop_chunks(self._chunks) for _ in range(points)]

    def _fair_share(self, now: float) -> float:
        """The chunks that each rank would have if all remaining work were divided evenly now."""
        assigned: float = self.unfinished - self._unassigned
        if self._cost.chunk_seconds:
            done = ((len(self._ranks) - len(self._idle)) * now - self._since_sum) / self._cost.chunk_seconds
            assigned = max(0.0, assigned - done)
        return (self._unassigned + assigned) / len(self._ranks)

    def _min_seconds(self) -> float:
        """Seconds that a part of a point should take at least: its startup must pay, and the leader must keep up."""
        return max(self._cost.min_seconds, len(self._ranks) * SECONDS_PER_RANK)

    def _points_per_message(self) -> int:
        """The number of whole points in an assignment at which messages take MESSAGE_SHARE of the leader's time."""
        point = self._cost.chunk_seconds * self._chunks
        between = len(self._ranks) * MESSAGE_SECONDS / MESSAGE_SHARE
        return round(between / point) if point else 1

    def _assign_parts(self, share: float) -> list[Task]:
        """About `share` chunks, possibly the end of one point and the beginning of the next; leaves no tiny remainder."""
        known = self._cost.chunk_seconds and not self._shard
        smallest = min(self._chunks, math.ceil(self._min_seconds() / self._cost.chunk_seconds)) if known else 1
        wanted = max(smallest, min(self._largest, math.ceil(share)))
        found: list[Task] = []
        while wanted > 0 and self._unassigned:
            rest = self._chunks - self._first
            size = rest if rest - wanted < smallest else wanted
            found.append(self._pop_chunks(size))
            wanted = wanted - size if wanted - size >= smallest else 0
        return found

    def _pop_chunks(self, size: int) -> Task:
        task = Task(self._points[0], self._first, self._first + size)
        self._first += size
        self._unassigned -= size
        if self._first == self._chunks:
            self._points.popleft()
            self._first = 0
        return task
