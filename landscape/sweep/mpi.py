"""The executor over MPI ranks, and the only file that imports mpi4py.

Owns: the messages between rank 0 (the leader) and the other ranks (followers); scheduler.py decides what each rank
computes. Messages hold points and numbers, under a tolerance also megabytes of single losses. The leader computes too, in a
thread of its own, while its main thread sends assignments and receives results, so no rank waits for a long point of the
leader's. Only the main thread calls MPI (MPI_THREAD_FUNNELED is enough). The loop has no collective call, and the leader
never waits for its own messages to be received (outbox.py).

Waiting means polling with a short sleep: a blocking MPI receive would occupy a core that could compute.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from landscape.errors import LandscapeError, UsageError
from landscape.sweep.executor import OnResult, PointFailed, Stalled
from landscape.sweep.leaving import guard_program
from landscape.sweep.meeting import gather_here
from landscape.sweep.outbox import post, until_sent
from landscape.sweep.sampler import Point
from landscape.sweep.scheduler import CostModel, Scheduler
from landscape.sweep.signals import current
from landscape.sweep.waiting import POLL_SECONDS, Backoff, Silence
from landscape.sweep.watch import LEADER_LATER, SET_UP, allowed
from landscape.sweep.work import Evaluate, PointAssembler, as_work, computing
from landscape.sweep.worker import (
    CRASHED,
    FAILURE,
    RESULT,
    STEAL,
    STOLEN,
    STOP,
    TASK,
    ComputeThread,
    Message,
    TaskFailure,
    TaskResult,
    WorkerStop,
    run_worker,
)
from landscape.sweep.world import World, own_cores

STOPPED = 7  # a follower has left its loop
SIGNALLED = 8  # a follower received this signal
ASKED, ANSWERED = 10, 11  # a follower that waits asks the leader whether it is there
# A poll costs the leader's own points some 70 us; three polls are enough while a rank computes what it has ahead.
POLL_SHARE, MAX_LOOKAHEAD = 1 / 3, 0.01
# After an error, a rank stops between two chunks; if it takes longer than this, MPI_Abort ends the job.
GRACE_SECONDS = 5.0
EXCHANGE = "an exchange among the ranks"
T = TypeVar("T")


def open_world(launched: int) -> World:
    """The world of all ranks, on a duplicate of MPI's communicator; `launched` is the launcher's number of processes.

    Raises:
        LandscapeError: mpi4py is missing or broken, or belongs to another MPI than the launcher.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise LandscapeError(
            f"started as one of {launched} MPI processes, but mpi4py does not load ({error}); "
            "pip install 'nn-landscape[mpi]' (or [mpich] where there is no MPI)"
        ) from error
    if launched > MPI.COMM_WORLD.size:
        vendor = " ".join(map(str, MPI.get_vendor()[:1]))
        raise LandscapeError(
            f"the launcher started {launched} processes but MPI sees {MPI.COMM_WORLD.size}: mpi4py loaded {vendor}, which is "
            "not the launcher's MPI; use the mpiexec of that MPI, or point MPI4PY_LIBMPI to the libmpi.so of yours"
        )
    comm = MPI.COMM_WORLD.Dup()
    local = comm.Split_type(MPI.COMM_TYPE_SHARED)
    mine = own_cores()
    everyone: set[int] = set().union(*local.allgather(mine))
    cores = max(1, min(len(mine), len(everyone) // local.size))
    world = World(comm.rank, comm.size, local.rank, local.size, cores, comm, comm.Dup())
    if world.size > 1:
        guard_program()
    return world


def gather(world: World, value: T) -> list[T]:
    """Collective: the values of all ranks, in their order, on every rank.

    A signal waits until all of them have passed through, or they would wait for this rank.
    """
    gather_here(world)
    with current().deferred(), SET_UP.running(EXCHANGE):
        return world.comm.allgather(value)


def agree(world: World, error: str | None, *, usage: bool = False) -> None:
    """Collective: every rank passes its error or None; if any has one, all raise the error of the first such rank.

    `usage`: the error is a UsageError, and is raised as one, so that all ranks end with the same exit status.

    Raises:
        LandscapeError: a rank passed an error.
    """
    errors = gather(world, (error, usage))
    failed = [(rank, text, wrong) for rank, (text, wrong) in enumerate(errors) if text]
    if failed:
        rank, text, wrong = failed[0]
        everyone = all(other == text for other, _ in errors)
        raise (UsageError if wrong else LandscapeError)(text if everyone else f"rank {rank} of {world.size}: {text}")


def differing(world: World, marks: Mapping[str, str]) -> list[tuple[str, int, str, str]]:
    """Collective: (name, rank, its text, the leader's) of each mark in which a rank differs from the leader."""
    first, *others = gather(world, dict(marks))
    return [
        (name, rank, other.get(name, ""), first.get(name, ""))
        for rank, other in enumerate(others, start=1)
        for name in {**first, **other}
        if other.get(name) != first.get(name)
    ]


def broadcast(world: World, value: T | None) -> T:
    """Collective: the leader's value, on every rank; the value of other ranks is ignored."""
    gather_here(world)
    with current().deferred(), SET_UP.running(EXCHANGE):
        return world.comm.bcast(value, root=0)


class MPIExecutor:
    """Computes points on all ranks of a world; with `shard` every point is divided among them."""

    def __init__(self, world: World, *, shard: bool = False):
        self.world = world
        self.leads = world.leads
        self._shard = shard
        self._cost = CostModel()
        self._local: ComputeThread | None = None

    def map(self, evaluate: Evaluate, points: Sequence[Point], on_result: OnResult) -> None:
        work = as_work(evaluate)
        self._local = self._local or ComputeThread(work)
        scheduler = Scheduler(points, work.chunks, self.world.size, self._cost, shard=self._shard)
        leader, assembler, stop = _Leader(self.world, self._local, scheduler), PointAssembler(work), current()
        leader.start()
        while scheduler.unfinished:
            stop.check()
            leader.check_stall()
            for rank, tag, content in leader.receive():
                results, failure = leader.handle(rank, tag, content)
                # idle ranks get work before results are kept, which may mean writing a file
                for task, contribution in results:
                    result = assembler.add(task, contribution)
                    if result is not None:
                        on_result(task.point, result)
                if failure:
                    raise PointFailed(f"rank {rank} of {self.world.size}: {failure.message}", failure.point)
            leader.balance()  # also without a message: a point may turn out to be long

    def follow(self, evaluate: Evaluate) -> None:
        comm, backoff, silence, stop = self.world.comm, Backoff(), Silence(allowed(), self.world.rank), current()

        def receive(wait: bool) -> Iterator[Message]:
            backoff.reset()
            silence.broken()
            while wait and not comm.iprobe(source=0) and not stop.pending:
                if silence.asks():
                    post(comm, None, dest=0, tag=ASKED)
                time.sleep(backoff.next())
            if stop.pending:  # the leader decides when all stop
                stop.answer()
                post(comm, stop.name, dest=0, tag=SIGNALLED)
            return ((tag, content) for _, tag, content in _messages(comm) if tag != ANSWERED)

        def send(tag: int, content: object) -> None:
            silence.broken()  # from here on it waits for the leader to receive it
            for _ in until_sent(post(comm, content, dest=0, tag=tag)):
                if silence.asks():
                    post(comm, None, dest=0, tag=ASKED)

        try:
            run_worker(as_work(evaluate), receive, send)
        except WorkerStop as end:
            post(comm, None, dest=0, tag=STOPPED)
            if end.message is not None:
                raise (stop.elsewhere if end.interrupted else LandscapeError)(end.message) from None

    def close(self, error: BaseException | None) -> None:
        """See `Executor`; raises StillBusy when an evaluation goes on after an error."""
        content = (None if error is None else str(error), isinstance(error, KeyboardInterrupt))
        if self._local:
            self._local.stop(content)
        for rank in range(1, self.world.size):
            post(self.world.comm, content, dest=rank, tag=STOP)
        deadline, waiting = time.monotonic() + GRACE_SECONDS * (not isinstance(error, Stalled)), self.world.size - 1
        while (waiting or self._busy()) and (error is None or time.monotonic() < deadline):
            waiting -= sum(tag == STOPPED for _, tag, _ in _messages(self.world.comm))
            if waiting or self._busy():
                time.sleep(POLL_SECONDS)
        if waiting or self._busy():
            raise StillBusy from error

    def _busy(self) -> bool:
        return self._local is not None and self._local.is_alive()


class _Leader:
    """The leader's main thread in one round: passes the scheduler's decisions to the ranks, and messages back."""

    def __init__(self, world: World, local: ComputeThread, scheduler: Scheduler):
        self._world, self._local, self._scheduler = world, local, scheduler
        self._backoff = Backoff()
        self._stall = allowed()

    def start(self) -> None:
        for rank in [*range(self._world.size)] * 2:  # every rank gets a first assignment before any gets one ahead
            self._assign(rank)

    def receive(self) -> Iterator[tuple[int, int, Any]]:
        """(rank, tag, content) of the messages that have arrived; sleeps for a moment when there are none."""
        arrived = False
        for message in _messages(self._world.comm):
            arrived = True
            yield message
        pause = POLL_SHARE * min(self._scheduler.lookahead_seconds, MAX_LOOKAHEAD)
        with contextlib.suppress(queue.Empty):
            while True:
                tag, content = self._local.receive(0.0 if arrived else max(self._backoff.next(), pause))
                arrived = True
                yield 0, tag, content
        if arrived:
            self._backoff.reset()

    def handle(self, rank: int, tag: int, content: Any) -> tuple[list[TaskResult], TaskFailure | None]:
        """Records a message and answers it; returns the results in it, and the failure if it reports one."""
        if tag == ASKED:
            self._send(rank, ANSWERED, None)
        if tag == FAILURE:
            return content
        if tag == SIGNALLED:
            raise current().elsewhere(f"stopped by {content}")
        if tag == CRASHED:
            raise content
        results, now = [], time.perf_counter()
        if tag == RESULT:
            results, seconds, startup = content
            self._scheduler.finished(rank, seconds, startup, now)
            self._assign(rank)
            self._assign(rank)
        elif tag == STOLEN:
            self._scheduler.stolen(rank, content, now)
        self.balance()
        return results, None

    def balance(self) -> None:
        """Gives stolen tasks to idle ranks, and sends steal requests to busy ones."""
        for idle in self._scheduler.idle_ranks():
            self._assign(idle)
        for rank, request in self._scheduler.steal_requests(time.perf_counter()):
            self._send(rank, STEAL, request)

    def _assign(self, rank: int) -> None:
        assignment = self._scheduler.next_assignment(rank, time.perf_counter())
        if assignment:
            self._send(rank, TASK, assignment)

    def check_stall(self) -> None:
        """Of a rank that cannot say itself that it is stuck, because a call keeps Python's lock.

        Raises:
            Stalled: a rank has not answered within `--stall`.
        """
        if not self._stall:
            return
        for rank, task in self._scheduler.overdue(time.perf_counter() - LEADER_LATER, self._stall):
            doing = computing(task.point)()
            raise Stalled(f"rank {rank} of {self._world.size}: {doing} has taken more than {self._stall:g} s (--stall)")

    def _send(self, rank: int, tag: int, content: object) -> None:
        if rank == 0:
            self._local.send(tag, content)
        else:
            post(self._world.comm, content, dest=rank, tag=tag)


class StillBusy(Exception):
    """The job has failed (`__cause__` is the error), but a rank is still computing; only MPI_Abort ends it at once."""


def _messages(comm: Any) -> Iterator[tuple[int, int, Any]]:
    """(rank, tag, content) of every message that has arrived."""
    from mpi4py import MPI

    status = MPI.Status()
    while comm.iprobe(source=MPI.ANY_SOURCE, tag=MPI.ANY_TAG, status=status):
        rank, tag = status.Get_source(), status.Get_tag()
        yield rank, tag, comm.recv(source=rank, tag=tag)
