"""Who computes the points: the interface, and the executor that does them here, one after another.

Owns: `Executor` and `SerialExecutor`. Many processes are the business of mpi.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from landscape.errors import EvaluationError
from landscape.sweep.hand import failure_text
from landscape.sweep.parts import Work, as_work, whole
from landscape.sweep.sampler import Point, Result

# work that can be divided, or a plain function of the coordinates
Evaluate = Work | Callable[[tuple[float, ...]], Result]
OnResult = Callable[[Point, Result], None]


class PointFailed(EvaluationError):
    """An evaluation raised; `point` is where."""

    def __init__(self, message: str, point: Point):
        super().__init__(message)
        self.point = point


class Executor(Protocol):
    leads: bool
    """Whether this process asks the sampler and keeps the results; the others only follow."""

    def map(self, evaluate: Evaluate, points: Sequence[Point], on_result: OnResult) -> None:
        """Evaluates all points; on the leader, `on_result` is called for each as it comes.

        Raises:
            PointFailed: an evaluation raised, on whichever process.
        """

    def follow(self, evaluate: Evaluate) -> None:
        """On a process that does not lead: computes what it is given until the leader says stop."""

    def close(self, error: BaseException | None) -> None:
        """On the leader: lets the followers go; with an error they stop at once."""


class SerialExecutor:
    """Does the points in order, in this process."""

    leads = True

    def map(self, evaluate: Evaluate, points: Sequence[Point], on_result: OnResult) -> None:
        work = as_work(evaluate)
        for point in points:
            try:
                result = dict(whole(work, point.coords))
            except Exception as error:
                raise PointFailed(failure_text(point, error), point) from error
            on_result(point, result)

    def follow(self, evaluate: Evaluate) -> None:
        raise AssertionError("a serial run has no followers")

    def close(self, error: BaseException | None) -> None:
        pass
