"""Laws of the scheduler: every chunk once, no rank idle while there is work, all end together, and a repeatable order.

The ranks here have real queues (rank_queue.py) but no work: an event queue decides when each chunk is done.
"""

import heapq
import itertools
import random
from collections import Counter

import pytest

from landscape.sweep import scheduler as rules
from landscape.sweep.rank_queue import RankQueue, StealRequest
from landscape.sweep.sampler import Point
from landscape.sweep.scheduler import CostModel, Scheduler
from landscape.sweep.work import Task


class Ranks:
    """Simulates a round with random chunk durations and message delays; `done`: (rank, point, chunk) in order."""

    def __init__(self, points, chunks, ranks, *, seed=0, shard=False, seconds=None, delay=1e-4):
        self.draw = random.Random(seed)
        self.scheduler = Scheduler(
            [Point(k, (float(k),)) for k in range(points)], chunks, ranks, CostModel(), shard=shard
        )
        self.seconds = seconds or [self.draw.lognormvariate(-3.0, 1.0) / chunks for _ in range(points)]
        self.queues, self.requests = [RankQueue() for _ in range(ranks)], [[] for _ in range(ranks)]
        self.began, self.delay, self.now = [0.0] * ranks, delay, 0.0
        self.arrival = [0.0] * ranks
        self.done, self.unassigned_when_idle, self.ended = [], 0, [0.0] * ranks
        self.events, self.ties = [], itertools.count()
        for rank in [*range(ranks)] * 2:
            self.assign(rank)
        while self.scheduler.unfinished:
            self.now, _, what, arguments = heapq.heappop(self.events)
            what(*arguments)

    def later(self, seconds, what, *arguments):
        heapq.heappush(self.events, (self.now + seconds, next(self.ties), what, arguments))

    def send(self, rank, what, *arguments):
        """Messages of a rank arrive in their order."""
        self.arrival[rank] = max(self.arrival[rank], self.now + self.delay * self.draw.random())
        self.later(self.arrival[rank] - self.now, what, rank, *arguments)

    def assign(self, rank):
        if assignment := self.scheduler.next_assignment(rank, self.now):
            self.later(self.delay * self.draw.random(), self.take, rank, assignment)

    def share(self):
        for rank in self.scheduler.idle_ranks():
            self.assign(rank)
        self.unassigned_when_idle += bool(self.scheduler.idle_ranks())
        for rank, ask in self.scheduler.steal_requests(self.now):
            self.later(self.delay * self.draw.random(), self.ask, rank, ask)

    def take(self, rank, assignment):
        begins = not self.queues[rank] and self.queues[rank].current is None
        self.queues[rank].push(assignment)
        if begins:
            self.go_on(rank)

    def ask(self, rank, ask):
        self.requests[rank].append(ask)
        if self.queues[rank].current is None:
            self.answer(rank)

    def answer(self, rank):
        while self.requests[rank]:
            self.send(rank, self.stolen, self.queues[rank].steal(self.requests[rank].pop(), self.now))

    def stolen(self, rank, given):
        self.scheduler.stolen(rank, given, self.now)
        self.share()

    def go_on(self, rank):
        tasks = self.queues[rank]
        if task := tasks.start_next(self.now):
            self.later(0.0, self.chunk, rank, task.first)
            return
        self.send(rank, self.finished, self.now - self.began[rank])
        self.began[rank] = self.now
        if tasks:
            self.go_on(rank)

    def chunk(self, rank, chunk):
        tasks = self.queues[rank]
        if tasks.advance(chunk):
            self.ended[rank] = self.now
            self.done.append((rank, tasks.current.point.index, chunk - 1))
            self.answer(rank)
        if chunk < tasks.current.last:
            self.later(self.seconds[tasks.current.point.index], self.chunk, rank, chunk + 1)
            return
        tasks.finish_current()
        self.go_on(rank)

    def finished(self, rank, seconds):
        self.scheduler.finished(rank, seconds, 0.0, self.now)
        for _ in range(2):
            self.assign(rank)
        self.share()


def cases(count, seed):
    return list(drawn(count, seed))


def drawn(count, seed):
    draw = random.Random(seed)
    for number in range(count):
        points, chunks, ranks = draw.randint(1, 60), draw.choice([1, 2, 7, 32]), draw.randint(2, 24)
        yield pytest.param(points, chunks, ranks, number, draw.random() < 0.3, id=f"{points}x{chunks}-on-{ranks}")


@pytest.mark.parametrize(("points", "chunks", "ranks", "seed", "shard"), cases(60, 1))
def test_every_chunk_of_every_point_is_done_once_and_no_rank_idles(points, chunks, ranks, seed, shard):
    played = Ranks(points, chunks, ranks, seed=seed, shard=shard)
    done = Counter((point, chunk) for _, point, chunk in played.done)
    assert done == {(point, chunk): 1 for point in range(points) for chunk in range(chunks)}
    assert played.unassigned_when_idle == 0, "a rank was idle while there was unassigned work"


