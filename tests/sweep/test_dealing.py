"""Laws of the schedule: every chunk once, nobody idle while there is work, all end together, and the same again.

The ranks here have the real hands (hand.py) but no work: an event queue says when which chunk is done.
"""

import heapq
import itertools
import random
from collections import Counter

import pytest

from landscape.sweep import dealing as rules
from landscape.sweep.dealing import Dealing, Pace
from landscape.sweep.hand import Ask, Hand
from landscape.sweep.parts import Task
from landscape.sweep.sampler import Point


class Ranks:
    """Plays a round: chunk durations and message delays are drawn from a seed; `done` is (rank, point, chunk) in order."""

    def __init__(self, points, chunks, ranks, *, seed=0, shard=False, seconds=None, delay=1e-4):
        self.draw = random.Random(seed)
        self.dealing = Dealing([Point(k, (float(k),)) for k in range(points)], chunks, ranks, Pace(), shard=shard)
        self.seconds = seconds or [self.draw.lognormvariate(-3.0, 1.0) / chunks for _ in range(points)]
        self.hands, self.asked = [Hand() for _ in range(ranks)], [[] for _ in range(ranks)]
        self.began, self.delay, self.now = [0.0] * ranks, delay, 0.0
        self.heard = [0.0] * ranks
        self.done, self.undealt_when_idle, self.ended = [], 0, [0.0] * ranks
        self.events, self.ties = [], itertools.count()
        for rank in [*range(ranks)] * 2:
            self.deal(rank)
        while self.dealing.unfinished:
            self.now, _, what, arguments = heapq.heappop(self.events)
            what(*arguments)

    def later(self, seconds, what, *arguments):
        heapq.heappush(self.events, (self.now + seconds, next(self.ties), what, arguments))

    def tell(self, rank, what, *arguments):
        """Messages of a rank arrive in their order."""
        self.heard[rank] = max(self.heard[rank], self.now + self.delay * self.draw.random())
        self.later(self.heard[rank] - self.now, what, rank, *arguments)

    def deal(self, rank):
        if deal := self.dealing.next(rank, self.now):
            self.later(self.delay * self.draw.random(), self.take, rank, deal)

    def share(self):
        for rank in self.dealing.idle():
            self.deal(rank)
        self.undealt_when_idle += bool(self.dealing.idle())
        for rank, ask in self.dealing.asks(self.now):
            self.later(self.delay * self.draw.random(), self.ask, rank, ask)

    def take(self, rank, deal):
        begins = not self.hands[rank] and self.hands[rank].task is None
        self.hands[rank].take(deal)
        if begins:
            self.go_on(rank)

    def ask(self, rank, ask):
        self.asked[rank].append(ask)
        if self.hands[rank].task is None:
            self.answer(rank)

    def answer(self, rank):
        while self.asked[rank]:
            self.tell(rank, self.returned, self.hands[rank].give(self.asked[rank].pop(), self.now))

    def returned(self, rank, given):
        self.dealing.returned(rank, given, self.now)
        self.share()

    def go_on(self, rank):
        hand = self.hands[rank]
        if task := hand.begin(self.now):
            self.later(0.0, self.chunk, rank, task.first)
            return
        self.tell(rank, self.finished, self.now - self.began[rank])
        self.began[rank] = self.now
        if hand:
            self.go_on(rank)

    def chunk(self, rank, chunk):
        hand = self.hands[rank]
        if hand.reached(chunk):
            self.ended[rank] = self.now
            self.done.append((rank, hand.task.point.index, chunk - 1))
            self.answer(rank)
        if chunk < hand.task.last:
            self.later(self.seconds[hand.task.point.index], self.chunk, rank, chunk + 1)
            return
        hand.end()
        self.go_on(rank)

    def finished(self, rank, seconds):
        self.dealing.finished(rank, seconds, 0.0, self.now)
        for _ in range(2):
            self.deal(rank)
        self.share()


def cases(count, seed):
    return list(drawn(count, seed))


