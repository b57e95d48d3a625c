#!/usr/bin/env python
"""Is the error of a surface made under `--tolerance` what it says? `python scripts/check_tolerance.py FILE.h5 -- CKPT ...`

After `--` come the checkpoint and the options of the run that made FILE.h5, but for the tolerance and -o. At grid points
picked at random, all samples are evaluated, and the loss in the file is compared with that. The full values are kept in
FILE.check.npz as they come: started again, it goes on where it was. FILE.h5 need not be there yet when the values are
computed (`--only-values`).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from landscape.cli.parser import parse
from landscape.measurement.evaluate import Evaluate, drivers
from landscape.options.option import Given
from landscape.study.on_slice import Asked, OnSlice, on_plane
from landscape.surfaces import load_surface
from landscape.surfaces.surface import EVALUATION, INTERPOLATED, Surface
from landscape.sweep.sampler import Point
from landscape.sweep.work import compute_point
from landscape.sweep.world import World


def on_plane_of(words: list[str]) -> OnSlice:
    """Subject and plane of `landscape surface` with these words, with everything evaluated."""
    given = parse(["surface", *words])[1]
    known = {key: value for key, value in given.items() if key not in ("tolerance", "refine", "out")}
    ranges = {axis: given.get(axis) or "-1:1:51" for axis in ("x", "y")}
    return on_plane(Asked.of(given["checkpoint"], Given(known)), ranges, World(), "surface")


def full_values(on: OnSlice, path: Path, count: int, seed: int) -> dict[int, float]:
    """The loss of all samples at `count` points, always the same ones for a seed; kept in `path` one by one."""
    grid, work, driver = on.slice.grid, Evaluate(on.subject, on.slice), drivers(on.subject)[0]
    numbers = np.random.default_rng(seed).choice(grid.size, min(count, grid.size), replace=False)
    found = {}
    if path.exists():
        with np.load(path) as kept:
            found = dict(zip(kept["numbers"].tolist(), kept["loss"].tolist(), strict=True))
    started, done = time.monotonic(), 0
    for number in numbers.tolist():
        if number not in found:
            found[number] = compute_point(work, Point(number, grid.coordinates(number)))[driver]
            np.savez(path, numbers=list(found), loss=list(found.values()))
            done += 1
            each = (time.monotonic() - started) / done
            print(f"{len(found)}/{len(numbers)} points in full, {each:.0f} s each", file=sys.stderr, flush=True)
    return {number: found[number] for number in numbers.tolist()}


def report(surface: Surface, truth: dict[int, float], driver: str) -> None:
    """A row of the table in docs/performance.md, and the errors in words."""
    numbers = np.array(list(truth))
    true, told = np.array(list(truth.values())), surface.values[driver].flat[numbers]
    between = surface.status[EVALUATION].flat[numbers] == INTERPOLATED
    error, asked = np.abs(told / true - 1), surface.provenance["tolerance"]["asked"]
    standard = (told - true) / surface.stderr[driver].flat[numbers]
    reached = surface.provenance["run"]["reached"]
    saved = reached["of_evaluations"] / reached["evaluations"]
    print(f"asked {asked:g}; stated {reached['error']:.4f} at 95 % of the points")
    print(f"{len(numbers)} points in full, {between.sum()} of them interpolated in the file")
    for name, chosen in (("all", between | ~between), ("computed", ~between), ("interpolated", between)):
        if chosen.any():
            print(f"  {name}: error {np.quantile(error[chosen], 0.95):.4f} at 95 %, {error[chosen].max():.4f} at most")
    for limit in (asked, 2 * asked):
        print(f"  within {limit:g}: {100 * np.mean(error <= limit):.1f} %")
    known = np.isfinite(standard)
    print(f"  in standard errors: root mean square {np.sqrt(np.mean(standard[known] ** 2)):.2f}")
    print(f"  evaluations {reached['evaluations']:,} of {reached['of_evaluations']:,}: 1/{saved:.4g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--points", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1, help="which points are picked")
    parser.add_argument("--only-values", action="store_true", help="compute the full values, compare nothing")
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options = parser.parse_args(sys.argv[1:split])
    on = on_plane_of(sys.argv[split + 1 :])
    truth = full_values(on, options.file.with_suffix(".check.npz"), options.points, options.seed)
    if not options.only_values:
        report(load_surface(options.file), truth, drivers(on.subject)[0])


if __name__ == "__main__":
    main()
