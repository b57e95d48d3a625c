"""Lines on results that compare nets, made of the facts in describe_nets.py.

Owns: the table of barriers that `landscape connect` and `landscape info` print, and the brief form of a file of flatness.
Barriers come first, what lies beside a file last.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

# The kinds of files that compare nets, and how a fact on ranks begins.
PATHS, INSTABILITY, FLAT = COMPARED = "paths", "instability", "flatness"
RANKED = "rank correlation"
# Nets up to which each has a value of its own in a line, or a row; paths up to which each has a row; letters of a path's name.
FEW, LISTED, ROWS, LETTERS = 5, 3, 10, 40


def comparison_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Of a file of paths, of copies of a run, or of flatness."""
    yield from {PATHS: paths_lines, INSTABILITY: step_lines, FLAT: flatness_lines}[facts["kind"]](facts)


def paths_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The barriers of all paths by both definitions, a column for each metric, and the values at the nets."""
    metrics, paths = facts["barriers of"], facts["paths"]
    lines = [path for path in paths if path["kind"] == "line"]
    tabled = len(lines) > 2
    shown = [path for path in paths if not (tabled and path["kind"] == "line")]
    if tabled:
        for name, what in metrics.items():
            yield from _matrix(facts["nets"], lines, name, what)
    if shown and metrics:
        yield from _rows(facts, shown[:ROWS])
    if len(shown) > ROWS:
        yield f"  and {len(shown) - ROWS} more paths; landscape export FILE paths.csv has all"
    if any(not _finite(path) for path in paths):
        yield "  inf: the loss is not finite on that path"


def _finite(path: Mapping[str, Any]) -> bool:
    return all(math.isfinite(each["over_mean"]) for each in path["barriers"].values())


def _rows(facts: Mapping[str, Any], paths: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    metrics = facts["barriers of"]
    heads = [what["label"] + (" (%)" if what["percent"] else "") for what in metrics.values()]

    def table(cell: Callable[[Any, Any], str]) -> list[list[str]]:
        return [
            [f"  {_cut(path['name'])}", *(cell(path["barriers"].get(name), what) for name, what in metrics.items())]
            for path in paths
        ]

    blank = [""] * len(heads)
    over_mean = [[name + _long(path), *cells] for (name, *cells), path in zip(table(_cell), paths, strict=True)]
    rows = [["barriers over the mean of the nets, at the top", *heads], *over_mean]
    rows += [["barriers over the line between them", *blank], *table(_line_cell)]
    rows += [["values at the nets", *blank], *nets] if (nets := _at_nets(facts, paths)) else []
    first, *wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        line = f"  {name:{first}}" + "".join(f"  {cell:>{width}}" for cell, width in zip(cells, wide, strict=True))
        yield line.rstrip()


def _long(path: Mapping[str, Any]) -> str:
    return f", {path['length']:.4g} long" if path["length"] > 0 else ""


def _cell(each: Mapping[str, Any] | None, what: Mapping[str, Any]) -> str:
    if each is None:
        return "-"
    error = f" +- {_number(each['stderr'], what, '.2g')}" if math.isfinite(each["stderr"]) else ""
    return f"{_number(each['over_mean'], what)}{error} at {each['at']:.3g}"


def _line_cell(each: Mapping[str, Any] | None, what: Mapping[str, Any]) -> str:
    return "-" if each is None else _number(each["over_line"], what)


def _number(value: float, what: Mapping[str, Any], form: str = ".4g") -> str:
    return format(100 * value if what["percent"] else value, form)


def _at_nets(facts: Mapping[str, Any], paths: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The values at each net, where there are few."""
    found: dict[str, list[str]] = {}
    for path in paths:
        for end, net in enumerate((path["from"], path["to"])):
            found.setdefault(
                net,
                [_number(path["barriers"][name]["ends"][end], what) if name in path["barriers"] else "-"
                 for name, what in facts["barriers of"].items()],
            )  # fmt: skip
    return [[f"  {_cut(net)}", *cells] for net, cells in found.items()] if len(found) <= LISTED else []


def _cut(name: str) -> str:
    return name if len(name) <= LETTERS else f"...{name[3 - LETTERS :]}"


def _matrix(
    nets: Sequence[str], lines: Sequence[Mapping[str, Any]], name: str, what: Mapping[str, Any]
) -> Iterator[str]:
    """The barriers over the mean of the nets, for each pair, with their standard errors."""
    yield f"  barriers of the straight lines in {what['label']}" + (" (%)" if what["percent"] else "")
    known = {
        (path["from"], path["to"]): _mean(path["barriers"][name], what) for path in lines if name in path["barriers"]
    }
    known |= {(last, first): cell for (first, last), cell in known.items()} | {(net, net): "0" for net in nets}
    cells = [[known.get((i, j), "-") for j in nets] for i in nets]
    wide = max(*(len(cell) for line in cells for cell in line), *(len(net) for net in nets))
    yield "    " + " ".join(f"{text:>{wide}s}" for text in ("", *nets))
    for net, line in zip(nets, cells, strict=True):
        yield "    " + " ".join(f"{text:>{wide}s}" for text in (net, *line))


def step_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The mean barriers between copies of a run, by the step at which they part."""
    metrics = facts["barriers of"]
    heads = [what["label"] + (" (%)" if what["percent"] else "") for what in metrics.values()]
    rows = [["step", *heads]]
    for step, found in facts["by step"].items():
        rows.append([step, *(_mean(found.get(name), what) for name, what in metrics.items())])
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield "barriers between copies over the mean of both, by the step at which they part"
    for row in rows:
        yield "  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(row, wide, strict=True))


def _mean(each: Mapping[str, Any] | None, what: Mapping[str, Any]) -> str:
    if each is None:
        return "-"
    error = f" +- {_number(each['stderr'], what, '.2g')}" if math.isfinite(each["stderr"]) else ""
    return _number(each["over_mean"], what, ".3g") + error


def flatness_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Each value of each net, or the least, median and greatest; what has none; and the measures that rank the gap best."""
    few = len(facts["nets"]) <= FEW
    yield "values: " + (f"of {', '.join(facts['nets'])}" if few else "least, median and greatest")
    for name, values in facts["values"].items():
        yield f"  {name}: " + ", ".join(f"{value:.4g}" for value in (values.values() if few else _spread(values)))
    for name, text in facts["without a value"].items():
        yield f"  {name} is NaN for {text}"
    for name, texts in facts["settings"].items():
        yield f"  setting {name}: " + (
            ", ".join(texts.values())
            if few
            else f"{len(set(texts.values()))} values, {', '.join(sorted(set(texts.values()))[:FEW])}"
        )
    for what, found in facts.items():
        if what.startswith(RANKED):
            yield from _best(what, found)


def _spread(values: Mapping[str, float]) -> list[float]:
    """The least, the median and the greatest of those that are known."""
    known = [value for value in values.values() if value == value]
    return [min(known), statistics.median(known), max(known)] if known else []


def _best(title: str, found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    yield f"{title} (Kendall's tau, 95 % interval, psi), the three strongest of {len(found)}:"
    for name in sorted(found, key=lambda name: -abs(found[name]["tau"]))[:3]:
        each = found[name]
        interval = f" [{each['low']:.2f}, {each['high']:.2f}]" if math.isfinite(each["low"]) else ""
        psi = f", psi {each['psi']:.2f}" if math.isfinite(each["psi"]) else ""
        yield f"  {name}: {each['tau']:.2f}{interval}{psi}"
