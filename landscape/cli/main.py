"""Entry point of `landscape`.

Owns: running one command, its exit status, and one line for every error, from one rank. Statuses: 0 done, 1 an error, 2 wrong
usage, 130 interrupted. How a process ends among several is the business of sweep/leaving.py.
"""

from __future__ import annotations

import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from landscape.atomic import files_placed
from landscape.callables import FULL, contained, message_of
from landscape.cli.output import say, speaks
from landscape.cli.parser import WrongUsage, parse
from landscape.errors import Interrupted, LandscapeError, Notice, UntrustedError
from landscape.options.command import Command
from landscape.printable import printable
from landscape.sweep.leaving import complain, connect_early, end_now, from_rank, guarded, part
from landscape.wording import shell_runs


def main(argv: Sequence[str] | None = None, *, ended: Callable[[int], object] = lambda status: None) -> int:
    """Runs one command and returns the exit status, with which `ended` is called as soon as nothing can change it."""
    connect_early()
    warnings.showwarning = _show
    run = _Run()
    with guarded(forces=True, end=run.end, raises=False) as stop:
        try:
            stop.raises = True
            stop.check()  # what came before this block could answer it
            status, speak = run.do(sys.argv[1:] if argv is None else argv), None
            stop.raises = False  # the command is done, at least on this rank
        except BaseException as error:
            stop.raises = False  # why it ended is known; another rank may have passed the signal on before it came here
            stop.answer()
            status, speak = run.failed(error)
        status = part(status, speak, waits=not run.busy)
        ended(status)
    return status


def _show(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    """A warning of ours without the line of code that warned; those of libraries as they are."""
    ours = issubclass(category, Notice)
    text = (
        f"landscape: {printable(str(message))}"
        if ours
        else warnings.formatwarning(message, category, filename, lineno, line).rstrip()
    )
    print(text, file=file or sys.stderr)


class _Run:
    """One command, and the message with which it ends."""

    def __init__(self) -> None:
        self.debug = self.keeps = self.again = self.passes = False
        self.words: list[str] = []
        self._files = files_placed()
        self.busy = False
        """A rank goes on computing after an error; only the end of the job ends it."""

    def do(self, words: Sequence[str]) -> int:
        self.words = list(words)
        command, given = parse(words)
        self.passes = any(row.name == "batch_size" for row in command.rows)
        self.debug = given.pop("debug", False)
        self.keeps, self.again = command.continues, given.get("overwrite", False)
        try:
            with contained(), shell_runs():
                perform(command, given)
        except BrokenPipeError:  # the reader of our output has closed it, as in `landscape info ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0

    def failed(self, error: BaseException) -> tuple[int, Callable[[], None] | None]:
        """The exit status, and what says why; None when there is nothing to say, or another rank says it."""
        self.busy = type(error).__name__ == "StillBusy"
        cause = error.__cause__ if self.busy and error.__cause__ else error
        if isinstance(cause, SystemExit) and not isinstance(cause, WrongUsage):
            return 0, None  # --help, --version
        begun = files_placed() > self._files or not speaks()  # another rank may have written some
        text, status = explained(cause, keeps=self.keeps, again=self.again, passes=self.passes, begun=begun)
        if isinstance(cause, UntrustedError):
            text += f"; the whole command: {shlex.join(['landscape', *self.words, *cause.options])}"
        if getattr(cause, "silent", False):
            return status, None

        def speak() -> None:
            complain(text if speaks() else from_rank(text))
            if self.debug:
                for line in "".join(traceback.format_exception(cause)).splitlines():
                    print(printable(line), file=sys.stderr)

        return status, speak

    def end(self, text: str, status: int) -> None:
        """Ends the process at once, also from another thread."""
        end_now(explained(Interrupted(text), keeps=self.keeps, again=self.again)[0] if status == 130 else text, status)


def perform(command: Command, given: dict[str, Any]) -> None:
    """Calls the function, prints its lines on the result, and draws it on request. Fills in the default output."""
    apart = {row.name for row in command.rows if row.option.apart}
    shell = {name: given.pop(name) for name in apart if name in given}
    positional = [given.pop(argument.name) for argument in command.positional if argument.name in given]
    if command.out:
        given.setdefault("out", command.out(positional))
    result = command.run(*positional, **given)
    say(command.lines(result, {**shell, "out": given.get("out")}))
    if shell.get("draw") and speaks():
        from landscape.recipes.plot import plot
        from landscape.study.study import Plan

        if isinstance(result, Plan):
            return
        pictures = command.picture(result)
        for keywords in pictures if isinstance(pictures, list) else [pictures]:
            source, suffix = keywords.pop("surfaces", None) or result.source, keywords.pop("suffix", ".png")
            first = source[0] if isinstance(source, list) else source
            files = plot(source, **keywords, out=Path(first).with_suffix(suffix))
            say(plot.command.lines(files, {}))  # type: ignore[attr-defined]


def explained(
    error: BaseException, *, keeps: bool, again: bool = False, passes: bool = True, begun: bool = True
) -> tuple[str, int]:
    """(one line, exit status) for an error that ended a command; `keeps`: it writes a file that can be continued.

    `again`: it was to replace that of an earlier run. `passes`: it passes samples through a net. `begun`: it has written a file.
    """
    if isinstance(error, WrongUsage):
        return error.text, 2
    if isinstance(error, LandscapeError):
        return str(error), error.exit_status
    if isinstance(error, KeyboardInterrupt):
        text = str(error) or "stopped by Ctrl-C"
        if keeps and not begun:
            return f"{text}; nothing new was written, run the same command again", 130
        same = "the same command" + (" without --overwrite" if again else "")
        kept = getattr(error, "kept", None) or "what was computed is kept"
        return text + (f"; {kept}, run {same} to continue" if keeps else ""), 130
    said = message_of(error)
    if isinstance(error, MemoryError) or "out of memory" in said.lower():
        fewer = (
            "take a smaller --batch-size, fewer --samples or fewer points" if passes else "give fewer or smaller files"
        )
        where = "out of memory" if type(error).__name__ != "OutOfMemoryError" else FULL
        return f"{where}; {fewer}", 1
    first = (said.strip().splitlines() or [""])[0]
    return f"unexpected {type(error).__name__}: {first} (--debug shows where)", 1


if __name__ == "__main__":
    raise SystemExit(main())
