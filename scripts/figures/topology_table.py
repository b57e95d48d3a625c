#!/usr/bin/env python
"""The table of the figure `topology`: `topology_table.py figures/topology FILE.h5 ...` writes it into its caption.md.

The words above the mark are written by hand after looking at the pictures; what is below is computed from the files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from landscape.recipes.basins import basins
from landscape.topology.landform import Landform
from landscape.topology.words import narrow

MARK = "<!-- computed by scripts/figures/topology_table.py; below this line nothing is written by hand -->"
# Standard errors: none, two at each point, and what 2601 independent points together need for 95 % (Bonferroni).
ERRORS = (0.0, 2.0, 4.3)
HEAD = (
    "file", "neighbours", "standard errors", "basins", "closed", "less than 3 points wide", "deepest that ends, certain depth",
    "roughness", "certain", "of the logarithm",
)  # fmt: skip


def table(files: list[Path]) -> str:
    rows = [HEAD, ("---",) * len(HEAD)]
    for file in files:
        rows += [
            cells(file, basins(file, errors=errors, neighbours=neighbours))
            for neighbours in (8, 4)
            for errors in ERRORS
        ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def cells(file: Path, found: Landform) -> tuple[str, ...]:
    ending = [each.certain for each in found.basins if each.joins]
    return (
        f"`{file.name}`", str(found.neighbours), f"{found.errors:g}", str(len(found.basins)),
        str(sum(each.closed for each in found.basins)), str(len(narrow(found))), f"{max(ending):.3g}" if ending else "",
        f"{found.roughness:.3g}", f"{found.certain_roughness:.3g}", f"{found.log_roughness:.3g}",
    )  # fmt: skip


def deepest(files: list[Path]) -> Iterator[str]:
    """The lines of the command, as it prints them."""
    from landscape.recipes.basins import lines

    yield "```"
    yield from lines(basins(files), {})
    yield "```"


def main(folder: Path, files: list[Path]) -> None:
    """Replaces what is below the mark."""
    caption = folder / "caption.md"
    words = caption.read_text().partition(MARK)[0].rstrip() if caption.is_file() else f"# {folder.name}"
    caption.write_text("\n\n".join([words, MARK, table(files), "\n".join(deepest(files))]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(file) for file in sys.argv[2:]])
