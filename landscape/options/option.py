"""One option: its default, its help, and how it is typed in the shell.

Owns: `Option`, groups of options as frozen dataclasses, and distributing keywords over groups. Knows no particular option
and loads no library, so that `landscape --help` is quick.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import numbers
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from landscape.errors import UsageError

G = TypeVar("G")
# What a plain annotation accepts, and how a message names it; an option whose annotation holds more is looked at by its reader.
PLAIN: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((numbers.Integral,), "a whole number"),
    "float": ((numbers.Real,), "a number"),
    "bool": ((bool, type(None)), "True or False"),
    "str": ((str,), "a text"),
    "Path": ((os.PathLike,), "a path"),
    "Sequence": ((Iterable,), "a list"),
    "None": ((type(None),), "None"),
}


@dataclass(frozen=True)
class Option:
    """How an option is typed in the shell. `flags` are `--name` unless given; the rest is as in `argparse`.

    `shell`: Python has no such keyword. `apart`: the printed lines get its value, the function does not.
    """

    help: str
    flags: tuple[str, ...] = ()
    metavar: str | None = None
    type: Callable[[str], Any] | None = None
    choices: tuple[str, ...] | None = None
    action: Any = None
    nargs: str | None = None
    shell: bool = False
    apart: bool = False

    def flags_of(self, name: str) -> tuple[str, ...]:
        return self.flags or (f"--{name.replace('_', '-')}",)

    def keywords(self) -> dict[str, Any]:
        """For `argparse.ArgumentParser.add_argument`."""
        given = {key: getattr(self, key) for key in ("help", "metavar", "type", "choices", "action", "nargs")}
        return {key: value for key, value in given.items() if value is not None}


class OptionRow(NamedTuple):
    """An option of a command: its name in Python, its default there, and the title of its group."""

    name: str
    default: Any
    option: Option
    group: str


def option(default: Any, help: str, *flags: str, **shell: Any) -> Any:
    """A field of a group of options; `shell` as in `Option`."""
    return dataclasses.field(default=default, metadata={"option": Option(help, flags, **shell)})


def flag(help: str, *flags: str, **shell: Any) -> Any:
    """A field that is off unless its flag is given."""
    return option(False, help, *flags, action="store_true", **shell)


def again(group: type, name: str, **changes: Any) -> Any:
    """The field of another group, with another default or another help."""
    known = next(field for field in dataclasses.fields(group) if field.name == name)
    default = changes.pop("default", known.default)
    return dataclasses.field(
        default=default, metadata={"option": dataclasses.replace(known.metadata["option"], **changes)}
    )


def rows_of(group: Any) -> Iterator[OptionRow]:
    """The rows of a group, in the order in which they are written."""
    for field in dataclasses.fields(group):
        yield OptionRow(field.name, field.default, field.metadata["option"], getattr(group, "title", ""))


class Given:
    """The given options, as an object of any group: `given[DataOptions].samples`."""

    def __init__(self, keywords: Mapping[str, Any]):
        self._keywords = dict(keywords)

    def __getitem__(self, group: type[G]) -> G:
        """The group with the given values; the rest have their defaults."""
        names = {row.name for row in rows_of(group)}
        return group(**{name: value for name, value in self._keywords.items() if name in names})

    def stated(self, names: Iterable[str]) -> dict[str, Any]:
        """Of the named options those that were given."""
        return {name: self._keywords[name] for name in names if name in self._keywords}


def texts_of(given: Given, groups: Sequence[type], without: Sequence[str] = ()) -> dict[str, str]:
    """Every option of the groups as text, given or not: what two processes with the same options have in common."""
    found = {}
    for group in groups:
        values: Any = given[group]
        for row in rows_of(group):
            if row.name not in without and not row.option.apart:
                found[row.name.replace("_", "-")] = _text(getattr(values, row.name))
    return found


def _text(value: Any) -> str:
    """The value, or the name of an object in memory, which has no text of its own."""
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(map(_text, value)) + ")"
    if value is None or isinstance(value, (str, numbers.Number)):
        return str(value)
    if isinstance(value, functools.partial):
        named = [f"{key}={_text(each)}" for key, each in value.keywords.items()]
        return f"partial({', '.join([_text(value.func), *map(_text, value.args), *named])})"
    name = getattr(value, "__qualname__", None) or type(value).__qualname__
    return f"{getattr(value, '__module__', '')}.{name}"


def check_names(function: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raises UsageError for a keyword that a function does not have, and names the nearest one that it has."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3, 0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it takes {', '.join(known)}"
            raise UsageError(f"{function} has no option '{name}'; {hint}")


def check_fields(function: str, given: Mapping[str, Any], groups: Sequence[type], types: Mapping[str, Any]) -> None:
    """Raises UsageError for a keyword that is in none of the `groups` (dataclasses) or `types`, or is of another type."""
    known = {field.name: field.type for group in groups for field in dataclasses.fields(group)} | dict(types)
    check_names(function, given, list(known))
    check_types(known, given)


def check_types(types: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raises UsageError for a value of another type than its annotation, as written, where that is one of plain types."""
    for name, value in given.items():
        parts = re.sub(r"\[[^]]*\]", "", str(types.get(name, "Any"))).split(" | ")
        if all(part in PLAIN for part in parts) and not any(_is_a(value, part) for part in parts):
            expected = " or ".join(PLAIN[part][1] for part in parts)
            raise UsageError(f"{name.replace('_', '-')} {shown(value)}: expected {expected}")
        if "float" in parts and isinstance(value, int) and abs(value) > sys.float_info.max:
            most = f"{sys.float_info.max:.2g}"
            raise UsageError(f"{name.replace('_', '-')} {shown(value)}: expected a number of at most {most}")


def _is_a(value: Any, part: str) -> bool:
    if isinstance(value, PLAIN[part][0]):
        return True
    # 0 and 1 are what a script may pass for a flag; numpy's truth values have no common class with Python's
    return part == "bool" and (
        type(value).__name__ in ("bool_", "bool") or (isinstance(value, int) and value in (0, 1))
    )


def shown(value: Any) -> str:
    """A value in a message: short ones in full, others by their type, whole numbers by their length."""
    kind = type(value).__name__
    if isinstance(value, int) and abs(value) > 10**80:  # Python writes no number of more than 4,300 digits
        return f"of about {round(value.bit_length() * math.log10(2)):,} digits"
    return (
        repr(value)
        if value is None or (isinstance(value, (str, numbers.Number)) and len(repr(value)) < 80)
        else f"of type {kind}"
    )


def check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Raises UsageError for a number out of its range; None, an option that is not given, passes."""
    if value is not None and not least <= value <= (value if most is None else most):
        limit = f"at least {least}" if most is None else f"{least} to {most}"
        raise UsageError(f"{name} {shown(value) if isinstance(value, int) else value}: expected {limit}")


def check_choices(group: Any) -> None:
    """Raises UsageError for a value that is not among the choices of its option; None may be a default."""
    for row in rows_of(group):
        value, choices = getattr(group, row.name), row.option.choices
        if choices and value != row.default and not isinstance(value, (list, tuple)) and value not in choices:
            shown = ", ".join(choices) if len(choices) > 2 else " or ".join(choices)
            expected = f"one of {shown}" if len(choices) > 2 else shown
            raise UsageError(f"{row.name.replace('_', '-')} '{value}': expected {expected}")
