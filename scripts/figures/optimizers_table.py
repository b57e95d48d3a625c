#!/usr/bin/env python
"""The tables of the figure `optimizers`: `optimizers_table.py figures/optimizers FILE.h5 ...` writes them into its caption.md.

The words above the mark are written by hand after looking at the pictures; what is below is computed from the files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from landscape.recipes.optimizer_lines import table_lines
from landscape.surfaces import load_surface

MARK = "<!-- computed by scripts/figures/optimizers_table.py; below this line nothing is written by hand -->"


def main(folder: Path, files: list[Path]) -> None:
    """Replaces what is below the mark."""
    caption = folder / "caption.md"
    words = caption.read_text().partition(MARK)[0].rstrip() if caption.is_file() else ""
    tables = ["\n".join(["```", *table_lines(load_surface(file)), "```"]) for file in files]
    caption.write_text("\n\n".join([words, MARK, *tables]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(file) for file in sys.argv[2:]])
