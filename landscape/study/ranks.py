"""What all ranks do together: set up and agree, compute, and stop.

Owns: that no rank is left waiting for one that failed, and the life of the loop: the leader hands out points and keeps
results, the others follow, and an end on one rank ends it on all. On one process all of this is a plain call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from landscape.callables import contained, explain
from landscape.errors import LandscapeError, UsageError
from landscape.passing import report
from landscape.surfaces.same_net import NEAR, other_number
from landscape.sweep.executor import Executor, SerialExecutor
from landscape.sweep.meeting import PeerGone
from landscape.sweep.signals import current
from landscape.sweep.watch import SET_UP
from landscape.sweep.work import Evaluate
from landscape.sweep.world import World

T = TypeVar("T")

_FILES = (
    "do all machines see the same files, and does the data loader give the same batches in every process (no shuffling, no "
    "random augmentation)?"
)
_WORDS = "start every rank with the same command line"
# marks of what is read, not of what is asked for
BY_HASH = ("weights", "data", "directions", "run", "code")
# the mark that holds numbers, which may differ by rounding
VALUES, PRECISION = "values", "precision"
# the mark of imported modules, of which a rank may have some that another has not
MODULES = "modules"
SHORT = 24  # characters of a value that a message shows


def together(world: World, action: Callable[[], T]) -> T:
    """The action's value, unless it failed on any rank: then all ranks raise, and none is left waiting.

    A signal is not a failure to agree on: the others may be long in coming, and the job is to end now.
    """
    if world.size == 1:
        return _step(action)
    from landscape.sweep.mpi import agree

    problem: Exception | None = None
    found: list[T] = []
    try:
        found.append(_step(action))
    except Exception as error:  # also a bug must not leave the others waiting
        problem = error
        report(error)
    try:
        agree(world, _text(problem), usage=isinstance(problem, UsageError))
    except LandscapeError as agreed:
        if isinstance(problem, LandscapeError) and isinstance(agreed, PeerGone):  # because this rank failed
            raise problem from None
        if isinstance(problem, UsageError) and isinstance(agreed, UsageError):
            raise problem from None
        raise agreed from problem
    return found[0]


def shared(world: World, value: Callable[[], T]) -> T:
    """The leader's value, on all ranks; if the leader fails, all raise."""
    if world.size == 1:
        return value()
    from landscape.sweep.mpi import broadcast

    return broadcast(world, together(world, lambda: value() if world.leads else None))


def check_same(world: World, marks: Mapping[str, str]) -> None:
    """Contract 2: every rank built the same from the same files; compared by text or hash, in one call.

    Raises:
        LandscapeError: names what differs.
    """
    if world.size == 1:
        return
    from landscape.sweep.mpi import differing

    for what, rank, other, leaders in differing(world, marks):
        if what == VALUES:
            _check_values(json.loads(leaders or "{}"), json.loads(other or "{}"), rank)
            continue
        if what == MODULES:
            _check_modules(json.loads(leaders or "{}"), json.loads(other or "{}"), rank)
            continue
        short = max(len(other), len(leaders)) <= SHORT
        found = f" (rank 0 has {leaders or 'none'}, rank {rank} {other or 'none'})" if short else ""
        raise LandscapeError(f"the ranks do not have the same {what}{found}: {_FILES if what in BY_HASH else _WORDS}")


def _check_values(leaders: Mapping[str, Any], other: Mapping[str, Any], rank: int) -> None:
    """Raises LandscapeError where two ranks give other numbers on the first samples, by more than other processors do."""
    precision = str(leaders.get(PRECISION))
    first, second = ({name: n for name, n in each.items() if name != PRECISION} for each in (leaders, other))
    if found := other_number(first, second, NEAR.get(precision, NEAR["bf16"])):
        raise LandscapeError(
            f"the ranks do not compute the same: {found[0]} is {found[1]} on rank 0, {found[2]} on rank {rank}; does the net, "
            "the loss or the data read something of its process, such as the rank, a hash of a text, or unseeded random numbers?"
        )


def _check_modules(leaders: Mapping[str, list[str]], other: Mapping[str, list[str]], rank: int) -> None:
    """Raises LandscapeError where two ranks have imported another text under one name."""
    for name in sorted(leaders.keys() & other.keys()):
        (one, path), (another, its) = leaders[name], other[name]
        if one != another:
            raise LandscapeError(
                f"the ranks do not have the same code: module {name} is {path} on rank 0, and another text, {its}, on rank "
                f"{rank}; start every rank in the same folder, with the same PYTHONPATH and the same files"
            )


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
    if world.lockstep:
        from landscape.sweep.lockstep import LockstepExecutor

        executor = LockstepExecutor(world)
    elif world.size > 1:
        from landscape.sweep.mpi import MPIExecutor

        executor = MPIExecutor(world, shard=shard)
    evaluate = _step(evaluator)
    stop = current()
    stop.raises = world.size == 1  # among several, messages are being sent; they ask for a signal in between
    try:
        if not world.leads:
            executor.follow(evaluate)
            return
        try:
            lead(executor, evaluate)
        except BaseException as error:
            stop.answer()
            executor.close(error)
            raise
        executor.close(None)
    finally:
        stop.raises = True


def _step(action: Callable[[], T]) -> T:
    """A step of set-up on this rank, which calls a user's code."""
    with SET_UP.running("a step of the set-up"), contained():
        return action()


def _text(problem: Exception | None) -> str | None:
    if problem is None:
        return None
    return str(problem) if isinstance(problem, LandscapeError) else explain(problem)
