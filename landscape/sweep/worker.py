"""Worker loop of one rank, independent of the transport.

Owns: computing the tasks of the rank's queue, and the thread in which the leader computes its own. A follower runs the
same loop over MPI messages (mpi.py).
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from landscape.errors import Ending
from landscape.sweep.rank_queue import RankQueue
from landscape.sweep.sampler import Point
from landscape.sweep.watch import POINT
from landscape.sweep.work import Task, Work, computing, failure_text

# To a rank: an assignment, a `StealRequest`, the end. From a rank: an assignment done, an error, the tasks stolen.
TASK, STEAL, STOP = 1, 2, 3
RESULT, FAILURE, STOLEN = 4, 5, 6
CRASHED = 9  # the worker itself has failed; only from the leader's own
# The leader's main thread may wait this long for Python code of the compute thread, each time it polls.
SWITCH_SECONDS = 0.0005

Message = tuple[int, Any]  # (tag, content)
TaskResult = tuple[Task, Sequence[Any] | Mapping[str, float]]


class AssignmentDone(NamedTuple):
    """Each task with its result, or with the contributions of its chunks if it is a part of a point.

    `seconds` is the time of the whole assignment, `startup` the part of it before the first chunk of each task, such as
    moving the weights.
    """

    results: list[TaskResult]
    seconds: float
    startup: float


class TaskFailure(NamedTuple):
    point: Point
    message: str


class WorkerStop(Ending):
    """The leader stops this rank; it passes through an evaluation in progress."""

    def __init__(self, message: str | None, interrupted: bool):
        self.message, self.interrupted = message, interrupted


def run_worker(work: Work, receive: Callable[[bool], Iterable[Message]], send: Callable[[int, object], None]) -> None:
    """Computes the assignments that arrive until a STOP arrives, which raises `WorkerStop`.

    `receive(wait)` returns the messages that have arrived; with `wait` at least one.
    """
    tasks = RankQueue()

    def handle_messages(wait: bool = False) -> None:
        for tag, content in receive(wait):
            if tag == STOP:
                raise WorkerStop(*content)
            if tag == TASK:
                tasks.push(content)
            else:
                send(STOLEN, tasks.steal(content, time.perf_counter()))

    while True:
        handle_messages(wait=not tasks)
        if not tasks:
            continue
        done, failure = run_assignment(tasks, work, handle_messages)
        if failure:
            tasks.clear()
            send(FAILURE, (done.results, failure))
        else:
            send(RESULT, tuple(done))


def run_assignment(
    tasks: RankQueue, work: Work, between_chunks: Callable[[], None]
) -> tuple[AssignmentDone, TaskFailure | None]:
    """Computes the first assignment; results that came before a failure are returned with it.

    `between_chunks` is also called between tasks; it may push to the queue and steal from it.
    """
    results: list[TaskResult] = []
    startup, began = 0.0, time.perf_counter()

    def end(chunk: int) -> int:
        nonlocal startup
        if chunk == current().first:
            startup += time.perf_counter() - task_began
        if tasks.advance(chunk):
            between_chunks()
        return current().last

    def current() -> Task:
        assert tasks.current is not None
        return tasks.current

    while task := tasks.start_next(task_began := time.perf_counter()):
        content: Sequence[Any] | Mapping[str, float]
        POINT.start(computing(task.point))
        try:
            content = contributions = work.part(task.point, task.first, end)
            if current().size == work.chunks:
                content = work.join(contributions)
        except Ending:
            raise
        except BaseException as error:  # also SystemExit: the leader must learn of it
            failure = TaskFailure(task.point, failure_text(task.point, error))
            return AssignmentDone(results, time.perf_counter() - began, startup), failure
        finally:
            POINT.stop()
        results.append((current(), content))
        tasks.finish_current()
        between_chunks()
    return AssignmentDone(results, time.perf_counter() - began, startup), None


class ComputeThread:
    """Runs the leader's own worker. A daemon thread, so that it never delays the end of the process."""

    def __init__(self, work: Work):
        self._in: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._out: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._work = work
        # with the default interval, Python code in an evaluation would delay each message
        self._interval_before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._thread = threading.Thread(target=self._run, name="landscape-compute", daemon=True)
        self._thread.start()

    def send(self, tag: int, content: object) -> None:
        self._in.put((tag, content))

    def receive(self, timeout: float) -> Message:
        """The next (tag, content); raises queue.Empty when none arrives in time."""
        return self._out.get(timeout=timeout) if timeout else self._out.get_nowait()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self, content: object) -> None:
        """Ends the thread after the chunk in progress."""
        sys.setswitchinterval(self._interval_before)
        self.send(STOP, content)

    def _run(self) -> None:
        try:
            run_worker(self._work, self._incoming, lambda tag, content: self._out.put((tag, content)))
        except WorkerStop:
            pass
        except BaseException as error:  # a fault of ours: the main thread must not wait for this one
            self._out.put((CRASHED, error))

    def _incoming(self, wait: bool) -> Iterator[Message]:
        if wait:
            yield self._in.get()
        while not self._in.empty():
            yield self._in.get()
