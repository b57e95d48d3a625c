"""Who computes the points: the interface, and the executor that computes them in this process.

Owns: `Executor` and `SerialExecutor`. The executor for many processes is in mpi.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from landscape.errors import Ending, EvaluationError
from landscape.sweep.sampler import Point, Result
from landscape.sweep.signals import current
from landscape.sweep.watch import POINT
from landscape.sweep.work import Evaluate, as_work, compute_point, computing, failure_text

OnResult = Callable[[Point, Result], None]


class PointFailed(EvaluationError):
    """The evaluation of `point` raised an error."""

    def __init__(self, message: str, point: Point):
        super().__init__(message)
        self.point = point


class Stalled(EvaluationError):
    """A rank does not answer any more; waiting for it is in vain."""


class Executor(Protocol):
    leads: bool
    """Whether this process runs the sampler and keeps the results; the others only follow."""

    def map(self, evaluate: Evaluate, points: Sequence[Point], on_result: OnResult) -> None:
        """On the leader: evaluates all points and calls `on_result` for each result as it arrives.

        Raises:
            PointFailed: an evaluation raised an error, on any process.
        """

    def follow(self, evaluate: Evaluate) -> None:
        """On a follower: computes the tasks that it receives until the leader stops it."""

    def close(self, error: BaseException | None) -> None:
        """On the leader: stops the followers; with an error they stop at once."""


class SerialExecutor:
    """Computes the points in order, in this process."""

    leads = True

    def map(self, evaluate: Evaluate, points: Sequence[Point], on_result: OnResult) -> None:
        work, stop = as_work(evaluate), current()
        for point in points:
            POINT.start(computing(point))
            try:
                result = dict(compute_point(work, point))
            except Ending:
                raise
            except BaseException as error:  # also SystemExit
                stop.check()  # a library may have turned our own request into an error of its own
                raise PointFailed(failure_text(point, error), point) from error
            finally:
                POINT.stop()
            stop.check()  # the evaluation may have swallowed it, and then its result is worthless
            on_result(point, result)

    def follow(self, evaluate: Evaluate) -> None:
        raise AssertionError("a serial run has no followers")

    def close(self, error: BaseException | None) -> None:
        pass
