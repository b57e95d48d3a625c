"""How this process ends, so that it never ends in silence while other ranks wait for it.

Owns: the end of a process from any thread, `os._exit` in a user's code, and the end of a Python program of the user's own that
ran under mpiexec. The launcher ends a job when one of its processes is killed, but not when one returns: it would wait in MPI's
own end for the others. Before MPI has started, it ends the job only if a process dies by a signal.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from landscape.errors import Interrupted
from landscape.printable import printable
from landscape.sweep.launch import connect, connected, launched_rank, launched_size
from landscape.sweep.meeting import leave
from landscape.sweep.signals import Stop, current, heeded, interruptible
from landscape.sweep.watch import Watch
from landscape.sweep.world import World

# How long the end of a process waits for a file that is being written.
SAVING_SECONDS = 5.0
# How long a rank waits in MPI's start for the others: large jobs on slow disks take minutes to load Python.
START_SECONDS = 300
_exit = os._exit


def complain(text: str) -> None:
    """One line on stderr."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"landscape: {printable(' '.join(text.split()))}\n")
        sys.stderr.flush()


def from_rank(text: str) -> str:
    """The text with this rank, if there are several and the text does not begin with one."""
    size = launched_size()
    return text if size < 2 or text.startswith("rank ") else f"rank {launched_rank()} of {size}: {text}"


def connect_early() -> None:
    """Starts MPI, if a launcher started several processes, before anything else can fail on this one alone.

    A signal that comes meanwhile ends the process as if it had no handler: MPI's start waits inside a library. So does an alarm,
    for a rank that ended before it came here may be waited for without an end, as one whose Python got SIGINT while it started.
    Errors are left to the command that needs MPI.
    """
    if launched_size() < 2:
        return
    here = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (*heeded(), signal.SIGALRM) if here}
    try:
        if here:
            signal.alarm(START_SECONDS)
        with contextlib.suppress(Exception):
            connect()
    finally:
        if here:
            signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)


def part(status: int, speak: Callable[[], None] | None = None, *, waits: bool = True) -> int:
    """This rank has done its part, or failed: returns when all others come to their end too, else ends the job.

    Returns the exit status that all ranks end with. `speak` says why it failed, if no other rank does. Without `waits` the job
    ends at once.
    """
    world = connected()
    if speak and not (waits and world is not None and world.size > 1):
        speak()
    if world is None and launched_size() > 1 and status:
        _end_without_mpi()
    if world is None or world.size == 1:
        return status
    if not waits:
        abort(world, status)
    stop = current()
    try:
        stop.raises = world.leads and not status  # the leader may still wait for a rank that does not end
        return leave(world, status, speak, lambda code: abort(world, code))
    except BaseException as error:
        complain(str(error))
        abort(world, status or 130)
    finally:
        stop.raises = False
    return status


def abort(world: World, status: int) -> None:
    """Ends every rank of the job at once."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    world.meeting.Abort(status)


def end_now(text: str, status: int) -> None:
    """Ends the process with one line, from any thread; under MPI the job."""
    complain(from_rank(text))
    world = connected()
    if world is not None and world.size > 1:
        abort(world, status)
    elif launched_size() > 1:
        _end_without_mpi()
    _exit(status)


def _end_without_mpi() -> None:
    """Others may wait in the start of MPI for this process. Only a death by a signal makes the launcher end them."""
    if sys.modules.get("mpi4py.MPI") is None:
        if threading.current_thread() is not threading.main_thread():  # only that one may change what SIGTERM does
            os.kill(os.getpid(), signal.SIGKILL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def guarded(*, forces: bool, end: Callable[[str, int], None] = end_now, raises: bool = True) -> Iterator[Stop]:
    """Around a run: signals stop it, and no call in it can end the process in silence.

    `forces`: end the process when its main thread does not answer a signal. `raises`: see `interruptible`. Inside another such
    block it does nothing new.
    """

    @contextlib.contextmanager
    def watched(stop: Stop) -> Iterator[None]:
        def save_and_end(text: str, status: int) -> None:
            if stop.saves and stop.writing.acquire(timeout=SAVING_SECONDS):
                with contextlib.suppress(Exception):  # what was saved before is on disk anyway
                    stop.saves()
            end(text, status)

        with Watch(stop, save_and_end, forces=forces), _no_silent_exit(save_and_end), _swallowed_in_silence():
            yield

    with interruptible(watched=watched, raises=raises) as stop:
        yield stop


@contextlib.contextmanager
def _no_silent_exit(end: Callable[[str, int], None]) -> Iterator[None]:
    """Within the block `os._exit` says that it was called; a launcher would take status 0 for success."""
    process, before = os.getpid(), os._exit

    def spoken(status: int) -> None:
        if os.getpid() == process:  # a forked child ends by it as a matter of course
            end(f"os._exit({status}) was called in the code of the model, data or loss", status or 1)
        before(status)

    os._exit = spoken  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = before


@contextlib.contextmanager
def _swallowed_in_silence() -> Iterator[None]:
    """Within the block Python writes no traceback of a request to stop that it swallowed; it is raised again (signals.py)."""
    before = sys.unraisablehook

    def report(found: Any) -> None:
        if not (found.exc_type and issubclass(found.exc_type, Interrupted)):
            before(found)

    sys.unraisablehook = report
    try:
        yield
    finally:
        sys.unraisablehook = before


def guard_program() -> None:
    """A user's program that runs under mpiexec: when it ends on one rank, by an error or `sys.exit`, the others do not hang."""
    process, hook, failed = os.getpid(), sys.excepthook, [0]

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        hook(kind, error, trace)
        failed[0] = 130 if issubclass(kind, KeyboardInterrupt) else 1

    def ended() -> None:
        if os.getpid() == process:
            part(failed[0])

    sys.excepthook = report
    atexit.register(ended)
