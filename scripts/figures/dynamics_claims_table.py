"""The counted claims of figure `dynamics`: what the runs of dynamics_claims.py came to, beside what is claimed of them.

Owns: what counts as shown. Each function returns lines of Markdown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

import numpy as np
from dynamics_claims import BATCHES, GRID_BATCHES, GRID_RATES, NORMS, RATES, SADDLE_RATES, SEEDS, STIFF_RATES
from scipy.stats import spearmanr

import landscape as ll

Pairs = list[tuple[Path, Path]]


def values_of(run: Path, name: str) -> np.ndarray:
    return np.asarray(ll.load_surface(run / "dynamics.h5").values[name], dtype=float)


def peak(run: Path, name: str) -> tuple[float, float]:
    """(the greatest value along the run, its step)."""
    surface = ll.load_surface(run / "dynamics.h5")
    at = int(np.nanargmax(surface.values[name]))
    return float(surface.values[name][at]), float(surface.x[at])


def spearman(first: Iterable[float], second: Iterable[float]) -> float:
    return float(spearmanr(list(first), list(second)).statistic)


def share(pairs: Pairs, holds: Callable[[Path, Path], bool]) -> str:
    return f"{sum(holds(*pair) for pair in pairs)} of {len(pairs)}"


def break_even(runs: Path) -> list[str]:
    """a3: pairs of runs that differ in one setting; the first of a pair has the larger rate, or the smaller batch."""

    def place(net: str, lr: float, batch: int, seed: int) -> Path:
        return runs / "a3" / f"{net}_{lr:g}_{batch}_{seed}"

    def lower(first: Path, second: Path) -> bool:
        return peak(first, "covariance_max")[0] < peak(second, "covariance_max")[0]

    def higher(first: Path, second: Path) -> bool:
        return peak(first, "covariance_ratio")[0] > peak(second, "covariance_ratio")[0]

    def earlier(first: Path, second: Path) -> bool:
        return peak(first, "covariance_max")[1] < peak(second, "covariance_max")[1]

    rows = [
        "| net | first of each pair | lower maximum of K | higher maximum of last / first | maximum of K earlier |",
        "|---|---|---|---|---|",
    ]
    for net in NORMS:
        name = "with batch norm" if net.endswith("bn") else "without"
        rates: Pairs = [tuple(place(net, lr, b, s) for lr in RATES) for b, s in product(BATCHES, SEEDS)]  # type: ignore[misc]
        sizes: Pairs = [tuple(place(net, lr, b, s) for b in BATCHES) for lr, s in product(RATES, SEEDS)]  # type: ignore[misc]
        for what, pairs in (
            (f"rate {RATES[0]:g}, not {RATES[1]:g}", rates),
            (f"batch {BATCHES[0]}, not {BATCHES[1]}", sizes),
        ):
            rows.append(
                f"| {name} | {what} | {share(pairs, lower)} | {share(pairs, higher)} | {share(pairs, earlier)} |"
            )
    return rows


def stiffness(runs: Path) -> list[str]:
    """a4: means over the nets after the first."""
    rows = [
        "| learning rate | within classes | between | nets with within > between | length | last loss |",
        "|---|---|---|---|---|---|",
    ]
    lengths = []
    for lr in STIFF_RATES:
        run = runs / "a4" / f"lr_{lr:g}"
        within, between, length = (values_of(run, f"stiffness_{name}")[1:] for name in ("within", "between", "length"))
        lengths.append(float(np.nanmedian(length)))
        rows.append(
            f"| {lr:g} | {np.nanmean(within):.3f} | {np.nanmean(between):.3f} | {int((within > between).sum())} of {len(within)} "
            f"| {lengths[-1]:.3f} | {values_of(run, 'train_loss')[-1]:.3g} |"
        )
    if len(set(lengths)) == 1:
        return [
            *rows,
            "",
            "The median length is the same at all rates; inf: the stiffness within classes stays positive.",
        ]
    return [*rows, "", f"Spearman of the median length with the learning rate: {spearman(STIFF_RATES, lengths):.2f}."]


def three_factors(runs: Path) -> list[str]:
    """a5: the largest eigenvalue of the last net."""
    grid = list(product(GRID_RATES, GRID_BATCHES))
    places = [runs / "a5" / f"{lr:g}_{batch}" for lr, batch in grid]
    largest, losses = ([values_of(place, name)[-1] for place in places] for name in ("hessian_max", "train_loss"))
    ratio = [lr / batch for lr, batch in grid]
    found = dict(zip(grid, largest, strict=True))
    rows = [
        "| rate | " + " | ".join(f"batch {batch}" for batch in GRID_BATCHES) + " |",
        "|---" * (len(GRID_BATCHES) + 1) + "|",
    ]
    rows += [
        f"| {lr:g} | " + " | ".join(f"{found[lr, batch]:.3g}" for batch in GRID_BATCHES) + " |" for lr in GRID_RATES
    ]
    said = f"Spearman of the largest eigenvalue with rate / batch: {spearman(ratio, largest):.2f}; with the last loss: "
    return [
        *rows,
        "",
        f"{said}{spearman(losses, largest):.2f}; of the loss with rate / batch: {spearman(ratio, losses):.2f}.",
    ]


def saddles(runs: Path) -> list[str]:
    """a6: the share of eigenvalues below -0.001 of the largest magnitude, along three runs."""
    rows = [
        "| rate | share at first | at last | loss at first | at last | Spearman of share and loss |",
        "|---|---|---|---|---|---|",
    ]
    for lr in SADDLE_RATES:
        share, loss = (values_of(runs / "a6" / f"lr_{lr:g}", name) for name in ("hessian_negative", "train_loss"))
        rows.append(
            f"| {lr:g} | {share[0]:.1%} | {share[-1]:.1%} | {loss[0]:.3g} | {loss[-1]:.3g} | {spearman(loss, share):+.2f} |"
        )
    return rows


def claims(runs: Path) -> Iterable[str]:
    """All four tables with their headings."""
    for heading, table in (
        ("Break-even point (24 runs)", break_even),
        ("Stiffness (5 runs)", stiffness),
        ("Learning rate over batch size (25 runs)", three_factors),
        ("Negative eigenvalues (3 runs)", saddles),
    ):
        yield from ("", f"## {heading}", "", *table(runs))
