#!/usr/bin/env python
"""How many samples does `--tolerance` take, and do its errors hold? Simulated from losses that are kept one by one.

    python scripts/simulate_tolerance.py LOSSES.npz --population 1438 --stderr 0.02 -- CKPT --samples 256 -x -1:1:49 -y -1:1:49

After `--` come the checkpoint and the options of `landscape surface`. The losses of its samples at every point are computed once
and kept in LOSSES.npz. A population of any size is drawn from these samples with replacement, and the program's own sampler and
estimates go over the plane. Truth is the mean over the population, so every point and every error is known. As samples are
repeated, the numbers compare ways of estimating, and do not predict a run.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from check_tolerance import on_plane_of

from landscape.grid import Axis, Grid, parse_range
from landscape.measurement.evaluate import move
from landscape.objective.census import Census, measure_samples
from landscape.objective.frame import DrawnSamples, SamplingFrame
from landscape.objective.rounds import Neighbour, PointEstimator
from landscape.study.reduction import POINTS_SHARE, STDERR_SHARE
from landscape.sweep.neighbours import CoarseToFine, WithNeighbours
from landscape.sweep.refine import Refined

DRIVER = "train_loss"


@dataclass(frozen=True)
class Losses:
    """`values` (points, samples) over `grid`, `labels` (samples,), and which point is the net."""

    grid: Grid
    values: np.ndarray
    labels: np.ndarray
    centre: int

    def population(self, size: int, seed: int) -> Losses:
        """As many samples, drawn from these with replacement."""
        drawn = np.random.default_rng(seed).integers(0, self.values.shape[1], size)
        return Losses(self.grid, self.values[:, drawn], self.labels[drawn], self.centre)


def losses_of(path: Path, words: list[str]) -> Losses:
    """The kept losses, or those of a run with these words, which are kept."""
    if not path.exists():
        _compute(path, words)
    with np.load(path) as kept:
        axes = [parse_range(str(text), name=name) for text, name in zip(kept["axes"], "xy", strict=True)]
        grid = Grid(tuple(Axis(name, each.values) for name, each in zip("xy", axes, strict=True)))
        centre = int(np.argmin([sum(abs(each) for each in grid.coordinates(number)) for number in range(grid.size)]))
        return Losses(grid, kept["values"], kept["labels"], centre)


def _compute(path: Path, words: list[str]) -> None:
    on = on_plane_of(words)
    objective, grid = on.subject.objective, on.slice.grid
    numbers, found, started = np.arange(objective.splits["train"].size), [], time.monotonic()
    for number in range(grid.size):
        move(on.subject, on.slice, grid.coordinates(number))
        measured = measure_samples(objective, "train", numbers, outputs=False)
        found.append(measured.metrics["loss"].astype(np.float32))
        if number % 100 == 99:
            print(f"{number + 1}/{grid.size} points, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    axes = [words[words.index(flag) + 1] if flag in words else "-1:1:51" for flag in ("-x", "-y")]
    labels = objective.splits["train"].targets
    np.savez_compressed(path, values=np.stack(found), labels=np.asarray(labels), axes=axes)


def _values(row: np.ndarray, numbers: np.ndarray) -> dict[str, np.ndarray]:
    return {"loss": row[numbers]}


def swept(losses: Losses, stderr: float, seed: int, leaves_out: bool) -> dict[str, np.ndarray]:
    """Results of the points that were computed, by name; `index` has their numbers."""
    anchor = Census({"loss": losses.values[[losses.centre]]}, None, losses.labels)
    frame, found = SamplingFrame.of(anchor, "loss", seed), dict[int, dict[str, Any]]()
    between = POINTS_SHARE * stderr / STDERR_SHARE
    inner = Refined(losses.grid, between, [DRIVER], noisy=True) if leaves_out else CoarseToFine(losses.grid)
    sampler = WithNeighbours(inner, f"drawn/{DRIVER}")
    while points := sampler.ask():
        results = {}
        for point in points:
            drawn = DrawnSamples(frame, functools.partial(_values, losses.values[point.index]))
            estimator = PointEstimator("train", drawn, "loss", stderr * point.given.share**0.5)
            near = [Neighbour(each, None if any(coords) else 0) for coords, each in point.given.neighbours]
            results[point.index] = estimator.results(estimator.beside(near) or estimator.alone())
        found |= results
        sampler.tell(results)
    columns = (DRIVER, f"stderr/{DRIVER}", "train_samples")
    return {"index": np.array(list(found))} | {
        name: np.array([each[name] for each in found.values()], float) for name in columns
    }


def plainly(losses: Losses, stderr: float) -> float:
    """Samples drawn at random, nothing else known, at all points: n with variance / n * (1 - n/N) as accepted."""
    mean, variance, every = losses.values.mean(1), losses.values.var(1), losses.values.shape[1]
    return float(np.sum(1 / ((stderr * mean) ** 2 / variance + 1 / every)))


def row(losses: Losses, stderr: float, seed: int, leaves_out: bool) -> str:
    """One row of the table of docs/performance.md."""
    found, truth, every = swept(losses, stderr, seed, leaves_out), losses.values.mean(1), losses.values.shape[1]
    true, told = truth[found["index"]], found[DRIVER]
    taken, some = found["train_samples"].sum() + every, found["train_samples"] < every
    errors, wide = np.abs(told - true)[some], found[f"stderr/{DRIVER}"][some]
    total = losses.grid.size * every
    holds = f"{100 * np.mean(errors <= 1.96 * wide):.1f} %" if some.any() else "all drawn"
    shares = f"1/{total / plainly(losses, stderr):.3g} | 1/{total / taken:.3g}"
    return (
        f"| {every:,} | {'left out' if leaves_out else 'every point'} | {len(told)} of {losses.grid.size} | {taken:,.0f} | "
        f"{shares} | {holds} | {100 * np.max(np.abs(told / true - 1)):.2g} % |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("losses", type=Path)
    parser.add_argument("--population", type=int, nargs="+", default=[1438])
    parser.add_argument("--stderr", type=float, default=0.02, help="relative standard error, 0.4 of a tolerance")
    parser.add_argument("--seeds", type=int, default=1, help="how many draws of the population and of its samples")
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options = parser.parse_args(sys.argv[1:split])
    kept = losses_of(options.losses, sys.argv[split + 1 :])
    print(
        "| population | points | computed | samples | plain, of all | of all | 95 % intervals that hold | largest error |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for size in options.population:
        for seed in range(options.seeds):
            losses = kept.population(size, seed)
            for leaves_out in (False, True):
                print(row(losses, options.stderr, seed, leaves_out), flush=True)


if __name__ == "__main__":
    main()
