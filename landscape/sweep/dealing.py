"""Which rank does what next: the schedule of a round, without messages or threads; the time is told.

Owns: the decisions. A rank gets whole points while there are plenty, and some chunks of a point when fewer are left than
ranks. When nothing is left, ranks that still have much to do are asked to give some of it to those that have nothing,
which are chunks of a point already begun where points can be divided. So all ranks finish together: of 2601 points on
512 ranks each does 5.08, and in whole points some would do six. Where points are cheap, several go out in one message,
or the leader would do nothing but send; and each rank has some ahead, so that it need not wait for an answer.

What is decided never changes a value, only who computes it (parts.py).
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Sequence

from landscape.sweep.hand import Ask
from landscape.sweep.parts import Task
from landscape.sweep.sampler import Point

# A part should take at least so many times as long as its start (moving the weights), and at least this long.
SMALLEST_STARTS, SMALLEST_SECONDS = 2.0, 0.002
# And at least this for each rank, or the leader could not keep up when all share at the end.
PIECE_SECONDS = 1.5e-5
# Where points are cheap: what a message and its answer cost the leader, and the share of its time that may take.
LEADER_SECONDS, LEADER_SHARE = 2e-5, 0.1
# Points longer than this are not dealt ahead: waiting a millisecond for the next one costs nothing beside them.
AHEAD_SECONDS = 0.25
# How long a task that takes longer than expected goes on: so much of what it has taken.
OVERDUE = 0.5
# A rank that had nothing to share is not asked again for so many times what a part takes at least.
ASK_AGAIN = 10
# The most tasks that a rank is asked to return at once; each is a message.
MOST_RETURNED = 16
# To look for ranks that could share takes about a tenth of this, for each rank.
SEARCH_SECONDS = 1e-5


class Pace:
    """How long a chunk takes, learned from what is finished; kept from round to round."""

    def __init__(self) -> None:
        self._seconds, self._chunks, self._starts, self._tasks = 0.0, 0, 0.0, 0

    def learn(self, done: Sequence[Task], seconds: float, starts: float) -> None:
        self._chunks += sum(task.size for task in done)
        self._tasks += len(done)
        self._starts += starts
        self._seconds += seconds - starts

    @property
    def mean(self) -> float:
        """Seconds of a chunk; 0 before anything was learned."""
        return self._seconds / self._chunks if self._chunks else 0.0

    @property
    def least(self) -> float:
        """Seconds that a part should take, so that its start is worth it."""
        return max(SMALLEST_SECONDS, SMALLEST_STARTS * self._starts / self._tasks if self._tasks else 0.0)


class _Rank:
    """What the leader knows of a rank: its deals as they are now, and since when it has been at the first."""

    def __init__(self) -> None:
        self.deals: deque[list[Task]] = deque()
        self.since = 0.0
        self.promised = 0  # tasks that it was asked for and has not answered
        self.spent_until = 0.0  # it has answered that what it has is not worth sharing

    @property
    def chunks(self) -> int:
        return sum(task.size for deal in self.deals for task in deal)


class Dealing:
    """One round of points over `ranks`, each point of `chunks`; with `shard` every point is divided from the first on.

    `unfinished` chunks are left. Times are seconds of any clock that does not go back.
    """

    def __init__(self, points: Sequence[Point], chunks: int, ranks: int, pace: Pace | None = None, *, shard=False):
        self._chunks, self._pace = chunks, pace or Pace()
        self._ranks = [_Rank() for _ in range(ranks)]
        self._points = deque(points)
        self._first = 0  # the first chunk of the first point that nobody has
        self._returned: deque[Task] = deque()
        self._undealt = self.unfinished = len(points) * chunks
        self._largest = -(-chunks // ranks) if shard else chunks
        self._shard = shard
        self._idle = dict.fromkeys(range(ranks))
        self._promised = 0
        self._rich: list[int] = []  # whom to ask, the one with the most to do last
        self._search_again = 0.0
        self._since = 0.0  # of all that are busy

    def next(self, rank: int, now: float) -> list[Task]:
        """What the rank shall do after what it has; empty when it has enough, or nothing is left."""
        state = self._ranks[rank]
        if len(state.deals) >= self._depth():
            return []
        deal = self._deal(now)
        if deal:
            if not state.deals:
                state.since = now
                self._since += now
                del self._idle[rank]
            state.deals.append(deal)
            state.spent_until = 0.0
        return deal

    def finished(self, rank: int, seconds: float, starts: float, now: float) -> None:
        """The rank has done its first deal, but for what it has returned; `starts` of the seconds were not for chunks."""
        state = self._ranks[rank]
        deal = state.deals.popleft()
        self.unfinished -= sum(task.size for task in deal)
        self._pace.learn(deal, seconds, starts)
        self._since += (now if state.deals else 0.0) - state.since
        state.since, state.spent_until = now, 0.0
        if not state.deals:
            self._idle[rank] = None

    @property
    def slack(self) -> float:
        """About how many seconds a rank goes on by itself with what it has ahead; 0 toward the end."""
        return self._pace.mean * self._chunks if self._depth() > 1 else 0.0

    def idle(self) -> list[int]:
        """Ranks that have nothing and could get something now, longest idle first."""
        ready = len(self._returned) if not self._undealt else len(self._idle)
        return list(itertools.islice(self._idle, ready))

    def asks(self, now: float) -> list[tuple[int, Ask]]:
        """Whom to ask for something to do while ranks have nothing; each is named once until it has answered.

        How much it has the rank itself knows best. It is to return all beyond the level at which all would have the same.
        """
        wanted = len(self._idle) - self._promised - len(self._returned)
        if wanted <= 0 or self._undealt or not self._pace.mean:
            return []
        level = max(self._least(), self._share(now) * self._pace.mean)
        self._search(now, 2 * self._least())
        found = []
        while wanted > 0 and self._rich:
            rank = self._rich.pop()
            tasks = min(wanted, math.ceil(self._left(rank, now) / level) - 1)
            if tasks > 0:
                wanted -= tasks
                self._ranks[rank].promised = tasks
                self._promised += tasks
                found.append((rank, Ask(min(len(self._idle), MOST_RETURNED), level)))
        return found

    def _search(self, now: float, least: float) -> None:
        """Looks anew who has the most to do, but not so often that the leader does nothing else."""
        if now < self._search_again:
            return
        left = [self._left(rank, now) for rank in range(len(self._ranks))]
        self._rich = sorted((rank for rank, each in enumerate(left) if each >= least), key=left.__getitem__)
        self._search_again = now + len(self._ranks) * SEARCH_SECONDS

    def returned(self, rank: int, tasks: Sequence[Task], now: float) -> None:
        """The answer of a rank that was asked: what it will not do, the last of its tasks first."""
        state = self._ranks[rank]
        self._promised -= state.promised
        state.promised, state.spent_until = 0, 0.0 if tasks else now + ASK_AGAIN * self._least()
        for task in tasks:
            last = state.deals[-1].pop()
            if last.first < task.first:
                state.deals[-1].append(last._replace(last=task.first))
            while not state.deals[-1]:
                state.deals.pop()
        self._returned.extend(tasks)

    def _left(self, rank: int, now: float) -> float:
        """About how many seconds of work a rank has that it could share; 0 when it cannot be asked."""
        state = self._ranks[rank]
        if not state.deals or state.promised or now < state.spent_until:
            return 0.0
        if self._chunks == 1 and len(state.deals) == len(state.deals[0]) == 1:
            return 0.0
        so_far = now - state.since
        return max(state.chunks * self._pace.mean - so_far, OVERDUE * so_far)

    def _depth(self) -> int:
        """Deals in hand of a rank: one being done, and one ahead while there is plenty."""
        plenty = self._undealt > 2 * len(self._ranks) * self._chunks
        return 2 if plenty and self._pace.mean * self._chunks < AHEAD_SECONDS else 1

    def _deal(self, now: float) -> list[Task]:
        if self._returned:
            return [self._returned.popleft()]
        if not self._undealt:
            return []
        share = self._share(now)
        if self._first or share < self._chunks or self._largest < self._chunks:
            return self._parts(share)
        points = max(1, min(self._points_at_once(), int(share // self._chunks)))
        return [self._take(self._chunks) for _ in range(points)]

    def _share(self, now: float) -> float:
        """Chunks that each rank would have if all that is not done were divided evenly now."""
        in_hand = self.unfinished - self._undealt
        if self._pace.mean:
            done = ((len(self._ranks) - len(self._idle)) * now - self._since) / self._pace.mean
            in_hand = max(0.0, in_hand - done)
        return (self._undealt + in_hand) / len(self._ranks)

    def _least(self) -> float:
        """Seconds that a part should take: so long that its start is worth it, and that the leader keeps up."""
        return max(self._pace.least, len(self._ranks) * PIECE_SECONDS)

    def _points_at_once(self) -> int:
        """So many whole points that all ranks together leave the leader time to compute."""
        point = self._pace.mean * self._chunks
        between = len(self._ranks) * LEADER_SECONDS / LEADER_SHARE
        return round(between / point) if point else 1

    def _parts(self, share: float) -> list[Task]:
        """About a share of chunks, which may be the end of one point and the beginning of the next; no crumbs are left."""
        known = self._pace.mean and not self._shard
        smallest = min(self._chunks, math.ceil(self._least() / self._pace.mean)) if known else 1
        wanted, found = max(smallest, min(self._largest, math.ceil(share))), []
        while wanted > 0 and self._undealt:
            rest = self._chunks - self._first
            size = rest if rest - wanted < smallest else wanted
            found.append(self._take(size))
            wanted = wanted - size if wanted - size >= smallest else 0
        return found

    def _take(self, size: int) -> Task:
        task = Task(self._points[0], self._first, self._first + size)
        self._first += size
        self._undealt -= size
        if self._first == self._chunks:
            self._points.popleft()
            self._first = 0
        return task