def test_the_schedule_is_repeatable():
    first, second, other = (Ranks(40, 16, 7, seed=seed) for seed in (3, 3, 4))
    assert first.done == second.done != other.done


@pytest.mark.parametrize(("points", "ranks"), [(61, 8), (5, 8), (1, 8), (200, 64)])
@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_all_end_together(points, ranks, sigma):
    # 1 s points in 128 chunks of some 8 ms: at the end, no rank should have waited long for the last to finish
    draw = random.Random(points)
    seconds = [draw.lognormvariate(0.0, sigma) / 128 for _ in range(points)]
    played = Ranks(points, 128, ranks, seconds=seconds)
    work = sum(seconds) * 128
    assert work / ranks > 0.9 * max(played.ended) - 0.15


def test_points_that_cannot_be_divided_do_not_queue_behind_a_long_one():
    # rank 0 gets the long point first; it keeps at most the one point that it was assigned ahead
    played = Ranks(400, 1, 2, seconds=[1000.0] + [0.01] * 399)
    assert sum(rank == 0 for rank, _, _ in played.done) <= 2


def test_shared_data_begin_with_every_rank_on_the_first_point():
    scheduler = Scheduler([Point(0, (0.0,)), Point(1, (1.0,))], 32, 4, shard=True)
    assigned = [scheduler.next_assignment(rank, 0.0) for rank in range(4)]
    assert assigned == [[Task(Point(0, (0.0,)), 8 * k, 8 * k + 8)] for k in range(4)]


def test_cheap_points_are_assigned_several_at_a_time_on_many_ranks():
    cost = CostModel()
    cost.update([Task(Point(0, (0.0,)), 0, 1)], 0.01, 0.0)  # 10 ms
    points = [Point(k, (0.0,)) for k in range(100_000)]
    many, few = Scheduler(points, 1, 512, cost), Scheduler(points, 1, 2, cost)
    seconds = 0.01 * len(many.next_assignment(0, 0.0))
    assert 512 * rules.MESSAGE_SECONDS / seconds == pytest.approx(rules.MESSAGE_SHARE, rel=0.1)
    assert len(few.next_assignment(0, 0.0)) == 1


def test_parts_take_long_compared_with_their_start():
    cost = CostModel()
    cost.update([Task(Point(0, (0.0,)), 0, 100)], 1.1, 0.1)  # a chunk takes 10 ms, moving the weights 100
    scheduler = Scheduler([Point(0, (0.0,))], 100, 50, cost)
    assert scheduler.next_assignment(0, 0.0)[0].size == rules.MIN_STARTUPS * 0.1 / 0.01


def queue_with(*tasks, chunk=None, began=0.0):
    queue = RankQueue()
    queue.push(tasks)
    if chunk is not None:
        queue.start_next(began)
        queue.advance(chunk)
    return queue


FIRST, SECOND = Task(Point(0, (0.0,)), 0, 32), Task(Point(1, (1.0,)), 0, 32)


def test_waiting_tasks_are_stolen_before_the_current_one_is_split():
    queue = queue_with(FIRST, SECOND, chunk=4)
    assert queue.steal(StealRequest(1, 0.1), 4.0) == [SECOND]
    assert queue.steal(StealRequest(1, 0.1), 4.0) == [FIRST._replace(first=18)]
    assert queue.current == FIRST._replace(last=18)


def test_the_current_task_is_split_in_equal_pieces_none_shorter_than_requested():
    # 8 of 32 chunks in 8 s: 24 s left
    given = queue_with(FIRST, chunk=8).steal(StealRequest(16, 6.0), 8.0)
    assert [(task.first, task.last) for task in given] == [(26, 32), (20, 26), (14, 20)]
    assert queue_with(FIRST, chunk=8).steal(StealRequest(16, 12.1), 8.0) == []


def test_a_rank_keeps_its_only_task_before_it_starts_it():
    assert queue_with(FIRST).steal(StealRequest(5, 0.1), 0.0) == []


@pytest.mark.parametrize("done", [1, 2, 3, 4])
def test_what_is_cut_off_a_task_has_no_empty_pieces(done):
    """However long a chunk takes: the rank keeps one, and each other rank gets one at least."""
    queue, task = RankQueue(), Task(Point(0, (0.0,)), 0, 5)
    queue.push([task])
    queue.start_next(0.0)
    queue.advance(done)
    pieces = queue.steal(StealRequest(10, 1e-6), 1.0)
    assert [piece.last - piece.first for piece in pieces] == [1] * (4 - done)
    assert queue.current == task._replace(last=done + 1)
