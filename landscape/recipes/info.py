"""`landscape info`: what a file is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.errors import UsageError
from landscape.options.command import Positional, command
from landscape.options.groups import AxesOptions, NetOptions
from landscape.options.option import Option, rows_of, shown
from landscape.recipes.moves import moves as moving
from landscape.recipes.moves import moves_lines
from landscape.recipes.words import tree_lines


def lines(facts: Any, shell: Mapping[str, Any]) -> Sequence[str]:
    """The lines for one file, or for several."""
    if shell.get("json"):
        return json.dumps(facts, indent=2, default=str).splitlines()
    each = facts if isinstance(facts, list) else [facts]
    return [line for one in each for line in _lines_of(one)]


def _lines_of(facts: Mapping[str, Any]) -> Iterator[str]:
    yield from tree_lines({key: value for key, value in facts.items() if key != "moves"})
    if "moves" in facts:
        yield from moves_lines(facts["moves"])


ROWS = {row.name: row.option for row in (*rows_of(NetOptions), *rows_of(AxesOptions))}


@command(
    "what a checkpoint, surface, direction file or run folder is",
    lines=lines,
    rows={
        "json": Option("print JSON", action="store_true", shell=True, apart=True),
        "moves": Option(
            "list layer by layer which parameters of a net would move, and why others rest", action="store_true"
        ),
        **{name: ROWS[name] for name in ("only", "ignore", "model", "entry", "trust")},
    },
    positional=(Positional("path", "FILE", "files", nargs="+"),),
)
def info(
    path: str | Path | Sequence[str | Path] | None,
    *,
    moves: bool = False,
    only: str | Sequence[str] | None = None,
    ignore: str | Sequence[str] | None = None,
    model: Any = None,
    entry: str | None = None,
    trust: bool | str | Path | Sequence[str | Path] = (),
) -> dict[str, Any] | list[dict[str, Any]]:
    """Facts about a surface file, a spectrum, a direction file, a checkpoint or the folder of a training run, as plain values.

    Of several files (more than one in a list), a list of them. With `moves` also, under that name, which parameters would move
    along random directions: of a checkpoint, or with the path None of a module passed as `model`. The other options are those
    of `landscape.surface`.

    Raises:
        LandscapeError: missing, unreadable, or of no known kind.
    """
    from landscape.recipes.describe import describe

    asked = {"only": only, "ignore": ignore, "model": model, "entry": entry, "trust": trust}
    if not moves and (given := [name for name, value in asked.items() if value not in (None, ())]):
        raise UsageError(f"{given[0]} says what moves; give moves too")

    def described(one: str | Path) -> dict[str, Any]:
        found = describe(one)
        if not moves:
            return found
        if found["kind"] not in ("checkpoint", "run"):
            raise UsageError(f"moves: {one} is of kind {found['kind']}; give the checkpoint of a net, or drop it")
        return {**found, "moves": moving(one, **asked)}

    if path is None and moves:
        return {"moves": moving(None, **asked)}
    if isinstance(path, (str, Path)):
        return described(path)
    several = path if isinstance(path, (list, tuple)) else (path,)
    if odd := [each for each in several if not isinstance(each, (str, Path))]:
        raise UsageError(f"path {shown(odd[0])}: expected the name of a file")
    if not several:
        raise UsageError("no file given: expected the name of one or more")
    found = [described(each) for each in several]
    return found if len(found) > 1 else found[0]
