"""A command: one function of the Python interface that is also a command of the shell.

Owns: `Command`, the decorator that makes one of a function and its rows of options, and the signature and help that Python
shows. Knows no particular command; parsing and printing are the business of cli/.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from landscape.errors import UsageError
from landscape.made import one_run
from landscape.options.option import Given, Option, OptionRow, check_names, check_types, rows_of
from landscape.wording import Keyword, python_calls

# A result and the shell-only options -> the lines that the shell prints.
Lines = Callable[[Any, Mapping[str, Any]], Iterable[str]]
Keywords = dict[str, Any]
WIDTH = 112


class Positional(NamedTuple):
    """An argument without a flag; `nargs` as in argparse."""

    name: str
    metavar: str
    help: str
    nargs: str | None = None


@dataclass(frozen=True)
class Command:
    """What the shell needs to know about a function.

    Attributes:
        rows: its options, in the order of the help.
        lines: what is printed of a result.
        out: the output when none is given in the shell, from the positional arguments.
        picture: what `--plot` passes to `landscape.plot` for a result, or a list of these for several pictures. `surfaces` is the
            file of the result unless it is there; `suffix` of that file's name makes the picture's, and is .png by default.
        keeps: whether a run that is stopped keeps what was computed and is continued; None: where there is an output.
    """

    name: str
    help: str
    run: Callable[..., Any]
    rows: tuple[OptionRow, ...]
    lines: Lines
    positional: tuple[Positional, ...] = ()
    example: str = ""
    out: Callable[[Sequence[Any]], str | None] | None = None
    picture: Callable[[Any], Keywords | list[Keywords]] = lambda result: {}
    keeps: bool | None = None

    @property
    def continues(self) -> bool:
        """Whether a run that is stopped keeps what was computed."""
        return self.out is not None if self.keeps is None else self.keeps


def command(
    help: str,
    *groups: type,
    lines: Lines,
    rows: Mapping[str, Option] | None = None,
    without: Sequence[str] = (),
    **shell: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a command from a function, as its attribute `command`.

    With `groups` (dataclasses of options), the function takes `given: Given`, and Python sees a keyword for each option.
    With `rows`, the function's own keywords are options, and `rows` say how each is typed in the shell. `without` names
    options of the groups that this command lacks; `shell` are further fields of `Command`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(function).parameters
        own = tuple(
            OptionRow(name, parameters[name].default if name in parameters else None, option, "")
            for name, option in (rows or {}).items()
        )
        shared = _rows(groups, without)
        known = (*own, *shared)
        by_flag = _keywords(known)
        found = (
            _with_keywords(function, groups, shared, by_flag) if "given" in parameters else _named(function, by_flag)
        )
        found.command = Command(function.__name__, help, found, known, lines, **shell)  # type: ignore[attr-defined]
        return found

    return decorate


def _keywords(rows: Iterable[OptionRow]) -> dict[str, Keyword]:
    """What Python calls each flag."""
    return {
        flag: Keyword(
            row.name, row.option.action not in (None, "append"), tuple(map(str, row.option.choices or ())),
            row.option.metavar or "",
        )
        for row in rows if not row.option.shell for flag in row.option.flags_of(row.name)
    }  # fmt: skip


def _named(function: Callable[..., Any], keywords: Mapping[str, Keyword]) -> Callable[..., Any]:
    """The function with a message on keywords that it does not have."""
    own = list(inspect.signature(function).parameters.values())
    types = {parameter.name: parameter.annotation for parameter in own}

    @functools.wraps(function)
    def wrapper(*positional: Any, **given: Any) -> Any:
        with python_calls(keywords), one_run():
            check_names(function.__name__, given, list(types))
            _check_places(function.__name__, own, positional, given)
            check_types(types, given)
            return function(*positional, **given)

    return wrapper


def _check_places(
    function: str, own: Sequence[inspect.Parameter], positional: Sequence[Any], given: Mapping[str, Any]
) -> None:
    """Raises UsageError for more values without a name than the function takes, for one given twice, and for one left out."""
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in own):
        return
    placed = [parameter for parameter in own if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    names = [parameter.name for parameter in placed]
    if len(positional) > len(names):
        takes = f"only {' and '.join(names)} without a name" if names else "every value by its name"
        nets = any(hasattr(each, "state_dict") for each in positional)
        advice = "pass a net as model=..., its data as data=..." if nets else "pass several nets or files as one list"
        raise UsageError(f"{function} takes {takes}, got {len(positional)} values; {advice}, and options by name")
    if twice := [name for name in names[: len(positional)] if name in given]:
        raise UsageError(f"{function} got {twice[0]} twice, as a value without a name and as {twice[0]}=...; give one")
    for parameter in placed[len(positional) :]:
        if parameter.default is parameter.empty and parameter.name not in given:
            raise UsageError(f"{function} needs {parameter.name}; see help(landscape.{function})")


def _rows(groups: Sequence[type], without: Sequence[str]) -> tuple[OptionRow, ...]:
    """One row for each name, title by title: a later group replaces the row of an earlier one."""
    found = {row.name: row for group in groups for row in rows_of(group) if row.name not in without}
    titles = list(dict.fromkeys(row.group for row in found.values()))
    return tuple(sorted(found.values(), key=lambda row: titles.index(row.group)))


def _with_keywords(
    function: Callable[..., Any], groups: Sequence[type], rows: Sequence[OptionRow], by_flag: Mapping[str, Keyword]
) -> Callable[..., Any]:
    """The function with a keyword for each row in place of `given`."""
    signature = inspect.signature(function)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "given"]
    in_python = [row for row in rows if not row.option.shell]
    names = [row.name for row in in_python]
    types = {parameter.name: parameter.annotation for parameter in own}
    options = [parameter.name for parameter in own if parameter.kind is inspect.Parameter.KEYWORD_ONLY]
    types |= {field.name: field.type for group in groups for field in dataclasses.fields(group)}

    @functools.wraps(function)
    def wrapper(*positional: Any, **keywords: Any) -> Any:
        with python_calls(by_flag), one_run():
            check_types(types, keywords)
            passed = {parameter.name: keywords.pop(parameter.name) for parameter in own if parameter.name in keywords}
            check_names(function.__name__, keywords, [*options, *names])
            _check_places(function.__name__, own, positional, passed)
            return function(*positional, **passed, given=Given(keywords))

    added = [
        inspect.Parameter(row.name, inspect.Parameter.KEYWORD_ONLY, default=row.default, annotation=types[row.name])
        for row in in_python
    ]
    wrapper.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    wrapper.__doc__ = _documented(function.__doc__ or "", in_python)
    return wrapper


def _documented(text: str, rows: Sequence[OptionRow]) -> str:
    """A docstring with the options, group by group, after its own text."""
    parts, group = [inspect.cleandoc(text)], None
    for row in rows:
        if row.group != group:
            group = row.group
            parts.append(f"\nOptions ({group}):" if group else "\nOptions:")
        line = f"{row.name}: {row.option.help}"
        parts.append(textwrap.fill(line, WIDTH, initial_indent="    ", subsequent_indent=" " * 8))
    return "\n".join(parts) + "\n"
