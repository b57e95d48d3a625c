"""Entry point of `landscape`.

Owns: parsing, the exit status, and that every error is one line. Statuses: 0 done, 1 an error, 2 wrong usage,
130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from landscape.cli.commands import COMMANDS, add_arguments
from landscape.cli.options import add_options
from landscape.cli.report import speaks
from landscape.errors import LandscapeError

RANGES = ("-x", "-y", "--x", "--y")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    arguments = join_ranges(list(sys.argv[1:] if argv is None else argv))
    given = vars(make_parser().parse_args(arguments))
    debug, command = given.pop("debug", False), COMMANDS[given.pop("command")]
    try:
        command.run(given)
        return 0
    except BrokenPipeError:  # the reader of our output has gone, as in `landscape info ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        busy = type(error).__name__ == "StillBusy"
        cause = error.__cause__ if busy and error.__cause__ else error
        text, status = explained(cause, keeps="out" in given, anew=given.get("overwrite", False))
        _say(text, cause if debug else None)
        if busy:
            _abort(status)
        return status


def explained(error: BaseException, *, keeps: bool, anew: bool = False) -> tuple[str, int]:
    """(one line, exit status) for whatever ended a command; `keeps` when it writes a file that can be continued."""
    if isinstance(error, LandscapeError):
        return str(error), error.exit_status
    if isinstance(error, KeyboardInterrupt):
        text = str(error) or "stopped by Ctrl-C"
        again = "the same command" + (" without --overwrite" if anew else "")
        return text + (f"; what was computed is kept, run {again} to continue" if keeps else ""), 130
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "out of memory; take a smaller --batch-size or fewer --samples", 1
    first = (str(error).strip().splitlines() or [""])[0]
    return f"unexpected {type(error).__name__}: {first} (--debug shows where)", 1


def join_ranges(arguments: list[str]) -> list[str]:
    """`-x -1:1:51` as `-x=-1:1:51`, because argparse takes a word with a leading minus for an option."""
    joined: list[str] = []
    for word in arguments:
        if joined and joined[-1] in RANGES and word.startswith("-"):
            joined[-1] = f"{joined[-1]}={word}"
        else:
            joined.append(word)
    return joined


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    import landscape

    parser = _Parser(prog="landscape", description="See the loss landscape of your neural network.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"landscape {landscape.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(
            name, help=command.help, description=command.help, epilog=command.epilog, allow_abbrev=False
        )
        add_arguments(sub, command)
        add_options(sub, command.options)
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


class _Parser(argparse.ArgumentParser):
    """Errors as one line with the next step, on the first rank only."""

    def error(self, message: str) -> None:  # type: ignore[override]
        if speaks():
            print(f"landscape: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def _say(text: str, error: BaseException | None) -> None:
    """One line on stderr from the first rank; the traceback of `error` from any."""
    if speaks():
        print(f"landscape: {' '.join(text.split())}", file=sys.stderr, flush=True)
    if error is not None:
        import traceback

        traceback.print_exception(error)


def _abort(status: int) -> None:
    """Ends every rank of the job, also those inside a long evaluation."""
    from landscape.sweep import mpi
    from landscape.sweep.launch import connect

    mpi.abort(connect(), status)


if __name__ == "__main__":
    raise SystemExit(main())
