"""The executor over MPI ranks, and the only file that imports mpi4py.

Owns: the messages between rank 0 (the leader) and the others (followers); who does what is decided in dealing.py. Only
point numbers, coordinates and small dicts of floats travel. The leader computes too: its points run in a thread of their
own while the main thread hands out work and takes results, so that nobody waits for a long point of the leader's, and so
that only the main thread calls MPI (MPI_THREAD_FUNNELED is enough). There is no collective call inside the loop.

Waiting is polling with a short sleep: a blocking MPI receive would burn a core that computes.
"""

from __future__ import annotations

import contextlib
import os
import queue
import time
from collections.abc import Sequence

from landscape.errors import Interrupted, LandscapeError
from landscape.sweep.dealing import Dealing, Pace
from landscape.sweep.executor import Evaluate, OnResult, PointFailed
from landscape.sweep.hand import Failed
from landscape.sweep.launch import World
from landscape.sweep.parts import Pieces, as_work
from landscape.sweep.sampler import Point
from landscape.sweep.serve import ASK, FAILURE, GIVEN, RESULT, STOP, TASK, ComputeThread, Stop, serve

STOPPED = 7  # a follower has gone home
POLL_SECONDS = 0.002
# Looking costs the leader's own points some 70 us: three times while a rank does a point that it has ahead are enough.
LOOKS = 1 / 3
# After an error, a rank stops between two points; when one is busy longer than this, MPI_Abort ends the job.
GRACE_SECONDS = 5.0


def connect(launched: int) -> World:
    """The world of all ranks, on a communicator of our own.

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
    return World(comm.rank, comm.size, local.rank, local.size, comm)


def agree(world: World, error: str | None) -> None:
    """All ranks meet once after setting up; if any failed, every rank raises the message of the first.

    Raises:
        LandscapeError: a rank could not set up.
    """
    errors = world.comm.allgather(error)
    failed = [(rank, text) for rank, text in enumerate(errors) if text]
    if failed:
        rank, text = failed[0]
        everyone = all(other == text for other in errors)
        raise LandscapeError(text if everyone else f"rank {rank} of {world.size}: {text}")


def same_everywhere(world: World, value: str) -> bool:
    """Whether all ranks hold the same text, such as the hash of the directions."""
    return len(set(world.comm.allgather(value))) == 1


def share(world: World, value):
    """The leader's value, on every rank."""
    return world.comm.bcast(value, root=0)


def gather(world: World, value) -> list:
    """The values of all ranks, in their order, on every rank."""
    return world.comm.allgather(value)


