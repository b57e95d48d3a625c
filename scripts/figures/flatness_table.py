"""The table of figure `flatness`: Kendall's tau of each measure with the accuracy gap, over all nets and within each width.

Usage: flatness_table.py FLATNESS.h5 CAPTION.md: replaces what stands below the marker in the caption.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import landscape as ll
from landscape.correlation import Tau, tau_of
from landscape.surfaces.flatness import categories, rankings, targets

MARKER = "<!-- computed by scripts/figures/flatness_table.py; below this line nothing is written by hand -->"


def cell(tau: Tau) -> str:
    if tau.value != tau.value:
        return "-"
    text = f"{tau.value:.2f} [{tau.low:.2f}, {tau.high:.2f}]"
    return f"**{text}**" if tau.excludes_zero else text


def main(source: Path, caption: Path) -> None:
    surface = ll.load_surface(source)
    gap = targets(surface)[0]
    widths = categories(surface, "hyper_width")
    masks = [surface.values["hyper_width"] == place for place in range(len(widths))]
    heads = [
        f"all {surface.grid.size}",
        *(f"{int(mask.sum())} {width}" for width, mask in zip(widths, masks, strict=True)),
    ]
    rows = [f"| measure | {' | '.join(heads)} | psi |", "|" + "---|" * (len(heads) + 2)]
    for each in rankings(surface, gap):
        values, target = surface.values[each.measure.name], surface.values[gap.name]
        within = [tau_of(np.where(mask, values, np.nan), target) for mask in masks]
        psi = "-" if each.psi != each.psi else f"{each.psi:.2f}"
        rows.append(f"| {each.measure.label} | {' | '.join(map(cell, [each.tau, *within]))} | {psi} |")
    losses = surface.values["train_loss"]
    facts = [
        f"Training losses from {losses.min():.4f} to {losses.max():.4f}; accuracy gaps from "
        f"{100 * surface.values[gap.name].min():.1f} to {100 * surface.values[gap.name].max():.1f} %.",
        "Kendall's tau with the accuracy gap and its 95 % bootstrap interval over nets, bold where that leaves out 0. Psi: the "
        "mean over hyper-parameters of the tau of nets that differ in one alone.",
    ]
    settings = [
        f"{name.removeprefix('hyper_').replace('_', ' ')} {tau_of(surface.values[name], surface.values[gap.name]).value:.2f}"
        for name in surface.values
        if name.startswith("hyper_")
    ]
    facts.append(f"The hyper-parameters themselves: {', '.join(settings)} (of texts, in the order of the alphabet).")
    text = caption.read_text() if caption.exists() else "# Figure flatness\n\n" + MARKER
    caption.write_text("\n".join([text.split(MARKER)[0] + MARKER, "", *facts, "", *rows]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
