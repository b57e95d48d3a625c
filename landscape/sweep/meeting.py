"""Where ranks wait for each other, and where they part.

Owns: `meet`, after which every rank knows that all others have come, or that one of them is leaving; and `leave`, by which a
rank that ends for any reason takes the others with it. Waiting means polling with short sleeps, so that a signal is answered and
no core is busy. Loads no MPI: communicators are those of a `World`.

Every collective call of mpi.py comes after a meeting. So no rank enters one that another will not enter, and leaving is one more
meeting, in which a rank says so.
"""

from __future__ import annotations

import contextlib
import time
from array import array
from collections.abc import Callable, Iterator
from typing import Any

from landscape.errors import Interrupted, LandscapeError
from landscape.sweep.waiting import patience_of
from landscape.sweep.watch import SET_UP, allowed
from landscape.sweep.world import World

HERE = -1  # the others are: an exit status, plus SILENT if another rank says why
SILENT = 256
# A rank that leaves with an error gives the others this long to come to the same end; then the job is aborted.
PATIENCE_SECONDS = 3.0
MAX_PAUSE = 0.02

_unanswered: list[Any] = []  # requests given up by a signal: MPI still holds their buffers
_stopped: list[str] = []  # by what a call was stopped in the middle of what all ranks do together


class PeerGone(LandscapeError):
    """What all ranks do together cannot go on, because of another rank."""


class PeerLeft(PeerGone):
    """Another rank has left the run; it said why if its status is not 0."""

    def __init__(self, rank: int, size: int, status: int):
        advice = "see what it said" if status else "start every rank with the same command"
        super().__init__(f"rank {rank} of {size} has ended with status {status} while others go on; {advice}")
        self.silent, self.exit_status = status != 0, status or 1


@contextlib.contextmanager
def noting_stops(world: World) -> Iterator[None]:
    """Around a call: by a request to stop it ends at another place on each rank, which `refuse_after_stop` remembers."""
    try:
        yield
    except KeyboardInterrupt as error:
        if world.size > 1:
            _stopped.append(str(error) if isinstance(error, Interrupted) else "stopped by Ctrl-C")
        raise


def refuse_after_stop(world: World) -> None:
    """For a program that catches Ctrl-C and goes on: what its ranks do next would be taken for what others still do.

    Raises:
        LandscapeError: a call of this process was stopped before, and there are several ranks.
    """
    if world.size > 1 and _stopped:
        raise LandscapeError(
            f"an earlier call was {_stopped[0]}, at another place on each of the {world.size} ranks, so no further call can go "
            "on from there; start the program again, which continues the files that it writes"
        )


def meet(world: World, code: int = HERE, patience: float | None = None) -> list[int] | None:
    """The codes of all ranks, once all are here; None when that takes longer than `patience` seconds."""
    mine, everyone = array("i", [code]), array("i", [0] * world.size)
    request = world.meeting.Iallgather(mine, everyone)
    _unanswered.append((request, mine, everyone))
    pause, deadline = MAX_PAUSE / 256, None if patience is None else time.monotonic() + patience
    with SET_UP.paused():
        while not request.Test():
            if deadline is not None and time.monotonic() > deadline:
                return None
            time.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE)
    _unanswered.pop()
    return list(everyone)


def gather_here(world: World) -> None:
    """Returns when all ranks have come.

    Raises:
        PeerLeft: one of them is leaving instead. LandscapeError: one does not come, under `--stall`.
    """
    stall = allowed()
    patience = (
        None if stall is None else patience_of(world.rank, stall)
    )  # a rank whose step takes too long says so itself
    codes = meet(world, patience=patience)
    if codes is None:
        raise LandscapeError(
            f"another rank has not come for {patience:g} s (--stall {stall:g}); it is stopped or stuck"
        )
    if left := [(rank, code) for rank, code in enumerate(codes) if code != HERE]:
        rank, code = max(left, key=lambda each: each[1] % SILENT)
        raise PeerLeft(rank, world.size, code % SILENT)


def leave(world: World, status: int, speak: Callable[[], None] | None, abort: Callable[[int], None]) -> int:
    """Returns the exit status of the job when every rank is leaving; otherwise, after an error, ends it with `abort(status)`.

    `speak` says why this rank leaves; of several ranks that leave together the first says it, and its status is that of all:
    a launcher makes one of different ones, such as 3 of 1 and 2.
    """
    if speak and world.leads:
        speak()
    code = status if speak or not status else status + SILENT
    deadline = time.monotonic() + PATIENCE_SECONDS if status else None
    while True:
        codes = meet(world, code, None if deadline is None else max(0.0, deadline - time.monotonic()))
        if codes is None:
            if speak and not world.leads:
                speak()
            abort(status)
            return status
        if HERE not in codes:
            break
    if speak and not world.leads and not any(0 < other < SILENT for other in codes[: world.rank]):
        speak()
    return next((code for code in codes if 0 < code < SILENT), max(code % SILENT for code in codes))
