"""What `--tolerance` means for a run: fewer points, fewer samples, and how far off the result may be.

Owns: which of the two means a run can use, how the tolerance is divided between them, and the account of what was
saved and reached. The means themselves are sweep/refine.py (points) and objective/sampled.py (samples).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape.errors import UsageError
from landscape.objective.objective import Objective
from landscape.objective.sampled import FIRST_ROUND, SampledObjective, pilot_statistics, sampling_obstacle, take_census
from landscape.recipes.options import Options
from landscape.surfaces.file import STDERR_PREFIX, SurfaceFile
from landscape.surfaces.surface import DONE, EVALUATION, INTERPOLATED, Surface
from landscape.sweep.launch import World
from landscape.sweep.refine import Refined
from landscape.sweep.sampler import EveryPoint, Result, Sampler

if TYPE_CHECKING:
    from landscape.recipes.job import Job

# Of a tolerance T: the standard error of a sampled value is to be 0.35 T, so that 95 % of them are within 0.7 T, and what
# interpolation adds within 0.7 T at 95 % of the points: in squares, that is T. As all points draw the same samples, their
# errors go together, and an unlucky draw of the whole surface should be within T too: here T is 2.9 standard errors.
STDERR_SHARE, POINTS_SHARE = 0.35, 0.7
PILOT_POINTS = 6
TWO_SIDED_95 = 1.96
SAMPLES = "_samples"


@dataclass(frozen=True)
class Means:
    """How a run saves work: relative `tolerance` of the loss, by leaving out `points`, `samples`, or both."""

    tolerance: float
    points: bool
    samples: bool
    why_not: str | None = None

    @classmethod
    def of(cls, options: Options, objective: Objective) -> Means | None:
        """None when everything is to be evaluated.

        Raises:
            UsageError: only samples may be left out (`refine=False`), and they cannot.
        """
        if not options.tolerance:
            return None
        why_not = sampling_obstacle(objective) if options.refine is not True else None
        if why_not and options.refine is False:
            raise UsageError(f"tolerance {options.tolerance:g} without refine: {why_not}; drop --no-refine")
        samples = options.refine is not True and not why_not
        return cls(options.tolerance, options.refine is not False, samples, why_not)

    def facts(self) -> dict[str, Any]:
        return {"asked": self.tolerance, "points": self.points, "samples": self.samples}

    @property
    def stderr(self) -> float:
        """The relative standard error wanted of a value estimated from some samples."""
        return STDERR_SHARE * self.tolerance

    @property
    def interpolation(self) -> float:
        """The relative error wanted of interpolation at 95 % of the points."""
        return POINTS_SHARE * self.tolerance if self.samples else self.tolerance


def sampled(job: Job, world: World) -> Callable[[tuple[float, ...]], Result]:
    """Evaluates all samples at the nets, each rank its part, and then estimates at any point."""
    moves = [lambda coords=coords: job.move(coords) for coords in job.anchors]
    census = take_census(job.objective, moves, _gather(world), world.rank, world.size)
    driver = job.drivers[0].split("_", 1)[1]
    estimator = SampledObjective(job.objective, census, job.means.stderr, driver)

    def estimate(coords: tuple[float, ...]) -> Result:
        job.move(coords)
        return estimator.evaluate()

    return estimate


def _gather(world: World):
    if world.size == 1:
        return lambda value: [value]
    from landscape.sweep.mpi import gather

    return lambda value: gather(world, value)


def sampler_for(job: Job, file: SurfaceFile) -> Sampler:
    """What is asked of a run that continues `file`."""
    if job.means is None or not job.means.points:
        return EveryPoint(job.grid, file.pending())
    through = sorted({coordinate for coords in job.anchors for coordinate in coords})
    return Refined(
        job.grid,
        job.means.interpolation,
        job.drivers,
        known=computed(file),
        through=through,
        noisy=job.means.samples,
    )


def computed(file: SurfaceFile) -> dict[int, Result]:
    """The results that a file holds, by point number."""
    surface = file.surface
    done = np.flatnonzero(surface.status[EVALUATION].ravel() == DONE)
    columns = dict(surface.values) | {STDERR_PREFIX + name: array for name, array in surface.stderr.items()}
    return {int(i): {name: float(array.flat[i]) for name, array in columns.items()} for i in done}


def finish(job: Job, file: SurfaceFile, sampler: Sampler) -> None:
    """Fills in the points that were not computed, and writes down what was saved and what was reached."""
    if job.means is None:
        return
    checks = np.array([])
    if isinstance(sampler, Refined):
        checks = np.array(list(sampler.checks.values()))
        for index, result in sampler.rest().items():
            file.record(index, _widened(result, sampler, checks), code=INTERPOLATED)
    file.describe("reached", reached(job, file.surface, checks))


def _widened(result: Result, sampler: Refined, checks: np.ndarray) -> Result:
    """With no samples of its own, and the error of interpolation, as the checks found it, in its standard error."""
    off = float(np.sqrt(np.mean(checks**2))) if checks.size else 0.0
    found = {name: 0.0 if name.endswith(SAMPLES) else value for name, value in result.items()}
    for name in sampler.drivers:
        own = found.get(STDERR_PREFIX + name, 0.0)
        found[STDERR_PREFIX + name] = float(np.hypot(own, off * abs(found[name])))
    return found


@dataclass(frozen=True)
class Saving:
    """What a run under a tolerance is expected to take: points, samples at each, and evaluations of a sample in all."""

    points: int
    samples: int
    evaluations: int


def expected_saving(job: Job) -> Saving:
    """For a smooth surface, from the spread of the losses of a few samples at a few points.

    Without a census (that would take as long as many points), so as if samples were drawn blindly: rather too many.
    """
    points, every = job.grid.size, job.objective.samples
    if job.means.points:
        sampler = Refined(job.grid, job.means.interpolation, job.drivers)
        sampler.ask()
        points = sampler.expected
    if not job.means.samples:
        return Saving(points, every, points * every)
    numbers = np.linspace(0, job.grid.size - 1, PILOT_POINTS).astype(int).tolist()
    samples = float(np.mean([_pilot(job, job.grid.coordinates(number)) for number in numbers]))
    return Saving(points, round(samples), round(points * samples) + len(job.anchors) * every)


def _pilot(job: Job, coords: tuple[float, ...]) -> float:
    """How many samples this point would take, by the spread over some of them."""
    job.move(coords)
    needed = 0.0
    for driver in job.drivers:
        name, metric = driver.split("_", 1)
        mean, spread = pilot_statistics(job.objective, name, metric)
        size = job.objective.splits[name].size
        share = (job.means.stderr * abs(mean) / spread) ** 2 if spread > 0 else np.inf
        needed += size if not np.isfinite(mean) else max(min(size, FIRST_ROUND), 1 / (share + 1 / size))
    return needed


def reached(job: Job, surface: Surface, checks: np.ndarray) -> dict[str, Any]:
    """The account of a run under a tolerance, for the file, the figure and the closing line.

    `error`: relative, at 95 % of the points: half the 95 % interval that sampling leaves, and what interpolation was off
    at the `checks`, in squares.
    """
    done = surface.status[EVALUATION] == DONE
    per_point = sum(split.size for split in job.objective.splits.values())
    if job.means.samples:
        evaluated = sum(int(a[done].sum()) for name, a in surface.values.items() if name.endswith(SAMPLES))
        evaluated += len(job.anchors) * per_point
    else:
        evaluated = int(done.sum()) * per_point
    sampling = _sampling_error(surface, done, job.drivers) if job.means.samples else 0.0
    between = float(np.quantile(checks, 0.95)) if checks.size else 0.0
    return {
        "points": int(done.sum()),
        "of": int(done.size),
        "evaluations": evaluated,
        "of_evaluations": int(done.size) * per_point,
        "sampling_error": sampling,
        "interpolation_error": between,
        "checks": int(checks.size),
        "worst_check": float(checks.max()) if checks.size else 0.0,
        "error": float(np.hypot(sampling, between)),
    }


def _sampling_error(surface: Surface, done: np.ndarray, drivers: Sequence[str]) -> float:
    """Half the width of the 95 % interval of the loss, relative to it: the largest but for 5 % of the points."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.array([np.abs(surface.stderr[name][done] / surface.values[name][done]) for name in drivers])
    finite = shares[np.isfinite(shares)]
    return float(TWO_SIDED_95 * np.quantile(finite, 0.95)) if finite.size else 0.0
