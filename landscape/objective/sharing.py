"""How the batches of an objective are divided among threads: the fastest of the divisions that give the same values.

Owns: `Sharing`, which finds it by timing a batch with each, and again from time to time, as other work comes and goes. Values do
not depend on the choice, bit for bit. Where batches cannot be shared (twins.py) and torch's own threads change bits, nothing is
chosen: torch's threads are used as asked.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from landscape.objective.chunks import Segment
from landscape.objective.measure import Measure, Model
from landscape.objective.numerics import numerics
from landscape.objective.tally import fetch_sums
from landscape.objective.team import Team, torch_threads
from landscape.objective.twins import twins

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

# The other work on a machine changes in minutes; timing takes a few batches.
AGAIN_SECONDS = 60.0
FEWEST, MOST, ENOUGH_SECONDS = 2, 20, 0.02
# Below, handing over a batch takes as long as the batch; above, it costs nothing beside it, and timing it would.
SHORT_SECONDS, LONG_SECONDS = 0.0003, 0.05
# Beyond, a last round that leaves threads idle takes a few per cent of the time.
MOST_ROUNDS = 8

T = TypeVar("T")
R = TypeVar("R")
# (net, measure, item) -> result
Work = Callable[[Model, Measure, T], R]


class Division(NamedTuple):
    """`workers` threads with whole batches each, of which each divides its operations among `inner` threads of torch.

    In a last round of fewer batches than workers each divides them among `rest`, where there are as many threads.
    """

    workers: int
    inner: int
    rest: int = 1


class Sharing:
    """The threads of an objective on a CPU, of which there may be at most `threads`."""

    def __init__(self, objective: Objective, threads: int, clock: Callable[[], float] = time.perf_counter):
        self.threads, self._clock = threads, clock
        self._ends = _ends(objective)
        workers = min(threads, sum(objective.batch_counts.values()))
        self._twins = twins(objective, workers) if workers > 1 else []
        self._team = Team(max(1, len(self._twins)))
        self._divisions: list[Division] | None = None
        self._rest: int | None = None
        self._division, self._chosen = Division(1, threads), float("-inf")

    def map(self, objective: Objective, work: Work[T, R], items: Iterable[T]) -> list[R]:
        """`work(net, measure, item)` for each item, in order, within `objective.ready`.

        Raises:
            What `work` raised, for the first item for which it did.
        """
        if self._ends and self._clock() - self._chosen > AGAIN_SECONDS:
            self._division = self._fastest(objective)
            self._chosen = self._clock()
        return self._run(objective, self._division, work, items)

    def _run(self, objective: Objective, division: Division, work: Work[T, R], items: Iterable[T]) -> list[R]:
        if division.workers == 1:
            with torch_threads(division.inner):
                return [work(objective.net, objective.measure, item) for item in items]

        def one(thread: int, item: T) -> R:
            with numerics(objective.precision, objective.device):
                return work(*self._twins[thread], item)

        left: list[T] = []
        found = self._team.map(one, _whole_rounds(iter(items), division.workers, left), inner=division.inner)
        rest = division.rest if len(left) * division.rest <= self.threads else division.inner
        return [*found, *self._team.map(one, left, inner=max(rest, division.inner))]

    def _fastest(self, objective: Objective) -> Division:
        """The fastest for whole rounds, with the fastest for the last round."""
        whole = self._fastest_whole(objective)
        items = objective.chunks
        if whole.workers == 1 or not (left := items % whole.workers) or items > MOST_ROUNDS * whole.workers:
            return whole
        return whole._replace(rest=self._fastest_rest(objective, left, whole.inner))

    def _fastest_rest(self, objective: Objective, left: int, inner: int) -> int:
        """Among how many threads each of `left` batches divides its operations: `inner`, or all threads together if that pays."""
        if self._rest is None:
            more = self.threads // left
            self._rest = more if more > inner and self._equal(objective, inner, more) else inner
        if self._rest == inner:
            return inner
        apart, together = (self._seconds(objective, Division(left, n)) for n in (inner, self._rest))
        return self._rest if together < apart else inner

    def _fastest_whole(self, objective: Objective) -> Division:
        """Of the divisions that give the same values; one thread for a short batch, most threads for long whole batches."""
        if self._divisions is None:
            self._divisions = self._equal_divisions(objective)
        divisions = self._divisions
        if len(divisions) == 1:
            return divisions[0]
        if (alone := self._seconds(objective, divisions[0])) <= LONG_SECONDS:
            alone = min(alone, self._seconds(objective, divisions[0]))  # the first one warms up
        if alone < SHORT_SECONDS:
            return divisions[0]
        if alone > LONG_SECONDS and divisions[-1].inner == 1:
            return divisions[-1]
        taken = dict.fromkeys(divisions, 0.0)
        # in turn, so that other work is beside all of them; the first round warms up
        for number in range(MOST):
            for division in divisions:
                seconds = self._seconds(objective, division)
                taken[division] += seconds if number else 0.0
            if number >= FEWEST and min(taken.values()) > ENOUGH_SECONDS:
                break
        return min(divisions, key=lambda division: taken[division])

    def _equal_divisions(self, objective: Objective) -> list[Division]:
        """Those with fewer threads first; without twins, and if torch's own threads change bits, only what was asked for."""
        workers = self._team.size
        inner = self.threads // workers
        divisions = [Division(1, 1), Division(workers, 1)] if workers > 1 else [Division(1, 1)]
        if inner == 1:
            return divisions
        if self._equal(objective, 1, inner):
            return [*divisions, Division(workers, inner)]
        return divisions if workers > 1 else [Division(1, inner)]

    def _equal(self, objective: Objective, *threads: int) -> bool:
        """Whether batches have the same bits with all these numbers of torch's threads."""
        found = (fetch_sums(self._run(objective, Division(1, n), objective.tally, self._ends)) for n in threads)
        return len({repr(each) for each in found}) == 1  # in this form NaN is equal to itself

    def _seconds(self, objective: Objective, division: Division) -> float:
        """The time for a batch."""
        started = self._clock()
        self._run(objective, division, objective.tally, self._ends[:1] * division.workers)
        return (self._clock() - started) / division.workers


def _whole_rounds(items: Iterator[T], size: int, left: list[T]) -> Iterator[T]:
    """Items as long as there are `size` of them; `left` receives the others."""
    while len(taken := list(itertools.islice(items, size))) == size:
        yield from taken
    left.extend(taken)


def _ends(objective: Objective) -> list[list[Segment]]:
    """The first batch and the last of each split, which differ in size; nothing where these are not known."""
    counts = objective.batch_counts
    return [[Segment(name, at, at + 1)] for name, count in counts.items() for at in sorted({0, count - 1})]
