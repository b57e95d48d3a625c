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
from landscape.errors import Interrupted, LandscapeError

RANGES = ("-x", "-y", "--x", "--y")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    arguments = join_ranges(list(sys.argv[1:] if argv is None else argv))
    given = vars(make_parser().parse_args(arguments))
    debug, command = given.pop("debug", False), COMMANDS[given.pop("command")]
    try:
        command.run(given)
        return 0
    except LandscapeError as error:
        return _failed(error, error.exit_status, debug)
    except KeyboardInterrupt as error:
        text = str(error) if isinstance(error, Interrupted) else "stopped by Ctrl-C"
        kept = "; all finished points are kept, run the same command to continue" if given.get("out") else ""
        return _failed(Interrupted(text + kept), 130, debug)
    except BrokenPipeError:  # the reader of our output has gone, as in `landscape info ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError as error:
        return _failed(
            LandscapeError(f"out of memory {error}; take fewer --samples or a smaller --batch-size"), 1, debug
        )
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        hint = "" if debug else " (--debug shows where)"
        return _failed(LandscapeError(f"unexpected {type(error).__name__}: {first}{hint}"), 1, debug)


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


def _failed(error: BaseException, status: int, debug: bool) -> int:
    if speaks():
        print(f"landscape: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
    if debug:
        import traceback

        traceback.print_exc()
    _end_busy_ranks(error, status)
    return status


def _end_busy_ranks(error: BaseException, status: int) -> None:
    """Followers still inside a long evaluation would keep the job alive; MPI_Abort ends them."""
    mpi = sys.modules.get("landscape.sweep.mpi")
    current: BaseException | None = sys.exc_info()[1]
    if mpi is not None and isinstance(current, mpi.FollowersBusy):
        from landscape.sweep.launch import connect

        mpi.abort(connect(), status)


if __name__ == "__main__":
    raise SystemExit(main())
