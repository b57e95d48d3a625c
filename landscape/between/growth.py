"""How a file of paths grows by further ones.

Owns: the facts of what a file holds and what is added. Knows no net and no loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from landscape.grid import Grid
from landscape.printable import numbered
from landscape.surfaces.longer import rearranged
from landscape.surfaces.same_run import CODE
from landscape.surfaces.surface import Surface

# How the text of `repair` begins, which earlier versions wrote behind that of `curve`.
REPAIR = "repaired: "


def grown(old: Surface, grid: Grid, facts: dict, path: FilePath) -> Surface:
    """The old surface with rows added at its end, all of whose points are pending."""
    rows = [*range(old.shape[0]), *[-1] * (grid.shape[0] - old.shape[0])]
    # what a file says of code, or does not say, is of the rows that it has
    code = {name: value for name, value in old.provenance.items() if name == CODE}
    facts = {name: value for name, value in facts.items() if name != CODE} | code
    facts["connect"] = merged_facts(old.provenance.get("connect") or {}, facts["connect"])
    return replace(rearranged(old, grid, rows), provenance=facts, source=str(path))


def merged_facts(old: dict, new: dict) -> dict:
    """The facts on the paths of a file and of a run that adds to it: what only the file knows is kept."""
    known = dict(zip(old.get("weights", []), old.get("nets", []), strict=False))
    for digest, label in zip(new["weights"], new["nets"], strict=True):
        known.setdefault(digest, label)
    said = (old.get("curve") or "").split("; ")
    repaired = [each for each in said if each.startswith(REPAIR)]
    curve = "; ".join(dict.fromkeys(filter(None, [*(each for each in said if each not in repaired), new.get("curve")])))
    repair = next(filter(None, [new.get("repair"), old.get("repair"), *repaired]), None)
    more: dict[str, Any] = {"weights": list(known), "nets": list(numbered(list(known.values())))}
    for name in ("lengths", "branches"):
        if name in new:
            more[name] = _filled(new[name], old.get(name, []))
    texts = {name: text for name, text in (("curve", curve), ("repair", repair)) if text}
    return {**new, **more, **texts}


def _filled(new: Sequence[float], old: Sequence[float]) -> list[float]:
    """The new numbers; where they are negative, which is unknown, the old ones."""
    return [old[k] if value < 0 and k < len(old) else value for k, value in enumerate(new)]
