"""`landscape info`: what a file is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.errors import LandscapeError, UsageError
from landscape.options.command import Positional, command
from landscape.options.groups import AxesOptions, NetOptions
from landscape.options.option import Option, rows_of, shown
from landscape.recipes.moves import moves as moving
from landscape.recipes.moves import moves_lines
from landscape.recipes.net_lines import COMPARED, RANKED, comparison_lines
from landscape.recipes.words import metric_text, tree_lines

# What of a comparison of nets has lines of its own, or is of no use there; --json has all of it.
DESCRIBED = (
    "kind",
    "file",
    "nets",
    "metrics",
    "barriers of",
    "paths",
    "values",
    "measures",
    "without a value",
    "settings",
    "axes",
    "by step",
)


def lines(facts: Any, shell: Mapping[str, Any]) -> Iterator[str]:
    """The lines for one file, or for several; what is wrong with some of these is the last thing that is said.

    Raises:
        LandscapeError: after all lines, where some file of several could not be described.
    """
    each = facts if isinstance(facts, list) else [facts]
    if shell.get("json"):
        yield from json.dumps(_plain(facts), indent=2, default=str).splitlines()
    else:
        for one in each:
            yield from _lines_of(one)
    bad = [one for one in each if "error" in one]
    if bad:
        said = bad[0]["error"] if len(bad) == 1 else ", ".join(one["file"] for one in bad)
        raise LandscapeError(f"{len(bad)} of {len(each)} files cannot be described: {said}")


def _plain(value: Any) -> Any:
    """As JSON has it, which knows no NaN (null here) and no infinity (a text)."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if value != value else str(value)
    return value


def _lines_of(facts: Mapping[str, Any]) -> Iterator[str]:
    described = DESCRIBED if facts.get("kind") in COMPARED and "file" in facts else ()
    if described:
        yield from tree_lines({key: facts[key] for key in described[:3]})
        yield from comparison_lines(facts)
    if facts.get("kind") == "surface":
        facts = {**facts, "metrics": {name: metric_text(each) for name, each in facts["metrics"].items()}}
    ranked = [key for key in facts if key.startswith(RANKED)]
    yield from tree_lines({key: value for key, value in facts.items() if key not in (*described, *ranked, "moves")})
    if len(facts.get("state_dicts", ())) > 1:
        yield "(where the weights of a net are in several of these entries, --entry NAME chooses one)"
    if "moves" in facts:
        yield from moves_lines(facts["moves"])


ROWS = {row.name: row.option for row in (*rows_of(NetOptions), *rows_of(AxesOptions))}


@command(
    "what a result, checkpoint, direction file or run folder is",
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
    """Facts about a result, a direction file, a checkpoint, or the folder of a training run or of an instability analysis.

    They are plain values: of one file a dict with its `kind`; of several (more than one in a list) a list of these, where one
    that cannot be described has the message as its `error`. With `moves` also, under that name, which parameters would move
    along random directions: of a checkpoint, or with the path None of a module passed as `model`. The other options are those
    of `landscape.surface`.

    Raises:
        LandscapeError: a single one is missing, unreadable, or of no known kind.
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
    if len(several) == 1:
        return described(several[0])
    return [_or_error(described, each) for each in several]


def _or_error(described: Callable[[str | Path], dict[str, Any]], path: str | Path) -> dict[str, Any]:
    """What is known of one of several files; or why nothing is, so that the others are still described."""
    try:
        return described(path)
    except LandscapeError as error:
        return {"kind": "unknown", "file": str(path), "error": str(error)}
