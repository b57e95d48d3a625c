"""The table of figure `robust`: loss and accuracy at both nets, how their losses rise, and the nearest other class to the sample.

Usage: robust_table.py SURFACES CAPTION.md: replaces what stands below the marker in the caption.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import landscape as ll
from landscape.quantity import CLASS

MARKER = "<!-- computed by scripts/figures/robust_table.py; below this line nothing is written by hand -->"
NETS = {"plain": "trained plainly", "robust": "trained on attacks"}
# Of the plane of weights: the distance from the net, in units of filter-normalized directions, at which rises are told.
RADIUS = 0.5


def at_net(surface: ll.Surface) -> tuple[float, float, float]:
    """(loss, its standard error, accuracy) at the net."""
    place = tuple(int(np.flatnonzero(axis.values == 0)[0]) for axis in reversed(surface.grid.axes))
    return tuple(float(array[place]) for array in (
        surface.values["test_loss"], surface.stderr["test_loss"], surface.values["test_accuracy"],
    ))  # fmt: skip


def rise(surface: ll.Surface) -> float:
    """The mean loss over the points nearest to a circle around the net, over that at the net."""
    x, y = np.meshgrid(surface.x, surface.y)
    step = surface.x[1] - surface.x[0]
    ring = np.abs(np.hypot(x, y) - RADIUS) <= step / 2
    return float(surface.values["test_loss"][ring].mean() / at_net(surface)[0])


def nearest(surface: ll.Surface) -> tuple[float, float]:
    """The least |x| at y = 0 with another class than the sample's, up the loss; and the share of the plane that keeps it."""
    classes = surface.values[surface.find(CLASS)]
    own = classes[np.argmin(np.abs(surface.y)), np.argmin(np.abs(surface.x))]
    along = classes[np.argmin(np.abs(surface.y))]
    other = surface.x[(along != own) & (surface.x > 0)]
    return float(other.min()) if len(other) else float("nan"), float((classes == own).mean())


def main(folder: Path, caption: Path) -> None:
    rows = [
        "| net | loss | accuracy | loss after the attack | accuracy after it | rise of the loss | rise of the loss after it |",
        "|---|---|---|---|---|---|---|",
    ]
    steps = []
    for name, label in NETS.items():
        plain, attacked = (ll.load_surface(folder / f"robust_{name}{end}.h5") for end in ("", "_attacked"))
        cells = [label]
        for surface in (plain, attacked):
            loss, error, accuracy = at_net(surface)
            cells += [f"{loss:.3g} ± {error:.1g}", f"{100 * accuracy:.1f} %"]
        rows.append(f"| {' | '.join([*cells, f'x {rise(plain):.3g}', f'x {rise(attacked):.3g}'])} |")
        sample = ll.load_surface(folder / f"robust_{name}_inputs.h5")
        first, share = nearest(sample)
        steps.append(
            f"{label}: another class from x = {first:.2f} on at y = 0, {100 * share:.0f} % of the plane keeps the class"
        )
    facts = [
        f"Attack: {attacked.provenance['attack']}. Rise: the mean over the grid points nearest to a circle of radius "
        f"{RADIUS:g} around the net, over the value at the net.",
        f"Around sample {sample.known.input.sample} (class {sample.known.input.target}): {'; '.join(steps)}.",
    ]
    text = caption.read_text() if caption.exists() else "# Figure robust\n\n" + MARKER
    caption.write_text("\n".join([text.split(MARKER)[0] + MARKER, "", *facts, "", *rows]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
