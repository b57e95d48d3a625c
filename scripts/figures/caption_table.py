#!/usr/bin/env python
"""The numbers of a figure: `caption_table.py figures/skip FILE.h5 ...` writes them into its caption.md.

The words of a caption are written by hand after looking at the pictures; the table below them is computed from the
surface files, and is the only part that this script touches.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from landscape.checkpoint.checkpoint import load_checkpoint
from landscape.surfaces import Surface, load_surface

MARK = "<!-- computed by scripts/figures/caption_table.py; below this line nothing is written by hand -->"


LEGEND = """\
Loss: that of the first split. Local minima: points below all neighbours on the grid. Not convex: share
of the inner half of the plane or line where the loss bends down in some direction of it. Roughness:
root mean square of the second differences of log10(loss) between neighbours; a deep smooth pit counts, too."""


def local_minima(loss: np.ndarray) -> int:
    """Points of the plane, or of the line, that lie below all their neighbours; the outermost points are left out."""
    padded = np.pad(loss, 1, constant_values=np.inf)
    shape, lowest = loss.shape, np.ones(loss.shape, dtype=bool)
    for shift in np.ndindex((3,) * loss.ndim):
        if any(part != 1 for part in shift):
            lowest &= loss < padded[tuple(slice(s, s + n) for s, n in zip(shift, shape, strict=True))]
    return int(lowest[(slice(1, -1),) * loss.ndim].sum())


def not_convex(loss: np.ndarray) -> float:
    """Share of the inner half of the grid where the loss bends down in some direction of the plane (or line).

    There the smaller eigenvalue of the 2 x 2 Hessian, from differences between neighbours, is negative.
    """
    if loss.ndim == 1:
        lowest = np.diff(loss, 2)
    else:
        xx, yy = np.diff(loss, 2, axis=1)[1:-1], np.diff(loss, 2, axis=0)[:, 1:-1]
        xy = (loss[2:, 2:] - loss[2:, :-2] - loss[:-2, 2:] + loss[:-2, :-2]) / 4
        lowest = (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)
    inner = tuple(slice(n // 4 - 1, 3 * n // 4 - 1) for n in loss.shape)
    return float(np.mean(lowest[inner] < 0))


def roughness(loss: np.ndarray) -> float:
    """Root mean square of the second differences of log10(loss) between neighbours along the axes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        heights = np.log10(loss)
    bends = np.concatenate([np.diff(heights, 2, axis=axis).ravel() for axis in range(loss.ndim)])
    return float(np.sqrt(np.mean(bends[np.isfinite(bends)] ** 2)))


def near(surface: Surface, loss: np.ndarray) -> float:
    """Share of the plane or line whose loss is at most 1 above that of the net."""
    centre = surface.at_origin(surface.metric(None))
    return float(np.mean(loss <= centre + 1)) if centre is not None else float("nan")


def test_error(surface: Surface) -> str:
    """Of the net in the middle, from its checkpoint."""
    path = Path(surface.provenance["checkpoint"]["path"])
    if not path.exists():
        return ""
    metrics = load_checkpoint(path).meta.get("metrics", {})
    return f"{100 * (1 - metrics['test_accuracy']):.1f} %" if "test_accuracy" in metrics else ""


def evaluated(surface: Surface) -> str:
    """How many points of the grid were computed, and how many samples each took on average."""
    run = surface.provenance.get("run", {})
    samples = sum(part["samples"] for part in surface.provenance["data"]["splits"].values())
    if reached := run.get("reached"):
        each = reached["evaluations"] / max(1, reached["points"])
        return f"{reached['points']} of {reached['of']} points, {each:.0f} samples each; error {100 * reached['error']:.1f} %"
    return f"all {surface.grid.size} points, {samples} samples each"


COLUMNS: dict[str, Callable[[Surface, np.ndarray], str]] = {
    "net": lambda surface, loss: surface.provenance["model"]["name"],
    "test error": lambda surface, loss: test_error(surface),
    "loss at the net": lambda surface, loss: f"{surface.at_origin(surface.metric(None)):.3g}",
    "lowest": lambda surface, loss: f"{np.nanmin(loss):.3g}",
    "highest": lambda surface, loss: f"{np.nanmax(loss):.3g}",
    "within +1 of the net": lambda surface, loss: f"{100 * near(surface, loss):.0f} %",
    "local minima": lambda surface, loss: str(local_minima(loss)),
    "not convex": lambda surface, loss: f"{100 * not_convex(loss):.0f} %",
    "roughness": lambda surface, loss: f"{roughness(loss):.4f}",
    "evaluated": lambda surface, loss: evaluated(surface),
}


def table(files: list[str]) -> str:
    rows = [["file", *COLUMNS]]
    for path in files:
        surface = load_surface(path)
        loss = surface.values[surface.metric(None)]
        rows.append([f"`{Path(path).name}`", *(column(surface, loss) for column in COLUMNS.values())])
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    folder = Path(sys.argv[1])
    caption = folder / "caption.md"
    words = caption.read_text().split(MARK)[0].rstrip() if caption.exists() else f"# {folder.name}"
    caption.write_text(f"{words}\n\n{MARK}\n\n{LEGEND}\n\n{table(sys.argv[2:])}\n")
    print(f"{caption}: written")


if __name__ == "__main__":
    main()
