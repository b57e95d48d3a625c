"""The command line is the library: both take the same options with the same defaults, from the same rows."""

from __future__ import annotations

import argparse
import inspect

import pytest

import landscape
from landscape.cli.parser import add_arguments, find
from landscape.commands import COMMANDS

# on the command line only: what to do with the result, not what to compute
NOT_KEYWORDS = {"draw", "json", "debug"}


each_command = pytest.mark.parametrize("name", COMMANDS)


def destinations(command: str) -> set[str]:
    """Where the shell puts the options of a command, but for those that are not passed to its function."""
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser, find(command))
    positional = {argument.name for argument in find(command).positional}
    return {action.dest for action in parser._actions} - NOT_KEYWORDS - positional


def keywords(command: str) -> dict[str, object]:
    """The keyword-only parameters of a function of the Python interface, with their defaults."""
    parameters = inspect.signature(getattr(landscape, command)).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


@each_command
def test_python_takes_what_the_shell_takes(name):
    positional = (
        {"model"} if name in ("train", "instability") else set()
    )  # an option in the shell, the first argument in Python
    assert destinations(name) - positional == set(keywords(name)) and positional <= destinations(name)


@each_command
def test_python_and_the_shell_have_the_same_defaults(name):
    assert keywords(name) == {row.name: row.default for row in find(name).rows if row.name in keywords(name)}


@pytest.mark.parametrize("name", ["surface", "line", "hessian", "spectrum", "train"])
def test_help_in_python_shows_every_option_with_its_text(name):
    text = " ".join(getattr(landscape, name).__doc__.split())
    for row in find(name).rows:
        if row.name in keywords(name):
            assert f"{row.name}: {' '.join(row.option.help.split())}" in text


def test_an_unknown_option_in_python_names_the_nearest():
    with pytest.raises(landscape.UsageError, match=r"surface has no option 'sample'; did you mean samples"):
        landscape.surface("a.pt", sample=3)
