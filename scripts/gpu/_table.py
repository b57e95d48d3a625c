"""The results as text: a line for each check, and a page for docs/performance.md.

Owns: the words. Knows no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SHOWN = 4


def line(name: str, result: Mapping[str, Any]) -> str:
    """One line for the terminal."""
    parts = [f"{result['status']:8s} {name:12s} {result['seconds']:6.1f} s"]
    if result.get("failures"):
        parts.append("; ".join(result["failures"][:SHOWN]))
    elif result.get("error"):
        parts.append(str(result["error"]))
    else:
        parts.append(", ".join(f"{key} {shown(value)}" for key, value in list(_plain(result))[:SHOWN]))
    return "  ".join(parts)


def markdown(found: Mapping[str, Any]) -> str:
    """The page: the machine, the speeds, and what each check found beside its limit."""
    checks = found["checks"]
    facts = checks.get("machine", {}).get("facts", {})
    gpu, cores, torch = (facts.get(name, "?") for name in ("gpu", "cores", "torch"))
    said = [f"{gpu}, {cores} cores, torch {torch}, {found['started'][:10]}."]
    for title, rows in _tables(checks):
        head = list(dict.fromkeys(key for row in rows for key in row))
        said += ["", f"**{title}**", "", _row(head), _row(["---"] * len(head))]
        said += [_row([shown(row.get(key, "")) for key in head]) for row in rows]
    said += ["", "**Checks**", "", "| check | result | seconds | found (limit) |", "|---|---|---|---|"]
    for name, result in checks.items():
        numbers = [f"{key} {shown(value)} ({shown(most)})" for key, (value, most) in result.get("limits", {}).items()]
        other = [result["error"]] if result.get("error") else []
        said.append(_row([name, result["status"], shown(result["seconds"]), "; ".join([*numbers, *other])]))
    return "\n".join(said)


def _tables(checks: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for result in checks.values():
        yield from result.get("tables", {}).items()


def _plain(result: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from ((key, pair[0]) for key, pair in result.get("limits", {}).items())
    yield from ((key, value) for key, value in result.get("facts", {}).items() if isinstance(value, (int, float, str)))


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)
