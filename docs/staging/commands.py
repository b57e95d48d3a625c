"""The command reference: a page for each command, made from its own rows of options.

Owns: how a row is written. What an option means at length stands in docs/options.md, which these pages lead to.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from landscape.cli.parser import find
from landscape.commands import COMMANDS
from landscape.options.command import Command, Positional
from landscape.options.option import OptionRow
from staging.links import ROOT

MANUAL = ROOT / "docs" / "options.md"
STATED = re.compile(r"\s*\(default:? ([^()]*)\)")


def pages() -> dict[str, str]:
    """All pages of the reference, by their place in the site."""
    return {"commands/index.md": index(), **{f"commands/{name}.md": page(find(name)) for name in COMMANDS}}


def index() -> str:
    """A table of all commands."""
    rows = [f"| [`landscape {name}`]({name}.md) | {escaped(find(name).help)} |" for name in COMMANDS]
    return (
        "# Commands\n\nThese pages are made from the tables of options of which the shell, `--help` and the Python "
        "functions are made. Options are explained in full in [options](../options.md).\n\n"
        "| command | what it does |\n|---|---|\n"
        + "\n".join(rows)
        + "\n\n```{toctree}\n:hidden:\n\n"
        + "\n".join(f"{name} <{name}>" for name in COMMANDS)
        + "\n```\n"
    )


def page(command: Command) -> str:
    """One command: how it is called, and its options group by group."""
    name, parts = (
        command.name,
        [f"# `landscape {command.name}`", escaped(command.help[:1].upper() + command.help[1:]) + "."],
    )
    words = " ".join(usage(argument) for argument in command.positional)
    parts.append(f"```text\nlandscape {name} {words}{' ' * bool(words)}[options]\n```")
    if command.example:
        parts.append(f"For example:\n\n```sh\n{command.example}\n```")
    parts.append(f"From Python: {{py:func}}`landscape.{name}`. At length: [options](../options.md#{section(name)}).")
    if command.positional:
        parts.append("## Arguments\n\n" + table(("argument", "what it is"), map(argument_cells, command.positional)))
    for group, rows in grouped(command.rows).items():
        title = f"Options: {group}" if group else "Options"
        parts.append(f"## {title}\n\n" + table(("option", "default", "meaning"), map(option_cells, rows)))
    parts.append("`--debug` shows the traceback of an error, `--help` prints these options.")
    return "\n\n".join(parts) + "\n"


def grouped(rows: tuple[OptionRow, ...]) -> dict[str, list[OptionRow]]:
    """The rows by the title of their group, in the order of the help."""
    found: dict[str, list[OptionRow]] = {}
    for row in rows:
        found.setdefault(row.group, []).append(row)
    return found


def usage(argument: Positional) -> str:
    """An argument as the first line of a help has it."""
    forms = {"?": "[{}]", "*": "[{} ...]", "+": "{} [...]"}
    return forms.get(argument.nargs or "", "{}").format(argument.metavar)


def table(titles: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    lines = [titles, ("---",) * len(titles), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def argument_cells(argument: Positional) -> tuple[str, str]:
    return f"`{argument.metavar}`", escaped(argument.help)


def option_cells(row: OptionRow) -> tuple[str, str, str]:
    """The flags with what they take, the default, and the meaning with a link to the manual."""
    flags, option = row.option.flags_of(row.name), row.option
    words = [f"`{flag}`" for flag in flags[:-1]] + [
        f"`{flags[-1]}{takes(row)}`".replace("|", r"\|")
    ]  # tables split code, too
    one_of = f" One of {', '.join(f'`{choice}`' for choice in option.choices)}." if option.choices else ""
    anchor = explained(row.name)
    more = f" [More](../options.md#{anchor})." if anchor else ""
    meaning = escaped(STATED.sub("", option.help))
    return ", ".join(words), default(row), meaning + "." * bool(one_of or more) + one_of + more


def takes(row: OptionRow) -> str:
    """What an option takes, as its help has it; nothing for a switch."""
    if row.option.action in ("store_true", argparse.BooleanOptionalAction):
        return ""
    return f" {row.option.metavar or ('NAME' if row.option.choices else row.name.upper().replace('_', '-'))}"


def default(row: OptionRow) -> str:
    """The default as the manual has it: the help's own words where it has some, else the value."""
    stated = STATED.search(row.option.help)
    if stated:
        return f"`{stated[1]}`" if stated[1] == _plain(row.default) else escaped(stated[1])
    if row.default is False:
        return "off"
    if row.default is None or row.default == ():
        return "none"
    return f"`{_plain(row.default)}`"


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def explained(name: str) -> str | None:
    """The heading of the manual that is about this option alone, as links to it are written."""
    titles = re.findall(r"^### (.*)$", MANUAL.read_text(), re.MULTILINE)
    return next((anchor(title) for title in titles if name in [word.replace(" ", "") for word in title.split(" and ")]
                 or name == title.replace(" ", "")), None)  # fmt: skip


def section(command: str) -> str:
    """The section of the manual that is about this command, as links to it are written."""
    for part in MANUAL.read_text().split("\n## ")[1:]:
        if re.search(rf"(?:^|\n)\W*`landscape {command}\b", part):
            return anchor(part.splitlines()[0])
    return "computing"


def anchor(title: str) -> str:
    """A heading as links to it are written."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def escaped(text: str) -> str:
    """Text that Markdown and its tables show letter by letter."""
    return re.sub(r"([\\`*_{}\[\]<>|$])", r"\\\1", text)
