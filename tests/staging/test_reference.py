"""docs/staging/commands.py and api.py: the reference has every command, option and public name, as the program has them."""

from __future__ import annotations

import re

import pytest
from staging import api, commands
from staging.commands import anchor, escaped

import landscape
from landscape.cli.parser import find
from landscape.commands import COMMANDS

each_command = pytest.mark.parametrize("name", COMMANDS)


def rows_of(name: str) -> dict[str, list[str]]:
    """The rows of the tables of a command's page, as cells, by the last flag of the first cell."""
    lines = [line for line in commands.page(find(name)).splitlines() if line.startswith("| `-")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {re.findall(r"`(-+[\w-]+)", row[0])[-1]: row for row in cells}


@each_command
def test_a_page_has_every_option_with_its_default_and_help(name):
    rows = rows_of(name)
    for row in find(name).rows:
        flags, default, meaning = rows.pop(row.option.flags_of(row.name)[-1])
        assert all(f"`{flag}" in flags for flag in row.option.flags_of(row.name))
        assert default and meaning
        helped = escaped(commands.STATED.sub("", row.option.help))
        assert helped in meaning, f"{row.name}: {meaning}"
    assert not rows


def test_defaults_are_those_of_the_program():
    rows = rows_of("surface")
    assert [rows[flag][1] for flag in ("--x", "--seed", "--plain", "--samples", "--split")] == [
        "`-1:1:51`", "`0`", "off", "none", "`train`",
    ]  # fmt: skip


@each_command
def test_a_page_leads_to_places_of_the_manual(name):
    titles = {anchor(title) for title in re.findall(r"^#+ (.*)$", commands.MANUAL.read_text(), re.MULTILINE)}
    led = re.findall(r"options\.md#([\w-]+)", commands.page(find(name)))
    assert led and set(led) <= titles


@pytest.mark.parametrize(
    ("name", "section"),
    [("surface", "computing"), ("train", "training"), ("hessian", "curvature"), ("flatness", "of-many-nets"),
     ("instability", "between-minima"), ("info", "the-other-commands")],
)  # fmt: skip
def test_a_command_leads_to_its_section(name, section):
    assert commands.section(name) == section


def test_an_option_leads_to_what_explains_it():
    assert commands.explained("norm") == "norm" and commands.explained("ignore") == "only-and-ignore"
    assert commands.explained("batchnorm") == "batch-norm" and commands.explained("quiet") is None


def test_text_is_shown_letter_by_letter():
    assert escaped("|w|^2 of a_b *c* <d>") == r"\|w\|^2 of a\_b \*c\* \<d\>"


def test_every_public_name_has_a_page_of_its_docstring():
    pages = api.pages()
    for name in set(landscape.__all__) - {"__version__"}:
        assert f"landscape.{name}\n" in pages[f"api/{name}.md"]
        assert f"`ll.{name}`]({name}.md) | {api.first_line(name)} |" in pages["api/index.md"] and api.first_line(name)
