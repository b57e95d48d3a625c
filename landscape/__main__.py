"""`python -m landscape` is the command `landscape`.

Owns: that a process which cannot even load the command does not leave others waiting for it in the start of MPI; signals before
the command and while Python ends; and what must stand in the environment before torch is loaded.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType

# Threads of torch wait for each other at every layer. By default they spin for milliseconds, and keep the cores from the very
# threads that they wait for as soon as other work runs beside: training is then 3 to 30 times slower than with one thread.
WAITING = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
ASKED = ("OMP_WAIT_POLICY", *WAITING)


def main() -> int:
    """Runs one command and returns the exit status."""
    if not any(name in os.environ for name in ASKED):
        os.environ.update(WAITING)
    try:
        from landscape.cli.main import main
        from landscape.sweep.launch import connected
        from landscape.sweep.leaving import abort, end_now
        from landscape.sweep.signals import heeded, name_of
    except KeyboardInterrupt:  # before the handlers of signals stand
        from landscape.sweep.leaving import end_now

        end_now("stopped by Ctrl-C", 130)
    except Exception as error:
        from landscape.sweep.leaving import end_now

        end_now(f"the program does not load ({type(error).__name__}: {error}); install it again", 1)
    status: list[int] = []

    def around(number: int, frame: FrameType | None) -> None:
        """Before the command it stops the process; while Python ends it ends it at once, and the status stays."""
        if not status:
            end_now(f"stopped by {name_of(number)}", 130)
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        world = connected()
        if world is not None and world.size > 1:  # others may wait for it in the end of MPI
            abort(world, status[0])
        os._exit(status[0])

    for number in heeded():
        signal.signal(number, around)
    return main(ended=status.append)


if __name__ == "__main__":
    raise SystemExit(main())
