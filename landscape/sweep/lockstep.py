"""The executor for a net that is divided among the ranks: all of them evaluate every point, together and in the same order.

Owns: that no rank begins a point which the others do not begin. A pass gathers weights from all ranks, so one that is missing
would hold up the others. Knows no torch: the messages are those of the world's communicator.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from landscape.errors import LandscapeError
from landscape.sweep.executor import OnResult, SerialExecutor
from landscape.sweep.meeting import PATIENCE_SECONDS, PeerLeft, meet
from landscape.sweep.mpi import broadcast
from landscape.sweep.sampler import Point, Result
from landscape.sweep.signals import current
from landscape.sweep.work import Evaluate
from landscape.sweep.world import World

NOTHING: Point | None = None
LEAVING = 1  # the exit status of a rank that ends with an error


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
            SerialExecutor().map(evaluate, [point], on_result)

    def follow(self, evaluate: Evaluate) -> None:
        """Raises PeerLeft when the leader ended with an error; where the same evaluation fails here, that error."""
        try:
            while (point := broadcast(self.world, NOTHING)) is not None:
                SerialExecutor().map(evaluate, [point], _drop)
        except PeerLeft:
            current().check()
            raise
        except BaseException as error:
            self.close(error)
            raise

    def close(self, error: BaseException | None) -> None:
        """Also on a follower at which a point failed: then it usually failed on every rank, and they part together."""
        if error is None:
            broadcast(self.world, NOTHING)
            return
        with contextlib.suppress(LandscapeError):  # the error at hand says more
            meet(self.world, LEAVING, PATIENCE_SECONDS)


def _drop(point: Point, result: Result) -> None:
    pass
