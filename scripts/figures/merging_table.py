"""The tables of figure `merging`: test accuracies of the net, the tuned nets, and mixtures of both task vectors.

Usage: merging_table.py FOLDER: replaces what stands below the marker in FOLDER/caption.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import landscape as ll

MARKER = "<!-- computed by scripts/figures/merging_table.py; below this line nothing is written by hand -->"
TASKS = {"low": "digits 0 to 4", "high": "digits 5 to 9", "everything": "all digits"}
MIXTURES = {
    "the net": (0, 0), "tuned to 0 to 4": (1, 0), "tuned to 5 to 9": (0, 1), "half of both task vectors": (0.5, 0.5),
    "both task vectors": (1, 1),
}  # fmt: skip


def rows(folder: Path) -> list[str]:
    surfaces = {name: ll.load_surface(folder / f"{name}.h5") for name in TASKS}
    whole = surfaces["everything"]
    lowest = {name: best(each) for name, each in surfaces.items()}
    marked = {
        f"lowest training loss of {TASKS[name]} on the grid ({x:.3g}, {y:.3g})": (x, y)
        for name, (x, y) in lowest.items()
    }
    places = {**MIXTURES, **marked}
    found = [f"| mixture | test accuracy, {' | '.join(TASKS.values())} | train loss, all digits |", "|---" * 5 + "|"]
    for title, (a, b) in places.items():
        cells = [f"{100 * at(each, 'test_accuracy', a, b):.1f} %" for each in surfaces.values()]
        found.append(f"| {title} | {' | '.join(cells)} | {at(whole, 'train_loss', a, b):.3g} |")
    return found


def best(surface: ll.Surface) -> tuple[float, float]:
    """Where the training loss is lowest: x and y."""
    loss = surface.values["train_loss"]
    row, column = np.unravel_index(loss.argmin(), loss.shape)
    return float(surface.x[column]), float(surface.y[row])


def at(surface: ll.Surface, name: str, x: float, y: float) -> float:
    column, row = (int(np.abs(axis - place).argmin()) for axis, place in ((surface.x, x), (surface.y, y)))
    assert np.isclose(surface.x[column], x) and np.isclose(surface.y[row], y), "a point of the grid"
    return float(surface.values[name][row, column])


def main(folder: str) -> None:
    caption = Path(folder) / "caption.md"
    words = caption.read_text().split(MARKER)[0].rstrip()
    caption.write_text("\n".join([words, "", MARKER, "", *rows(Path(folder)), ""]))


if __name__ == "__main__":
    main(*sys.argv[1:])
