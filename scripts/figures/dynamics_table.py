"""The table of figure `dynamics`: what the runs came to, beside what is claimed of them.

Usage: dynamics_table.py RUNS CAPTION.md: replaces what stands below the marker in the caption. Sections whose runs are not all in
RUNS stay as they are.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from dynamics_claims_table import claims

import landscape as ll

MARKER = "<!-- computed by scripts/figures/dynamics_table.py; below this line nothing is written by hand -->"


def last_half(run: Path, name: str) -> np.ndarray:
    values = ll.load_surface(run / "dynamics.h5").values[name]
    return values[len(values) // 2 :]


def full(runs: Path) -> list[str]:
    """Full-batch descent: the median of the largest eigenvalue over the last half of the run."""
    rows = [
        "| learning rate | 2 / lr | largest eigenvalue, median of the last half | off by | last loss |",
        "|---|---|---|---|---|",
    ]
    rates, found = [], []
    for run in sorted(runs.glob("full_*"), key=lambda path: -float(path.name[5:])):
        rate = float(run.name[5:])
        middle, loss = float(np.median(last_half(run, "hessian_max"))), last_half(run, "train_loss")[-1]
        rates.append(rate)
        found.append(middle)
        rows.append(
            f"| {rate:g} | {2 / rate:.4g} | {middle:.4g} | {100 * (middle * rate / 2 - 1):+.1f} % | {loss:.3g} |"
        )
    slope = np.polyfit(np.log(1 / np.array(rates)), np.log(found), 1)[0]
    return [*rows, "", f"Slope of log eigenvalue against log 1 / lr: {slope:.3f}."]


def adaptive(runs: Path) -> list[str]:
    """Adam with full batches: the largest eigenvalue of the preconditioned Hessian over the last half, and the plain one."""
    rows = [
        "| learning rate | 38 / lr | preconditioned eigenvalue, median of the last half | off by "
        "| plain eigenvalue, first to last | last loss |",
        "|---|---|---|---|---|---|",
    ]
    rates, found = [], []
    for run in sorted(runs.glob("adam_*"), key=lambda path: -float(path.name[5:])):
        rate, bound = float(run.name[5:]), last_half(run, "preconditioned_threshold")[-1]
        middle, loss = float(np.nanmedian(last_half(run, "preconditioned_max"))), last_half(run, "train_loss")[-1]
        plain = ll.load_surface(run / "dynamics.h5").values["hessian_max"]
        rates.append(rate)
        found.append(middle)
        rows.append(
            f"| {rate:g} | {bound:.4g} | {middle:.4g} | {100 * (middle / bound - 1):+.1f} % "
            f"| {plain[0]:.3g} to {plain[-1]:.3g} | {loss:.3g} |"
        )
    slope = np.polyfit(np.log(1 / np.array(rates)), np.log(found), 1)[0]
    return [*rows, "", f"Slope of log eigenvalue against log 1 / lr: {slope:.3f}."]


def batches(runs: Path) -> list[str]:
    """Mini-batches at one rate: batch sharpness and largest eigenvalue, means over the last half."""
    rows = [
        "| batch | 2 / lr | batch sharpness | off by | largest of mini-batches | largest eigenvalue | last loss |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in sorted(runs.glob("batch_*"), key=lambda path: int(path.name[6:])):
        bound = last_half(run, "stability_threshold")[-1]
        sharp, small, large = (
            float(np.mean(last_half(run, name))) for name in ("batch_sharpness", "batch_hessian_max", "hessian_max")
        )
        loss = last_half(run, "train_loss")[-1]
        rows.append(
            f"| {run.name[6:]} | {bound:.3g} | {sharp:.3g} | {100 * (sharp / bound - 1):+.0f} % | {small:.3g} | {large:.3g} | "
            f"{loss:.3g} |"
        )
    return rows


# The section of the caption, the runs that it needs, and what makes it.
SECTIONS = (
    ("Full batches", "full_*", 5, full),
    ("Adam with full batches", "adam_*", 4, adaptive),
    ("Mini-batches", "batch_*", 5, batches),
)


def sections(text: str) -> dict[str, list[str]]:
    """The lines below each heading."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("## "):
            found[line[3:]] = []
        elif found:
            next(reversed(found.values())).append(line)
    return {name: lines[1:-1] if lines[-1:] == [""] else lines[1:] for name, lines in found.items()}


def main(runs: Path, caption: Path) -> None:
    text = caption.read_text() if caption.exists() else "# Figure dynamics\n\n" + MARKER
    above, _, below = text.partition(MARKER)
    known = sections(below)
    for name, pattern, count, table in SECTIONS:
        if len(list(runs.glob(f"{pattern}/dynamics.h5"))) >= count:
            known[name] = table(runs)
    if (runs / "claims").exists():
        known |= sections("\n".join(claims(runs / "claims")))
    first = [name for name, *_ in SECTIONS]
    order = [name for name in first if name in known] + [name for name in known if name not in first]
    parts = [line for name in order for line in ("", f"## {name}", "", *known[name])]
    caption.write_text("\n".join([above + MARKER, *parts]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
