"""The tables of figure `lecture`: what the drawn surfaces and runs came to, beside their closed forms.

Usage: lecture_table.py RUNS SURFACES FOLDER: replaces what stands below the mark in FOLDER/caption.md.

Owns: what is compared. The closed forms are in lecture_nets.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import lecture_nets
import numpy as np
from lecture_curves import ITERATIONS, STARTS, through_depth

import landscape as ll

MARK = "<!-- computed by scripts/figures/lecture_table.py; below this line nothing is written by hand -->"
PLACES = ((2.0, -1.0), (-1.0, 2.0), (1.0, 1.0), (2.0, 0.0), (-0.5, -0.5), (0.0, 0.0))


def off(surface: ll.Surface, formula) -> float:
    """The largest distance of the drawn values from the closed form."""
    return float(np.abs(surface.values["train_loss"] - formula(*np.meshgrid(surface.x, surface.y))).max())


def two_relu(surface: ll.Surface) -> list[str]:
    rows = ["## Two ReLU neurons", "", "| w1 | w2 | loss on the surface | closed form |", "|---|---|---|---|"]
    for w1, w2 in PLACES:
        iy, ix = np.flatnonzero(np.isclose(surface.y, w2))[0], np.flatnonzero(np.isclose(surface.x, w1))[0]
        closed = lecture_nets.two_relu_loss(np.array(w1), np.array(w2))
        rows.append(f"| {w1:g} | {w2:g} | {surface.values['train_loss'][iy, ix]:.6g} | {closed:g} |")
    return [
        *rows,
        "",
        f"All {surface.grid.size:,} points: at most {off(surface, lecture_nets.two_relu_loss):.2g} off the closed form.",
    ]


def neuron(surface: ll.Surface, rates: ll.Surface) -> list[str]:
    """Descent at each rate beside w* + (I - lr H)^k (w0 - w*)."""
    hessian, best, least = lecture_nets.line_facts()
    ends = np.linalg.eigvalsh(hessian)
    rows = [
        "## One neuron", "",
        f"Minimum at ({best[0]:.4f}, {best[1]:.4f}), loss {least:.4f}; eigenvalues of the Hessian {ends[0]:.4f} and "
        f"{ends[1]:.4f}, so steps diverge above a rate of 2 / {ends[1]:.4f} = {2 / ends[1]:.4f}. All {surface.grid.size:,} "
        f"points: at most {off(surface, lecture_nets.line_loss):.2g} off the closed form.", "",
        "| learning rate | factors of the distance in a step | loss after 20 steps | off the closed form |", "|---|---|---|---|",
    ]  # fmt: skip
    for name in sorted((name for name in rates.trails if name.startswith("lr_")), key=lambda name: float(name[3:])):
        rate, trail = float(name[3:]), rates.trails[name]
        away = descent(rate, len(trail.x))
        error = np.abs(np.column_stack([trail.x, trail.y]) - away).max()
        factors = " and ".join(f"{1 - rate * end:.3f}" for end in ends)
        rows.append(f"| {rate:g} | {factors} | {trail.metrics['train_loss'][-1]:.4f} | {error:.2g} |")
    return rows


def descent(rate: float, count: int) -> np.ndarray:
    """(count, 2) weights after 0, 1, ... steps of full-batch descent, in closed form."""
    hessian, best, _ = lecture_nets.line_facts()
    ends, axes = np.linalg.eigh(hessian)
    start = axes.T @ (np.array(lecture_nets.LINE_START) - best)
    return best + np.array([axes @ ((1 - rate * ends) ** step * start) for step in range(count)])


def errors(run: Path) -> list[str]:
    """Of the fit of a noisy curve, from the run's log."""
    from landscape.surfaces.run_log import load_run

    log = load_run(run)
    steps, test = log.columns["step"], log.columns["test_loss"]
    best = int(np.nanargmin(test))
    rows = ["## Fit of a noisy curve", "", "| iterations | training error | validation error |", "|---|---|---|"]
    for step in ITERATIONS:
        at = int(np.flatnonzero(steps == step)[0])
        rows.append(f"| {step:,} | {log.columns['train_loss'][at]:.4f} | {log.columns['test_loss'][at]:.4f} |")
    noise = lecture_nets.CURVE_NOISE**2
    lowest = (
        f"Lowest validation error {test[best]:.4f} after {steps[best]:.0f} iterations; the noise alone has {noise:.2f}."
    )
    return [*rows, "", lowest]


def depth(runs: Path) -> list[str]:
    """What a layer does to the activations, on average over the depth, and the first layer's gradient beside the last's."""
    rows = [
        "## First weights through depth", "",
        "| units | first weights | activations, last / first | per layer | gradient, first / last hidden layer |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for unit in ("relu", "tanh"):
        for name, (sizes, slopes) in zip(STARTS.values(), through_depth(runs, unit)[1], strict=True):
            share = sizes[-1] / sizes[1]
            each = share ** (1 / (len(sizes) - 2))
            rows.append(f"| {unit} | {name} | {share:.3g} | {each:.3f} | {slopes[0] / slopes[-2]:.3g} |")
    return rows


def main(runs: Path, surfaces: Path, folder: Path) -> None:
    two, one, rates = (ll.load_surface(surfaces / f"lecture_{name}.h5") for name in ("two_relu", "neuron", "rates"))
    tables = [two_relu(two), neuron(one, rates), errors(runs / "wave"), depth(runs)]
    caption = folder / "caption.md"
    words = caption.read_text().partition(MARK)[0].rstrip() if caption.is_file() else ""
    caption.write_text("\n\n".join([words, MARK, *("\n".join(lines) for lines in tables)]) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
