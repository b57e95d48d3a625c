"""`landscape info`: what a file is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.errors import UsageError
from landscape.options.command import Positional, command
from landscape.options.option import Option, shown
from landscape.recipes.words import tree_lines


def lines(facts: Any, shell: Mapping[str, Any]) -> Sequence[str]:
    """The lines for one file, or for several."""
    if shell.get("json"):
        return json.dumps(facts, indent=2, default=str).splitlines()
    each = facts if isinstance(facts, list) else [facts]
    return [line for one in each for line in tree_lines(one)]


@command(
    "what a checkpoint, surface, direction file or run folder is",
    lines=lines,
    rows={"json": Option("print JSON", action="store_true", shell=True, apart=True)},
    positional=(Positional("path", "FILE", "files", nargs="+"),),
)
def info(path: str | Path | Sequence[str | Path]) -> dict[str, Any] | list[dict[str, Any]]:
    """Facts about a surface file, a spectrum, a direction file, a checkpoint or the folder of a training run, as plain values.

    Of several files (more than one in a list), a list of them.

    Raises:
        LandscapeError: missing, unreadable, or of no known kind.
    """
    from landscape.recipes.describe import describe

    if isinstance(path, (str, Path)):
        return describe(path)
    several = path if isinstance(path, (list, tuple)) else (path,)
    if odd := [each for each in several if not isinstance(each, (str, Path))]:
        raise UsageError(f"path {shown(odd[0])}: expected the name of a file")
    if not several:
        raise UsageError("no file given: expected the name of one or more")
    found = [describe(each) for each in several]
    return found if len(found) > 1 else found[0]
