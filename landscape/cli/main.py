"""Entry point of `landscape`.

Owns: running one command, its exit status, and one line for every error. Statuses: 0 done, 1 an error, 2 wrong usage,
130 interrupted.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from landscape.cli.output import complain, say, show_traceback, speaks
from landscape.cli.parser import parse
from landscape.errors import LandscapeError, UntrustedError
from landscape.options.command import Command


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    command, given = parse(words)
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
        text, status = explained(cause, command, given)
        if isinstance(cause, UntrustedError):
            text += f"; the whole command: {shlex.join(['landscape', *words, *cause.options])}"
        complain(text)
        if debug:
            show_traceback(cause)
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


def explained(error: BaseException, command: Command, given: dict[str, Any]) -> tuple[str, int]:
    """(one line, exit status) for an error that ended a command."""
    if isinstance(error, LandscapeError):
        return str(error), error.exit_status
    if isinstance(error, KeyboardInterrupt):
        text = str(error) or "stopped by Ctrl-C"
        same = "the same command" + (" without --overwrite" if given.get("overwrite") else "")
        keeps = command.keeps or "out" in given
        return text + (f"; what was computed is kept, run {same} to continue" if keeps else ""), 130
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        passes = any(row.name == "batch_size" for row in command.rows)
        advice = (
            "take a smaller --batch-size, fewer --samples or fewer points" if passes else "give fewer or smaller files"
        )
        return f"out of memory; {advice}", 1
    first = (str(error).strip().splitlines() or [""])[0]
    return f"unexpected {type(error).__name__}: {first} (--debug shows where)", 1


def _abort(status: int) -> None:
    """Ends every rank of the job, also those inside a long evaluation."""
    from landscape.sweep import mpi
    from landscape.sweep.launch import connect

    mpi.abort(connect(), status)


if __name__ == "__main__":
    raise SystemExit(main())