def threads_here(world: World) -> int:
    """Cores for each rank of this machine: its own when ranks are bound apart, else an equal share."""
    from mpi4py import MPI

    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    local = world.comm.Split_type(MPI.COMM_TYPE_SHARED)
    together = set().union(*local.allgather(mine))
    return max(1, min(len(mine), len(together) // local.size))


class MPIExecutor:
    """Deals points out over the ranks of a world; with `shard` every point is divided among them."""

    def __init__(self, world: World, *, shard: bool = False):
        self.world = world
        self.leads = world.leads
        self._shard = shard
        self._pace = Pace()
        self._patience = _Patience()
        self._local: ComputeThread | None = None

    def map(self, evaluate: Evaluate, points: Sequence[Point], on_result: OnResult) -> None:
        work = as_work(evaluate)
        if self._local is None:
            self._local = ComputeThread(work)
        dealing = Dealing(points, work.chunks, self.world.size, self._pace, shard=self._shard)
        pieces = Pieces(work)
        for rank in [*range(self.world.size)] * 2:  # each gets a first deal before any gets one ahead
            self._deal(dealing, rank)
        while dealing.unfinished:
            for rank, tag, content in self._arrivals(dealing.slack):
                done, failed = self._heard(dealing, rank, tag, content)
                # whoever waits is served before results are kept, which may mean writing a file
                for task, contribution in done:
                    result = pieces.add(task, contribution)
                    if result is not None:
                        on_result(task.point, result)
                if failed:
                    place = f"rank {rank} of {self.world.size}: "
                    raise PointFailed(place + failed.message, failed.point)
            self._share(dealing)  # also when nothing came: a point may turn out to be long

    def _heard(self, dealing: Dealing, rank: int, tag: int, content) -> tuple[list, Failed | None]:
        """Takes note of a message and answers it; returns (what was done, what failed)."""
        if tag == FAILURE:
            return content
        done, now = [], time.perf_counter()
        if tag == RESULT:
            done, seconds, starts = content
            dealing.finished(rank, seconds, starts, now)
            self._deal(dealing, rank)
            self._deal(dealing, rank)
        elif tag == GIVEN:
            dealing.returned(rank, content, now)
        self._share(dealing)
        return done, None

    def _share(self, dealing: Dealing) -> None:
        """Ranks that have nothing get what others have returned, or others are asked."""
        for idle in dealing.idle():
            self._deal(dealing, idle)
        for rich, ask in dealing.asks(time.perf_counter()):
            self._send(rich, ASK, ask)

    def _deal(self, dealing: Dealing, rank: int) -> None:
        deal = dealing.next(rank, time.perf_counter())
        if deal:
            self._send(rank, TASK, deal)

    def _send(self, rank: int, tag: int, content) -> None:
        if rank == 0:
            self._local.give(tag, content)
        else:
            self.world.comm.send(content, dest=rank, tag=tag)

    def _arrivals(self, slack: float):
        """(rank, tag, content) of what has come in; waits a moment when nothing has, the longer the more `slack`."""
        came = False
        for message in _messages(self.world.comm):
            came = True
            yield message
        with contextlib.suppress(queue.Empty):
            while True:
                tag, content = self._local.take(0.0 if came else max(self._patience.longer(), LOOKS * min(slack, 0.01)))
                came = True
                yield 0, tag, content
        if came:
            self._patience.reset()

    def follow(self, evaluate: Evaluate) -> None:
        comm, patience = self.world.comm, _Patience()

        def incoming(wait: bool):
            patience.reset()
            while wait and not comm.iprobe(source=0):
                time.sleep(patience.longer())
            return ((tag, content) for _, tag, content in _messages(comm))

        try:
            serve(as_work(evaluate), incoming, lambda tag, content: comm.send(content, dest=0, tag=tag))
        except Stop as stop:
            comm.send(None, dest=0, tag=STOPPED)
            if stop.message is not None:
                raise (Interrupted if stop.interrupted else LandscapeError)(stop.message) from None

    def close(self, error: BaseException | None) -> None:
        """See `Executor`; raises StillBusy when an evaluation goes on after an error."""
        content = (None if error is None else str(error), isinstance(error, KeyboardInterrupt))
        if self._local:
            self._local.stop(content)
        for rank in range(1, self.world.size):
            self.world.comm.send(content, dest=rank, tag=STOP)
        waiting, deadline = self.world.size - 1, time.monotonic() + GRACE_SECONDS
        while (waiting or self._busy()) and (error is None or time.monotonic() < deadline):
            waiting -= sum(tag == STOPPED for _, tag, _ in _messages(self.world.comm))
            if waiting or self._busy():
                time.sleep(POLL_SECONDS)
        if waiting or self._busy():
            raise StillBusy from error

    def _busy(self) -> bool:
        return self._local is not None and self._local.is_alive()


class StillBusy(Exception):
    """The job has failed (`__cause__` tells how), and an evaluation somewhere goes on; only MPI_Abort ends it at once."""


def abort(world: World, status: int) -> None:
    """Ends every rank of the job at once."""
    world.comm.Abort(status)


class _Patience:
    """How long to sleep before looking again: longer and longer, up to POLL_SECONDS."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._next = POLL_SECONDS / 32

    def longer(self) -> float:
        now, self._next = self._next, min(2 * self._next, POLL_SECONDS)
        return now


def _messages(comm):
    """(rank, tag, content) of every message that has arrived."""
    from mpi4py import MPI

    status = MPI.Status()
    while comm.iprobe(source=MPI.ANY_SOURCE, tag=MPI.ANY_TAG, status=status):
        rank, tag = status.Get_source(), status.Get_tag()
        yield rank, tag, comm.recv(source=rank, tag=tag)
