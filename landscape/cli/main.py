"""Entry point of `landscape`.

Owns: running one command, its exit status, and one line for every error. Statuses: 0 done, 1 an error, 2 wrong usage,
130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from landscape.cli.output import complain, say, speaks
from landscape.cli.parser import parse
from landscape.errors import LandscapeError
from landscape.options.command import Command


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    command, given = parse(sys.argv[1:] if argv is None else argv)
    debug = given.pop("debug", False)
    try:
        perform(command, given)
        return 0
    except BrokenPipeError:  # the reader of our output has closed it, as in `landscape info ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        busy = type(error).__name__ == "StillBusy"
        cause = error.__cause__ if busy and error.__cause__ else error
        text, status = explained(cause, keeps=command.keeps or "out" in given, again=given.get("overwrite", False))
        complain(text)
        if debug:
            traceback.print_exception(cause)
        if busy:
            _abort(status)
        return status


def perform(command: Command, given: dict[str, Any]) -> None:
    """Calls the function, prints its lines on the result, and draws it on request. Fills in the default output."""
    apart = {row.name for row in command.rows if row.option.apart}
    shell = {name: given.pop(name) for name in apart if name in given}
    positional = [given.pop(argument.name) for argument in command.positional if argument.name in given]
    if command.out:
        given.setdefault("out", command.out(positional))
    result = command.run(*positional, **given)
    say(command.lines(result, {**shell, "out": given.get("out")}))
    if shell.get("draw") and command.picture and speaks():
        from landscape.recipes.plot import plot
        from landscape.study.study import Plan

        if isinstance(result, Plan):
            return
        source, suffix, kind = command.picture(result)
        files = plot(source, kind=kind, out=Path(source).with_suffix(suffix))
        say(plot.command.lines(files, {}))  # type: ignore[attr-defined]


def explained(error: BaseException, *, keeps: bool, again: bool = False) -> tuple[str, int]:
    """(one line, exit status) for an error that ended a command; `keeps`: it writes a file that can be continued."""
    if isinstance(error, LandscapeError):
        return str(error), error.exit_status
    if isinstance(error, KeyboardInterrupt):
        text = str(error) or "stopped by Ctrl-C"
        same = "the same command" + (" without --overwrite" if again else "")
        return text + (f"; what was computed is kept, run {same} to continue" if keeps else ""), 130
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "out of memory; take a smaller --batch-size or fewer --samples", 1
    first = (str(error).strip().splitlines() or [""])[0]
    return f"unexpected {type(error).__name__}: {first} (--debug shows where)", 1


def _abort(status: int) -> None:
    """Ends every rank of the job, also those inside a long evaluation."""
    from landscape.sweep import mpi
    from landscape.sweep.launch import connect

    mpi.abort(connect(), status)


if __name__ == "__main__":
    raise SystemExit(main())
