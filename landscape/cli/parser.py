"""The parser of all commands, made from their rows of options.

Owns: how a row becomes an argument of argparse, the groups of `--help`, ranges with a leading minus, and what is said to a
word that no option has.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from landscape.commands import COMMANDS
from landscape.options.command import Command

# A number, or a list or range that begins with one.
OPTION = re.compile(r"-[a-z]|--[a-z][a-z0-9-]*")
NEGATIVE = re.compile(r"-(\d|\.\d|inf|nan)", re.IGNORECASE)
# What other tools call the number of points of an axis; here it is part of the range.
POINTS = ("resolution", "points", "grid", "num-points", "xnum", "ynum", "steps")
ON_RANGE = "the number of points is part of the range, such as -x -1:1:25; "
ON_FILE = "the grid is that of the file (landscape surface CKPT -x -1:1:25), and pictures mark its points where they are few; "


def find(name: str) -> Command:
    """The command of that name."""
    return getattr(importlib.import_module(f"landscape.recipes.{name}"), name).command


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    import landscape

    parser = _Parser(prog="landscape", description="See the loss landscape of your neural network.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"landscape {landscape.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for name in COMMANDS:
        command = find(name)
        epilog = f"example: {command.example}" if command.example else ""
        sub = commands.add_parser(name, help=command.help, description=command.help, epilog=epilog, allow_abbrev=False)
        add_arguments(sub, command)
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def add_arguments(parser: argparse.ArgumentParser, command: Command) -> None:
    """Positional arguments and options; an option that is not given keeps the function's default."""
    for name, metavar, help, nargs in command.positional:
        keywords: dict[str, Any] = {"metavar": metavar, "help": help}
        if nargs:
            keywords |= {"nargs": nargs} | ({"default": argparse.SUPPRESS} if nargs == "?" else {})
        parser.add_argument(name, **keywords)
    groups: dict[str, Any] = {"": parser}
    for row in command.rows:
        if row.group not in groups:
            groups[row.group] = parser.add_argument_group(row.group)
        flags, keywords = row.option.flags_of(row.name), row.option.keywords()
        groups[row.group].add_argument(*flags, dest=row.name, default=argparse.SUPPRESS, **keywords)


def join_ranges(arguments: list[str]) -> list[str]:
    """`-x -1:1:51` as `-x=-1:1:51`, because argparse reads most words with a leading minus as an option, also `-1e9`."""
    joined: list[str] = []
    for word in arguments:
        if joined and OPTION.fullmatch(joined[-1]) and NEGATIVE.match(word):
            joined[-1] = f"{joined[-1]}={word}"
        else:
            joined.append(word)
    return joined


def parse(arguments: Sequence[str]) -> tuple[Command, dict[str, Any]]:
    """The command, and its arguments as keywords."""
    found, unknown = make_parser().parse_known_args(join_ranges(list(arguments)))
    given = vars(found)
    name = given.pop("command")
    command = find(name)
    if unknown:
        raise WrongUsage(
            f"unrecognized arguments: {' '.join(unknown)}; {meant(command, unknown)}landscape {name} --help"
        )
    return command, given


def meant(command: Command, unknown: Sequence[str]) -> str:
    """What the options among the unknown words may mean, up to the name of the help that follows."""
    flags = [flag for row in command.rows for flag in row.option.flags_of(row.name)]
    options = [word.split("=")[0].lower().replace("_", "-") for word in unknown if word.startswith("-")]
    advice = ON_RANGE if "-x" in flags else ON_FILE if "--kind" in flags else ""
    counts = {option for option in options if advice and option.lstrip("-") in POINTS}
    named = {flag.lstrip("-"): flag for flag in flags}  # the dashes make any two words look alike
    sought = [option.lstrip("-") for option in options if option not in counts]
    near = [named[each] for word in sought for each in difflib.get_close_matches(word, named, 3, 0.7)]
    return (advice if counts else "") + (f"did you mean {' or '.join(dict.fromkeys(near))}? See " if near else "see ")


class WrongUsage(SystemExit):
    """The words cannot be parsed; `text` is the one line to say."""

    def __init__(self, text: str):
        super().__init__(2)
        self.text = text


class _Parser(argparse.ArgumentParser):
    """Errors as one line with the next step."""

    def error(self, message: str) -> NoReturn:
        raise WrongUsage(f"{message}; {_near(message)}see {self.prog} --help")


def _near(message: str) -> str:
    """What a word that is none of the choices may mean."""
    found = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
    near = difflib.get_close_matches(found[1], re.findall(r"[\w-]+", found[2]), 2, 0.7) if found else []
    return f"did you mean {' or '.join(near)}? Otherwise " if near else ""
