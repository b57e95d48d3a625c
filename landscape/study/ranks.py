"""What all ranks do together: set up and agree, compute, and stop.

Owns: that no rank is left waiting for one that failed, and the life of the loop: the leader hands out points and keeps
results, the others follow, and an end on one rank ends it on all. On one process all of this is a plain call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from landscape.errors import LandscapeError, UsageError
from landscape.sweep.executor import Executor, SerialExecutor
from landscape.sweep.signals import interruptible
from landscape.sweep.work import Evaluate
from landscape.sweep.world import World

T = TypeVar("T")

_FILES = (
    "do all machines see the same files, and does the data loader give the same batches in every process (no shuffling, no "
    "random augmentation)?"
)
_ADVICE = {"options": "start every rank with the same command line"}


def together(world: World, action: Callable[[], T]) -> T:
    """The action's value, unless it failed on any rank: then all ranks raise, and none is left waiting."""
    if world.size == 1:
        return action()
    from landscape.sweep.mpi import agree

    problem: Exception | None = None
    found: list[T] = []
    try:
        found.append(action())
    except Exception as error:  # also a bug must not leave the others waiting
        problem = error
    try:
        agree(world, _text(problem))
    except LandscapeError as agreed:
        if isinstance(problem, UsageError):
            raise problem from None
        raise agreed from problem
    return found[0]


def shared(world: World, value: Callable[[], T]) -> T:
    """The leader's value, on all ranks."""
    if world.size == 1:
        return value()
    from landscape.sweep.mpi import broadcast

    return broadcast(world, value() if world.leads else None)


def check_same(world: World, marks: Mapping[str, str]) -> None:
    """Contract 2: every rank built the same from the same files; compared once by hash.

    Raises:
        LandscapeError: names what differs.
    """
    if world.size == 1:
        return
    from landscape.sweep.mpi import same_everywhere

    for what, mark in marks.items():
        if not same_everywhere(world, mark):
            raise LandscapeError(f"the ranks do not have the same {what}: {_ADVICE.get(what, _FILES)}")


def on_all_ranks(
    world: World,
    evaluator: Callable[[], Evaluate],
    lead: Callable[[Executor, Evaluate], None],
    *,
    shard: bool = False,
) -> None:
    """`lead(executor, evaluate)` on the leader, while the other ranks compute what it sends them.

    `evaluator` makes the work at a point, on every rank. With `shard` every point is divided among the ranks.
    """
    executor: Executor = SerialExecutor()
    if world.size > 1:
        from landscape.sweep.mpi import MPIExecutor

        executor = MPIExecutor(world, shard=shard)
    with interruptible(leads=world.leads):
        try:
            evaluate = evaluator()
        except KeyboardInterrupt as error:
            if world.leads:  # the others wait in a collective call and receive nothing; the job is aborted soon after
                executor.close(error)
            raise
        if not world.leads:
            executor.follow(evaluate)
            return
        try:
            lead(executor, evaluate)
        except BaseException as error:
            executor.close(error)
            raise
        executor.close(None)


def _text(problem: Exception | None) -> str | None:
    if problem is None or isinstance(problem, LandscapeError):
        return str(problem) if problem else None
    return f"{type(problem).__name__}: {problem}"
