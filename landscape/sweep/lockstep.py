"""The executor for a net that is divided among the ranks: all of them evaluate every point, together and in the same order.

Owns: that no rank begins a point which the others do not begin. A pass gathers weights from all ranks, so one that is missing
would hold up the others. Knows no torch: the messages are those of the world's communicator.
"""

from __future__ import annotations

from collections.abc import Sequence

from landscape.sweep.executor import OnResult, PointFailed, SerialExecutor
from landscape.sweep.meeting import PeerGone, PeerLeft
from landscape.sweep.mpi import broadcast
from landscape.sweep.sampler import Point, Result
from landscape.sweep.signals import current
from landscape.sweep.work import Evaluate
from landscape.sweep.world import World

NOTHING: Point | None = None


class LockstepExecutor:
    """Computes each point on all ranks of a world; the results are the leader's."""

    def __init__(self, world: World):
        self.world = world
        self.leads = world.leads

    def map(self, evaluate: Evaluate, points: Sequence[Point], on_result: OnResult) -> None:
        stop = current()
        for point in points:
            stop.check()
            broadcast(self.world, point)
            _compute(evaluate, point, on_result)

    def follow(self, evaluate: Evaluate) -> None:
        """Raises PeerLeft when the leader ended with an error; where the same evaluation fails here, that error."""
        try:
            while (point := broadcast(self.world, NOTHING)) is not None:
                _compute(evaluate, point, _drop)
        except PeerLeft:
            current().check()
            raise

    def close(self, error: BaseException | None) -> None:
        """After an error nothing: all ranks part in the same way, wherever it came (study/process_group.py)."""
        if error is None:
            broadcast(self.world, NOTHING)


def _compute(evaluate: Evaluate, point: Point, on_result: OnResult) -> None:
    """Raises PointFailed; PeerGone where the evaluation failed because of another rank, which says nothing of the point."""
    try:
        SerialExecutor().map(evaluate, [point], on_result)
    except PointFailed as failure:
        if isinstance(failure.__cause__, PeerGone):
            raise failure.__cause__ from failure.__cause__.__cause__
        raise


def _drop(point: Point, result: Result) -> None:
    pass
