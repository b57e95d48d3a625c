#!/usr/bin/env python
"""The numbers of the curvature figure: `curvature_table.py figures/curvature FILE.h5 ...` writes them into its caption.md."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from landscape.surfaces import Surface, load_surface

MARK = "<!-- computed by scripts/figures/curvature_table.py; below this line nothing is written by hand -->"
LEGEND = """\
Ratio: |smallest / largest| eigenvalue of the Hessian. Near: the points of the map whose loss is at most 1 above that of
the net; far: the others. Medians of the ratio and of the smallest eigenvalue over them. Products: with the Hessian, on average
at a point."""
HEAD = ("file", "points", "largest at the net", "smallest at the net", "ratio at the net", "near: points", "near: ratio",
        "near: smallest", "far: ratio", "far: smallest", "ratio below 0.1", "products")  # fmt: skip


def row(path: str) -> list[str]:
    surface: Surface = load_surface(path)
    done = surface.status["hessian"] == 1
    largest, smallest = surface.values["hessian_max"], surface.values["hessian_min"]
    ratio = np.abs(smallest / largest)
    loss = surface.values[surface.metric(None)]
    near = done & (loss <= surface.at_origin(surface.metric(None)) + 1)
    far = done & ~near

    def median(values: np.ndarray, where: np.ndarray) -> str:
        return f"{np.median(values[where]):.3g}" if where.any() else ""

    centre = [f"{surface.at_origin(name):.3g}" for name in ("hessian_max", "hessian_min")]
    at_net = abs(surface.at_origin("hessian_min") / surface.at_origin("hessian_max"))
    return [
        f"`{Path(path).name}`", str(done.sum()), *centre, f"{at_net:.2g}", str(near.sum()), median(ratio, near),
        median(smallest, near), median(ratio, far), median(smallest, far), f"{100 * np.mean(ratio[done] < 0.1):.0f} %",
        f"{surface.values['hessian_products'][done].mean():.1f}",
    ]  # fmt: skip


def main() -> None:
    caption = Path(sys.argv[1]) / "caption.md"
    words = caption.read_text().split(MARK)[0].rstrip() if caption.exists() else "# curvature"
    rows = [list(HEAD), ["---"] * len(HEAD), *map(row, sys.argv[2:])]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
    caption.write_text(f"{words}\n\n{MARK}\n\n{LEGEND}\n\n{table}\n")
    print(f"{caption}: written")


if __name__ == "__main__":
    main()
