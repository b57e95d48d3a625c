"""The table of `alignment_widths.py` as a picture: barriers over the width, a panel for each net, a curve for each column.

Usage: python scripts/figures/alignment_picture.py [FOLDER]    reads FOLDER/caption.md (default: figures/alignment), a second

Writes FOLDER/widths.png. Solid lines are of the training data, dashed ones of the test data.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter

from landscape.scene.colors import PATH_COLORS

CAPTION = "caption.md"
COLUMNS = ("unaligned", "aligned", "aligned, BN statistics", "aligned, REPAIR")
MARKERS = ("o", "s", "^", "D")
# Columns that a net has not, or has twice: batch norm does what REPAIR does.
NONE = ("-", "same")


def rows(text: str) -> dict[str, list[tuple[int, list[str]]]]:
    """(width, cells) of each net in the table."""
    found: dict[str, list[tuple[int, list[str]]]] = {}
    for line in text.splitlines():
        net, *cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if len(cells) == 1 + len(COLUMNS) and cells[0].isdigit():
            found.setdefault(net, []).append((int(cells[0]), cells[1:]))
    return found


def numbers(cell: str) -> tuple[float, float]:
    """(train, test) of a cell."""
    train, test = (float(part) for part in cell.split("/")) if cell not in NONE else (math.nan, math.nan)
    return train, test


def drawn(table: dict[str, list[tuple[int, list[str]]]]) -> plt.Figure:
    figure, panels = plt.subplots(1, len(table), figsize=(4.2 * len(table), 3.9), sharey=True, squeeze=False)
    for axes, (net, lines) in zip(panels[0], table.items(), strict=True):
        widths = [width for width, _ in lines]
        for number, (column, marker) in enumerate(zip(COLUMNS, MARKERS, strict=True)):
            values = [numbers(cells[number]) for _, cells in lines]
            if all(math.isnan(train) for train, _ in values):
                continue
            color = PATH_COLORS[number]
            axes.plot(widths, [train for train, _ in values], color=color, marker=marker, ms=5, label=column)
            axes.plot(widths, [test for _, test in values], color=color, ls="--", lw=1)
        axes.set_xscale("log", base=2)
        axes.set_xticks(widths, [str(width) for width in widths])
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_title(net, fontsize=11)
        axes.set_xlabel("width (times 4 channels)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9, loc="lower left")
    panels[0][0].set_ylabel("barrier of the cross-entropy, halfway")
    said = "solid: training data; dashed: test data; with batch norm, fresh statistics do what REPAIR does"
    figure.text(0.02, 0.012, said, ha="left", fontsize=8, color="0.35")
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    return figure


def draw(folder: Path) -> None:
    drawn(rows((folder / CAPTION).read_text())).savefig(folder / "widths.png", dpi=150)
    print(f"wrote {folder / 'widths.png'}")


def main() -> None:
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "figures" / "alignment")


if __name__ == "__main__":
    main()