def drawn(count, seed):
    draw = random.Random(seed)
    for number in range(count):
        points, chunks, ranks = draw.randint(1, 60), draw.choice([1, 2, 7, 32]), draw.randint(2, 24)
        yield pytest.param(points, chunks, ranks, number, draw.random() < 0.3, id=f"{points}x{chunks}-on-{ranks}")


@pytest.mark.parametrize(("points", "chunks", "ranks", "seed", "shard"), cases(60, 1))
def test_every_chunk_of_every_point_is_done_once_and_nobody_idles(points, chunks, ranks, seed, shard):
    played = Ranks(points, chunks, ranks, seed=seed, shard=shard)
    done = Counter((point, chunk) for _, point, chunk in played.done)
    assert done == {(point, chunk): 1 for point in range(points) for chunk in range(chunks)}
    assert played.undealt_when_idle == 0, "a rank had nothing to do, and there was something that nobody had"


def test_the_same_again():
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
    # rank 0 gets the long point first; what it was dealt ahead is left to it, one point and no more
    played = Ranks(400, 1, 2, seconds=[1000.0] + [0.01] * 399)
    assert sum(rank == 0 for rank, _, _ in played.done) <= 2


def test_shared_data_begin_with_every_rank_on_the_first_point():
    dealing = Dealing([Point(0, (0.0,)), Point(1, (1.0,))], 32, 4, shard=True)
    dealt = [dealing.next(rank, 0.0) for rank in range(4)]
    assert dealt == [[Task(Point(0, (0.0,)), 8 * k, 8 * k + 8)] for k in range(4)]


def test_cheap_points_go_out_several_at_a_time_where_ranks_are_many():
    pace = Pace()
    pace.learn([Task(Point(0, (0.0,)), 0, 1)], 0.01, 0.0)  # 10 ms
    points = [Point(k, (0.0,)) for k in range(100_000)]
    many, few = Dealing(points, 1, 512, pace), Dealing(points, 1, 2, pace)
    seconds = 0.01 * len(many.next(0, 0.0))
    assert 512 * rules.LEADER_SECONDS / seconds == pytest.approx(rules.LEADER_SHARE, rel=0.1)
    assert len(few.next(0, 0.0)) == 1


def test_parts_take_long_compared_with_their_start():
    pace = Pace()
    pace.learn([Task(Point(0, (0.0,)), 0, 100)], 1.1, 0.1)  # a chunk takes 10 ms, moving the weights 100
    dealing = Dealing([Point(0, (0.0,))], 100, 50, pace)
    assert dealing.next(0, 0.0)[0].size == rules.SMALLEST_STARTS * 0.1 / 0.01


def hand_with(*tasks, chunk=None, began=0.0):
    hand = Hand()
    hand.take(tasks)
    if chunk is not None:
        hand.begin(began)
        hand.reached(chunk)
    return hand


FIRST, SECOND = Task(Point(0, (0.0,)), 0, 32), Task(Point(1, (1.0,)), 0, 32)


def test_a_hand_returns_what_it_has_not_begun_before_it_cuts():
    hand = hand_with(FIRST, SECOND, chunk=4)
    assert hand.give(Ask(1, 0.1), 4.0) == [SECOND]
    assert hand.give(Ask(1, 0.1), 4.0) == [FIRST._replace(first=18)]
    assert hand.task == FIRST._replace(last=18)


def test_a_hand_is_cut_in_equal_pieces_none_shorter_than_asked():
    # 8 of 32 chunks in 8 s: 24 s left
    given = hand_with(FIRST, chunk=8).give(Ask(16, 6.0), 8.0)
    assert [(task.first, task.last) for task in given] == [(26, 32), (20, 26), (14, 20)]
    assert hand_with(FIRST, chunk=8).give(Ask(16, 12.1), 8.0) == []


def test_a_hand_keeps_the_only_task_that_it_has_not_begun():
    assert hand_with(FIRST).give(Ask(5, 0.1), 0.0) == []
