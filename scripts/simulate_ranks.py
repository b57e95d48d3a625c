"""How well would many ranks be used? The real scheduling code with a simulated clock.

    python scripts/simulate_ranks.py [--ranks 8 64 512 4096] [--seconds 0.01 0.1 1] [--sigma 0 0.25 0.5 1]

Efficiency is the time of all points divided by ranks times the time until the last is done; the mean of a few seeds.
Points take lognormal times of the given mean, evenly spread over CHUNKS. Each message takes LATENCY to arrive and keeps
the leader busy for HANDLING, deciding included; messages wait for each other, and when the leader has none it looks for
more after at most POLL. Every task takes START before its first chunk, for moving the weights: once in a whole point,
and again in each further part of it. The leader's own points take so much longer as it was busy with messages. The
scheduler (sweep/scheduler.py) and the queue of a rank (sweep/rank_queue.py) are the program's own.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from typing import Any

from landscape.sweep.rank_queue import RankQueue, StealRequest
from landscape.sweep.sampler import Point
from landscape.sweep.scheduler import Scheduler
from landscape.sweep.work import Task

# Measured with mpi4py 4.1 and MPICH between two processes of one machine: 9 us one way; for a message and its answer 2 us
# to send, 4 us to receive, 6 us to decide, so 6 us for each of the two. Taken are 10, and the latency of a slow network.
# Moving the weights of a ResNet-56 and folding its batch norm: 2.9 ms, of points that take 450 ms.
LATENCY, HANDLING, POLL, START = 50e-6, 10e-6, 1e-3, 1e-3
CHUNKS = 64
SEEDS = 3

# what happens at a time: (now, ...)
Handler = Callable[..., None]


class Rank:
    """Computes the tasks in its queue, chunk by chunk."""

    def __init__(self, leader: Leader, number: int):
        self.leader, self.number = leader, number
        self.queue = RankQueue()
        self.computing = False
        self.asked: deque[StealRequest] = deque()
        self.began = self.starts = 0.0

    def take(self, now: float, assignment: list[Task]) -> None:
        self.queue.push(assignment)
        if not self.computing:
            self.began = now
            self.go_on(now)

    def ask(self, now: float, ask: StealRequest) -> None:
        self.asked.append(ask)
        if not self.computing:
            self.answer(now)

    def answer(self, now: float) -> None:
        while self.asked:
            given = self.queue.steal(self.asked.popleft(), now)
            self.leader.receives(now, self.number, self.leader.stolen_by, given)

    def go_on(self, now: float) -> None:
        """Starts the next task, or the next assignment."""
        task = self.queue.start_next(now)
        self.computing = task is not None
        if task:
            self.starts += START
            self.leader.later(now + START, self.chunk, task.first)
            return
        self.leader.receives(now, self.number, self.leader.finished, (now - self.began, self.starts))
        self.starts = 0.0
        if self.queue:
            self.began = now
            self.go_on(now)

    def chunk(self, now: float, chunk: int) -> None:
        """Between two chunks of the task."""
        if self.queue.advance(chunk):
            self.answer(now)
        task = self.queue.current
        assert task is not None
        if chunk == task.last:
            self.queue.finish_current()
            self.answer(now)
            self.go_on(now)
            return
        stolen = self.leader.take_stolen() if self.number == 0 else 0.0
        self.leader.later(now + stolen + self.leader.chunks[task.point.index], self.chunk, chunk + 1)


class Leader:
    """One round; `run` returns the efficiency."""

    def __init__(self, ranks: int, points: int, mean: float, sigma: float, *, seed: int = 0):
        draw = random.Random(seed)
        self.seconds = [mean * draw.lognormvariate(-sigma * sigma / 2, sigma) for _ in range(points)]
        self.chunks = [max(0.0, each - START) / CHUNKS for each in self.seconds]
        self.scheduler = Scheduler([Point(index, (float(index),)) for index in range(points)], CHUNKS, ranks)
        self.ranks = [Rank(self, number) for number in range(ranks)]
        self.free = 0.0  # when its main thread is done with the messages it has
        self.stolen = 0.0  # time that messages took from its own points
        self.arrival = [0.0] * ranks
        self.polls = random.Random(seed + 1)
        self.events: list[tuple] = []
        self.ties = itertools.count()  # what happens at the same time happens in the order it was known

    def run(self) -> float:
        for rank in [*range(len(self.ranks))] * 2:
            self.assign(0.0, rank)
        now = 0.0
        while self.scheduler.unfinished:
            now, _, what, arguments = heapq.heappop(self.events)
            what(now, *arguments)
        return sum(self.seconds) / (len(self.ranks) * now)

    def later(self, when: float, what: Handler, *arguments: Any) -> None:
        heapq.heappush(self.events, (when, next(self.ties), what, arguments))

    def handled(self, now: float) -> float:
        """When one more message is handled; they are taken one after another."""
        self.free = max(now, self.free) + HANDLING
        self.stolen += HANDLING
        return self.free

    def take_stolen(self) -> float:
        stolen, self.stolen = self.stolen, 0.0
        return stolen

    def sends(self, now: float, rank: int, what: Handler, content: Any) -> None:
        """To its own thread at once."""
        self.later(self.handled(now) + LATENCY if rank else now, what, content)

    def receives(self, now: float, rank: int, what: Handler, content: Any) -> None:
        """It looks up when its own thread has something, and else every POLL."""
        waits = self.polls.random() * POLL if self.free <= now else 0.0
        self.arrival[rank] = max(
            self.arrival[rank], now + LATENCY + waits if rank else now
        )  # messages keep their order
        self.later(self.arrival[rank], self.takes_up, what, rank, content)

    def takes_up(self, now: float, what: Handler, rank: int, content: Any) -> None:
        self.later(self.handled(now), what, rank, content)

    def assign(self, now: float, rank: int) -> None:
        assignment = self.scheduler.next_assignment(rank, now)
        if assignment:
            self.sends(now, rank, self.ranks[rank].take, assignment)

    def finished(self, now: float, rank: int, took: tuple[float, float]) -> None:
        self.scheduler.finished(rank, *took, now)
        self.assign(now, rank)
        self.assign(now, rank)
        self.share(now)

    def stolen_by(self, now: float, rank: int, given: list[Task]) -> None:
        self.scheduler.stolen(rank, given, now)
        self.share(now)

    def share(self, now: float) -> None:
        for rank in self.scheduler.idle_ranks():
            self.assign(now, rank)
        for rank, ask in self.scheduler.steal_requests(now):
            self.sends(now, rank, self.ranks[rank].ask, ask)


def table(ranks: list[int], means: list[float], sigmas: list[float], points: int) -> list[str]:
    """Rows of a markdown table: for each mean and sigma the efficiency at each number of ranks."""
    rows = [
        "| points of | sigma | " + " | ".join(f"{each} ranks" for each in ranks) + " |",
        "|---" * (2 + len(ranks)) + "|",
    ]
    for mean in means:
        for sigma in sigmas:
            found = [
                sum(Leader(each, points, mean, sigma, seed=k).run() for k in range(SEEDS)) / SEEDS for each in ranks
            ]
            cells = " | ".join(f"{100 * each:.1f} %" for each in found)
            rows.append(f"| {1000 * mean:g} ms | {sigma:g} | {cells} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", nargs="+", type=int, default=[8, 64, 512, 4096])
    parser.add_argument("--seconds", nargs="+", type=float, default=[0.01, 0.1, 1.0], help="mean of a point")
    parser.add_argument(
        "--sigma", nargs="+", type=float, default=[0.0, 0.25, 0.5, 1.0], help="of the logarithm of the times"
    )
    parser.add_argument("--points", type=int, default=51 * 51)
    options = parser.parse_args()
    print("\n".join(table(options.ranks, options.seconds, options.sigma, options.points)))


if __name__ == "__main__":
    main()
