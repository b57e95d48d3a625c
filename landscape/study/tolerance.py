"""A run under a tolerance: its sampler, and how far off the result may be.

Owns: the sampler of a run, and the report of what was saved and reached. reduction.py divides the tolerance; sweep/refine.py
leaves out points; estimator.py makes what leaves out samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from landscape.measurement.evaluate import drivers, move, quantity_of
from landscape.objective.objective import Objective
from landscape.objective.rounds import FIRST_BESIDE, FIRST_ROUND
from landscape.objective.sampled import pilot_statistics
from landscape.quantity import DRAWN, ROUGH_SAMPLES, SAMPLES
from landscape.study.estimator import anchors, looked
from landscape.study.on_slice import OnSlice
from landscape.study.reduction import Reduction
from landscape.study.study import Saving
from landscape.surfaces.file import STDERR_PREFIX, SurfaceFile
from landscape.surfaces.provenance import ReachedFacts
from landscape.surfaces.surface import DONE, EVALUATION, INTERPOLATED, Surface
from landscape.sweep.neighbours import CoarseToFine, WithNeighbours
from landscape.sweep.orders import ordered
from landscape.sweep.refine import Refined, fewest_points
from landscape.sweep.sampler import Result, Sampler

PILOT_POINTS = 6
# How many points usually find no neighbours of use, and how many samples the others take in each split.
PILOT_ALONE, PILOT_BESIDE = 25, 60
TWO_SIDED_95 = 1.96


def _reduction(on: OnSlice) -> Reduction:
    assert on.reduction is not None, "only a run under a tolerance comes here"
    return on.reduction


def sampler_for(on: OnSlice, file: SurfaceFile) -> Sampler:
    """The sampler of a run that continues `file`: the chosen order, unless a tolerance leaves something out."""
    grid, known = on.slice.grid, computed(file)
    if on.reduction is None:
        return ordered(on.tolerance.order, grid, known)
    inner = _refined(on, known) if on.reduction.points else CoarseToFine(grid, known)
    if not on.reduction.samples:
        return inner
    drawn = {index: {**result, **_drawn(file.surface, index)} for index, result in known.items()}
    return WithNeighbours(inner, f"{DRAWN}{drivers(on.subject)[0]}", drawn)


def _drawn(surface: Surface, index: int) -> dict[str, np.ndarray]:
    return {DRAWN + name: points[index] for name, points in surface.drawn.items() if index in points}


def _refined(on: OnSlice, known: Mapping[int, Result]) -> Refined:
    through = sorted({coordinate for coords in anchors(on) for coordinate in coords})
    return Refined(
        on.slice.grid,
        _reduction(on).interpolation,
        drivers(on.subject),
        known=known,
        through=through,
        noisy=_reduction(on).samples,
    )


def computed(file: SurfaceFile) -> dict[int, Result]:
    """The results that a file holds, by point number."""
    surface = file.surface
    done = np.flatnonzero(surface.status[EVALUATION].ravel() == DONE)
    columns = dict(surface.values) | {STDERR_PREFIX + name: array for name, array in surface.stderr.items()}
    return {int(i): {name: float(array.flat[i]) for name, array in columns.items()} for i in done}


def finish(on: OnSlice, file: SurfaceFile, sampler: Sampler) -> None:
    """Fills in the points that were not computed, and records what was saved and which error was reached."""
    if on.reduction is None:
        return
    checks = np.array([])
    file.forget_drawn()
    sampler = sampler.inner if isinstance(sampler, WithNeighbours) else sampler
    if isinstance(sampler, Refined):
        rest = sampler.rest()
        # where checks failed until every point was computed, their errors are of nothing that is in the file
        checks = np.array(list(sampler.checks.values()) if rest else [])
        for index, result in rest.items():
            file.record(index, _widened(on.subject.objective, result, sampler, checks), code=INTERPOLATED)
    file.describe("reached", reached(on, file.surface, checks).json())


def _widened(objective: Objective, result: Result, sampler: Refined, checks: np.ndarray) -> Result:
    """The result with zero samples, and with the interpolation error that the checks found in its standard error."""
    # the larger where a few cells are much worse than the others
    off = float(max(np.sqrt(np.mean(checks**2)), np.quantile(checks, 0.95) / TWO_SIDED_95)) if checks.size else 0.0
    found = {
        name: 0.0 if quantity_of(objective, name).role in (SAMPLES, ROUGH_SAMPLES) else value
        for name, value in result.items()
    }
    for name in sampler.drivers:
        own = found.get(STDERR_PREFIX + name, 0.0)
        found[STDERR_PREFIX + name] = float(np.hypot(own, off * abs(found[name])))
    return found


def expected_saving(on: OnSlice) -> Saving:
    """For a smooth surface, from the spread of the losses of a few samples at a few points.

    A census would take as long as many points, so none is taken: the first points count samples as if drawn uniformly, which is
    more than they will take, many times more where a few samples carry the loss. The others have neighbours.
    """
    points, every = on.slice.grid.size, on.subject.objective.samples
    if _reduction(on).points:
        points = fewest_points(on.slice.grid)
    if not _reduction(on).samples:
        return Saving(points, every, points * every, points * every)
    numbers = np.linspace(0, on.slice.grid.size - 1, PILOT_POINTS).astype(int).tolist()
    alone = float(np.mean([_pilot(on, on.slice.grid.coordinates(number)) for number in numbers]))
    first = min(points, PILOT_ALONE)
    total = first * alone + (points - first) * min(alone, PILOT_BESIDE * len(drivers(on.subject)))
    before = len(anchors(on)) * every + looked(on)
    few = sum(min(split.size, FIRST_BESIDE) for split in on.subject.objective.splits.values())
    return Saving(points, round(total / points), round(total) + before, min(round(total), points * few) + before)


def _pilot(on: OnSlice, coords: tuple[float, ...]) -> float:
    """How many samples this point would take, by the spread over some of them."""
    move(on.subject, on.slice, coords)
    needed = 0.0
    for driver in drivers(on.subject):
        name, metric = driver.split("_", 1)
        mean, spread = pilot_statistics(on.subject.objective, name, metric)
        size = on.subject.objective.splits[name].size
        share = (_reduction(on).stderr * abs(mean) / spread) ** 2 if spread > 0 else np.inf
        needed += size if not np.isfinite(mean) else max(min(size, FIRST_ROUND), 1 / (share + 1 / size))
    return needed


def reached(on: OnSlice, surface: Surface, checks: np.ndarray) -> ReachedFacts:
    """The report of a run under a tolerance, for the file, the figure and the closing line.

    `error`: relative, at 95 % of the points: half the 95 % interval of sampling and the interpolation error at the
    `checks`, added in squares; `checks` is empty where no point is interpolated.
    """
    done = surface.status[EVALUATION] == DONE
    per_point = sum(split.size for split in on.subject.objective.splits.values())
    rough = 0
    if _reduction(on).samples:
        evaluated, rough = (_passed(surface, done, role) for role in (SAMPLES, ROUGH_SAMPLES))
        evaluated += _beside_grid(on) * per_point + looked(on)
        if any(surface.quantity(name).role == ROUGH_SAMPLES for name in surface.values):
            rough += looked(on)
    else:
        evaluated = int(done.sum()) * per_point
    sampling = _sampling_error(surface, done, drivers(on.subject)) if _reduction(on).samples else 0.0
    between = float(np.quantile(checks, 0.95)) if checks.size else 0.0
    return ReachedFacts(
        points=int(done.sum()),
        of=int(done.size),
        evaluations=evaluated,
        rough_evaluations=rough or None,
        of_evaluations=int(done.size) * per_point,
        sampling_error=sampling,
        interpolation_error=between,
        checks=int(checks.size),
        worst_check=float(checks.max()) if checks.size else 0.0,
        error=float(np.hypot(sampling, between)),
    )


def _passed(surface: Surface, done: np.ndarray, role: str) -> int:
    return sum(int(array[done].sum()) for name, array in surface.values.items() if surface.quantity(name).role == role)


def _beside_grid(on: OnSlice) -> int:
    """How many anchors, of which all samples are evaluated, are not points of the grid."""
    coordinates = [on.slice.grid.coordinates(number) for number in range(on.slice.grid.size)]
    return sum(anchor not in coordinates for anchor in anchors(on))


def _sampling_error(surface: Surface, done: np.ndarray, drivers: Sequence[str]) -> float:
    """Half the width of the 95 % interval of the loss, relative to it: the 95th percentile over the points."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.array([np.abs(surface.stderr[name][done] / surface.values[name][done]) for name in drivers])
    finite = shares[np.isfinite(shares)]
    return float(TWO_SIDED_95 * np.quantile(finite, 0.95)) if finite.size else 0.0
