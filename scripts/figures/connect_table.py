"""The tables of figure `connect`: barriers of lines and curves, of all pairs of seeds, and over the step at which copies part.

Usage: connect_table.py FOLDER CAPTION.md: replaces what stands below the marker in the caption.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import landscape as ll
from landscape.surfaces.barriers import by_branch, matrix

MARKER = "<!-- computed by scripts/figures/connect_table.py; below this line nothing is written by hand -->"
ALIGNED = ".aligned"
# Their files and the name of the net.
DIGITS = {"seed": "ResNet-20", "noshort": "ResNet-20 without shortcuts"}
CIFAR10 = {"cifar10": "ResNet-20"}
SHARES = ("train_accuracy", "test_accuracy")


def curves(folder: Path, pairs: Mapping[str, str]) -> list[str]:
    """One row for each path between two seeds; the file of aligned nets, where there is one, has the last."""
    names = ("net", "path", "length", "highest train loss", "of the worse end")
    barriers = [f"barrier, {what}" for what in ("train loss", "train error", "test error")]
    rows = [f"| {' | '.join((*names, *barriers))} |", "|---" * 8 + "|"]
    for name, label in pairs.items():
        paths = [folder / f"{name}{suffix}.h5" for suffix in ("", ALIGNED)]
        files = [ll.load_surface(path) for path in paths if path.exists()]
        loss = [each for file in files for each in ll.barriers(file, "train_loss")]
        shares = [[each for file in files for each in ll.barriers(file, share)] for share in SHARES]
        kinds = [each.path.kind for each in ll.barriers(files[0], "train_loss")] + ["line, units aligned"] * (
            len(files) - 1
        )
        for number, (kind, each) in enumerate(zip(kinds, loss, strict=True)):
            errors = " | ".join(f"{100 * s[number].over_mean:.2f} ± {100 * s[number].stderr:.2f} %" for s in shares)
            rows.append(
                f"| {label} | {kind} | {each.path.length:.3g} | {each.highest:.3g} "
                f"| {each.highest / max(each.ends):.3g} times | {each.over_mean:.3g} ± {each.stderr:.2g} | {errors} |"
            )
    return rows


def pairs(folder: Path) -> list[str]:
    """The spread of the barriers over all pairs of seeds."""
    surface = ll.load_surface(folder / "matrix.h5")
    rows = ["| metric | pairs | least | median | greatest |", "|---|---|---|---|---|"]
    for name in ("train_loss", "test_loss", *SHARES):
        values = matrix(surface, name)
        each = values[np.triu_indices(len(values), 1)]
        factor, unit = (100, " %") if name in SHARES else (1, "")
        shown = [f"{factor * value:.3g}{unit}" for value in (each.min(), np.median(each), each.max())]
        rows.append(f"| {name.replace('_', ' ').replace('accuracy', 'error')} | {len(each)} | {' | '.join(shown)} |")
    return rows


def branches(folder: Path) -> list[str]:
    """Mean barriers over three pairs of copies for each step."""
    surface = ll.load_surface(folder / "instability.h5")
    rows = ["| step | barrier, train loss | barrier, train error | barrier, test error |", "|---|---|---|---|"]
    tables = [by_branch(surface, name) for name in ("train_loss", *SHARES)]
    for number, step in enumerate(tables[0].steps):
        loss = f"{tables[0].values[number]:.3g} ± {tables[0].errors[number]:.2g}"
        errors = " | ".join(f"{100 * t.values[number]:.2f} ± {100 * t.errors[number]:.2f} %" for t in tables[1:])
        rows.append(f"| {step:g} | {loss} | {errors} |")
    return rows


def main(folder: Path, caption: Path) -> None:
    words = caption.read_text().split(MARKER)[0] if caption.exists() else "# Figure 12: between minima\n\n"
    parts = {
        "Paths between two seeds": curves(folder, DIGITS),
        "Paths between two seeds on CIFAR-10": curves(folder, CIFAR10),
        "All pairs of eight seeds, straight lines": pairs(folder),
        "Copies of a run, by the step at which they part": branches(folder),
    }
    tables = "\n\n".join(f"## {title}\n\n" + "\n".join(rows) for title, rows in parts.items())
    caption.write_text(f"{words}{MARKER}\n\n{tables}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
