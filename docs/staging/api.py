"""The reference of the Python interface, from the docstrings.

Owns: the order of the public names, and which page has which. Their texts stand in the code.
"""

from __future__ import annotations

import inspect

import landscape
from landscape.commands import COMMANDS


def pages() -> dict[str, str]:
    """All pages of the reference, by their place in the site."""
    names = [*COMMANDS, *others()]
    return {"api/index.md": index(names), **{f"api/{name}.md": page(name) for name in names}}


def others() -> list[str]:
    """Public names that are not commands."""
    return [name for name in landscape.__all__ if name not in COMMANDS and name != "__version__"]


def index(names: list[str]) -> str:
    """A table of all names with the first line of their docstrings."""
    rows = [f"| [`ll.{name}`]({name}.md) | {first_line(name)} |" for name in names]
    return (
        "# Python reference\n\nThe public names of `landscape`, from their docstrings. "
        "[Python](../python.md) shows them at work.\n\n```python\nimport landscape as ll\n```\n\n"
        "| name | what it is |\n|---|---|\n"
        + "\n".join(rows)
        + "\n\n```{toctree}\n:hidden:\n\n"
        + "\n".join(names)
        + "\n```\n"
    )


def first_line(name: str) -> str:
    return (inspect.getdoc(getattr(landscape, name)) or "").split("\n\n")[0].replace("\n", " ").replace("|", r"\|")


def page(name: str) -> str:
    """One name, read by autodoc."""
    thing = getattr(landscape, name)
    kind = (
        "autofunction"
        if not inspect.isclass(thing)
        else "autoexception"
        if issubclass(thing, Exception)
        else "autoclass"
    )
    members = "   :members:\n" if kind == "autoclass" else ""
    command = f"\nThe same in the shell: [`landscape {name}`](../commands/{name}.md).\n" if name in COMMANDS else ""
    return f"# `ll.{name}`\n{command}\n```{{eval-rst}}\n.. {kind}:: landscape.{name}\n{members}```\n"
