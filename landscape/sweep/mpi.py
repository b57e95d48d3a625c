"""The executor over MPI ranks, and the only file that imports mpi4py.

Owns: the messages between rank 0 (the leader) and the others (followers). Only point numbers, coordinates and small
dicts of floats travel. The leader computes too: its points run in a thread of their own while the main thread hands out
work and takes results, so that nobody waits for a long point of the leader's, and so that only the main thread calls
MPI (MPI_THREAD_FUNNELED is enough). Each rank holds one point in hand and one ahead; near the end only one, so that no
point waits behind a long one. There is no collective call inside the loop.

Waiting is polling with a short sleep: a blocking MPI receive would burn a core that computes.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence

from landscape.errors import Interrupted, LandscapeError
from landscape.sweep.executor import Evaluate, OnResult, PointFailed, failure_text
from landscape.sweep.launch import World
from landscape.sweep.sampler import Point

TASK, RESULT, FAILURE, STOP, STOPPED = 1, 2, 3, 4, 5
POLL_SECONDS = 0.002
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


def threads_here(world: World) -> int:
    """Cores for each rank of this machine: its own when ranks are bound apart, else an equal share."""
    from mpi4py import MPI

    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    local = world.comm.Split_type(MPI.COMM_TYPE_SHARED)
    together = set().union(*local.allgather(mine))
    return max(1, min(len(mine), len(together) // local.size))


class MPIExecutor:
    """Deals points out over the ranks of a world."""

    def __init__(self, world: World):
        self.world = world
        self.leads = world.leads
        self._local: _ComputeThread | None = None

    def map(self, evaluate: Evaluate, points: Sequence[Point], on_result: OnResult) -> None:
        if self._local is None:
            self._local = _ComputeThread(evaluate)
        todo, left = deque(points), len(points)
        in_hand = dict.fromkeys(range(self.world.size), 0)
        hungry = deque(in_hand)
        while left:
            self._deal(todo, in_hand, hungry)
            for rank, tag, point, content in self._arrivals():
                if tag == FAILURE:
                    place = f"rank {rank} of {self.world.size}: "
                    raise PointFailed(place + content, point)
                in_hand[rank] -= 1
                hungry.append(rank)
                left -= 1
                on_result(point, content)

    def _deal(self, todo: deque[Point], in_hand: dict[int, int], hungry: deque[int]) -> None:
        """Every rank gets a first point before any gets one ahead; ahead only while there is plenty."""
        while todo and hungry:
            rank = hungry[0]
            depth = 2 if len(todo) > 2 * self.world.size else 1
            if in_hand[rank] >= depth:
                hungry.popleft()
                continue
            point = todo.popleft()
            in_hand[rank] += 1
            hungry.rotate(-1)
            if rank == 0:
                self._local.give(point)
            else:
                self.world.comm.send(point, dest=rank, tag=TASK)

    def _arrivals(self):
        """(rank, tag, point, result or message) of what has come in; waits a moment when nothing has."""
        came = False
        for rank, tag, content in _messages(self.world.comm):
            came = True
            yield rank, tag, *content
        with contextlib.suppress(queue.Empty):
            while True:
                tag, point, content = self._local.take(0.0 if came else POLL_SECONDS)
                came = True
                yield 0, tag, point, content

    def follow(self, evaluate: Evaluate) -> None:
        comm, todo = self.world.comm, deque()
        while True:
            for _, tag, content in _messages(comm):
                if tag == STOP:
                    comm.send(None, dest=0, tag=STOPPED)
                    message, interrupted = content
                    if message is not None:
                        raise Interrupted(message) if interrupted else LandscapeError(message)
                    return
                todo.append(Point(*content))
            if not todo:
                time.sleep(POLL_SECONDS)
                continue
            tag, point, content = _computed(evaluate, todo.popleft())
            comm.send((point, content), dest=0, tag=tag)
            if tag == FAILURE:
                todo.clear()

    def close(self, error: BaseException | None) -> None:
        """See `Executor`; raises StillBusy when an evaluation goes on after an error."""
        if self._local:
            self._local.stop()
        content = (None if error is None else str(error), isinstance(error, KeyboardInterrupt))
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


class _ComputeThread:
    """The leader's own evaluations: points in, results out. A daemon, so that a long one never blocks an exit."""

    def __init__(self, evaluate: Evaluate):
        self._tasks: queue.SimpleQueue = queue.SimpleQueue()
        self._results: queue.SimpleQueue = queue.SimpleQueue()
        self._evaluate = evaluate
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="landscape-compute", daemon=True)
        self._thread.start()

    def give(self, point: Point) -> None:
        self._tasks.put(point)

    def take(self, timeout: float) -> tuple:
        """The next (tag, point, result); raises queue.Empty when there is none in time."""
        return self._results.get(timeout=timeout) if timeout else self._results.get_nowait()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """After the point in hand, if any."""
        self._stopping = True
        self._tasks.put(None)

    def _run(self) -> None:
        while (point := self._tasks.get()) is not None and not self._stopping:
            self._results.put(_computed(self._evaluate, point))


def _computed(evaluate: Evaluate, point: Point) -> tuple:
    try:
        return RESULT, point, dict(evaluate(point.coords))
    except Exception as error:
        return FAILURE, point, failure_text(point, error)


def _messages(comm):
    """(rank, tag, content) of every message that has arrived."""
    from mpi4py import MPI

    status = MPI.Status()
    while comm.iprobe(source=MPI.ANY_SOURCE, tag=MPI.ANY_TAG, status=status):
        rank, tag = status.Get_source(), status.Get_tag()
        yield rank, tag, comm.recv(source=rank, tag=tag)
