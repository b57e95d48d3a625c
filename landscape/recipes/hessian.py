"""`landscape hessian`: the ends of the Hessian's spectrum over a surface, along a line, or along a training run.

Owns: the signature, which points are computed and in which order, and the life of the run. What is computed at a point is the
business of curvature_job.py; where, of curvature_place.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from landscape.curvature.operator import CurvatureOperator
from landscape.errors import UsageError
from landscape.grid import Grid
from landscape.objective.numerics import memory_budget
from landscape.recipes.curvature_job import GROUP, Curvature, Settings
from landscape.recipes.curvature_place import Place, few_of, place_of
from landscape.recipes.job import versions_used
from landscape.recipes.ranks import check_same, on_all_ranks, shared, together
from landscape.recipes.run import Plan
from landscape.surfaces.file import SurfaceFile
from landscape.surfaces.surface import FAILED, PENDING, Surface
from landscape.sweep.executor import PointFailed
from landscape.sweep.launch import World, connect
from landscape.sweep.loop import sweep
from landscape.sweep.progress import Progress, note
from landscape.sweep.sampler import EveryPoint

# What a point starting from its neighbour's eigenvectors takes, for the time that --dry-run foretells (docs/performance.md): by
# products alone, or by so many beside rough ones.
USUAL_PRODUCTS, USUAL_BESIDE = 13, 3


def hessian(
    surface: Surface | str | Path,
    *,
    every: int = 1,
    ignore: str = "biasbn",
    tolerance: float = 0.01,
    index: float | None = None,
    split: str | Sequence[str] | None = None,
    samples: int | None = None,
    products: str | None = None,
    search: str = "auto",
    checkpoint: Any = None,
    model: Any = None,
    data: Any = None,
    data_root: str | None = None,
    loss: str | Callable | None = None,
    to: Any = None,
    to_y: Any = None,
    directions: str | Path | None = None,
    device: str = "auto",
    precision: str | None = None,
    batch_size: int | None = None,
    threads: int | None = None,
    dry_run: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> Surface | Plan:
    """Adds the largest and the smallest eigenvalue of the Hessian of the mean loss to every point of a surface file.

    The plane, the net, the data and the loss are those of the file, by its own provenance; it is refused when one of them is
    no longer the same. Adds `hessian_max`, `hessian_min`, the error of each as `hessian_max_error`, ... (see `Extremes`),
    `hessian_settled`, whether both are as precise as asked, and `hessian_products`, how many products
    the point took, with `hessian_rough`, how many in bfloat16.

    Args:
        surface: a surface file, which is extended; a `Surface`, of which an extended copy is returned; or the folder of a
            training run: its checkpoints are the points of FOLDER/hessian.h5, with the training step as x.
        every: of the grid, take every so many points in each direction, so that the centre is among them.
        ignore: parameters that do not count: "biasbn" leaves those with more than one dimension, as Li et al. 2018 do.
        tolerance: accepted relative error of each eigenvalue; an end smaller than a thousandth of the other need only be
            known as well as that.
        index: also the saddle index: the share of eigenvalues below minus `index` times the largest magnitude, estimated by
            stochastic Lanczos quadrature, as `hessian_negative` with its standard error; 0.001 is usual.
        split: "train" or "test"; default train, if the file has it.
        samples: so many of the samples of the file, always the same ones; default all of them.
        products: "program", "graph" or "differences"; default the first that the net allows (`curvature.products`).
        search: "auto" looks for the ends with products in bfloat16 where these are faster on this machine, "bf16" wherever
            the net allows it, "exact" never. What is found is told by products in the precision asked for in any case.
        checkpoint, model, data, data_root, loss, to, to_y, directions: what has moved since, or was never in a file.
        device, precision, batch_size, threads: how to compute; the default precision is fp32, or fp64 where the file's is.
        overwrite: drop the Hessian values of another kind that the file has.
        dry_run: return a `Plan` and compute nothing.

    Returns:
        The surface with the values added; under MPI on every rank.

    Raises:
        LandscapeError: bad input, a loss without second derivatives; what was computed is kept.
    """
    settings = Settings(ignore, tolerance, index).checked()
    if every < 1:
        raise UsageError(f"every {every}: expected 1 (all points) or more")
    given = {
        "checkpoint": checkpoint, "model": model, "data": data, "data_root": data_root, "loss": loss, "to": to,
        "to_y": to_y, "directions": directions, "device": device, "batch_size": batch_size, "threads": threads,
    }  # fmt: skip
    chosen = _single(split)
    world, threads_before = connect(), torch.get_num_threads()

    def set_up() -> _Map:
        found = place_of(surface, given, world, split=chosen, precision=precision)
        return _made(found, settings, every, samples, (products, search), world)

    try:
        made = together(world, set_up)
        check_same(world, made.place.marks)
        file = together(world, lambda: _file(made, overwrite, world, dry_run))
        if dry_run:
            return together(world, lambda: _plan(made, world))
        for text in made.notes if world.leads else ():
            note(text, label=made.label, quiet=quiet)
        on_all_ranks(
            world,
            lambda: made.work.evaluate,
            lambda executor, evaluate: _lead(made, file, executor, evaluate, world, quiet=quiet),
        )
    finally:
        torch.set_num_threads(threads_before)
    return shared(world, lambda: file.surface)


@dataclass(frozen=True, eq=False)
class _Map:
    place: Place
    work: Curvature
    products: CurvatureOperator
    facts: dict
    points: tuple[int, ...]
    notes: tuple[str, ...]
    run: dict

    @property
    def label(self) -> str:
        return f"{self.place.surface.provenance['model']['name']} curvature"


def _single(split: str | Sequence[str] | None) -> str | None:
    names = [split] if isinstance(split, str) else list(split or [])
    if len(names) > 1:
        raise UsageError(f"split {', '.join(names)}: curvature is that of one split; run the command on each surface")
    return names[0] if names else None


def _made(
    place: Place, settings: Settings, every: int, samples: int | None, how: tuple[str | None, str], world: World
) -> _Map:
    objective = place.objective
    name = next(iter(objective.splits))
    objective.splits = {name: few_of(objective.splits[name], samples)}
    split = objective.splits[name]
    budget = memory_budget(objective.device, world.local_size)
    products = CurvatureOperator(objective, ignore=settings.ignore, backend=how[0], budget=budget)
    rough = products.low_precision(how[1])
    facts = {
        **place.facts,
        "samples": split.size,
        "fingerprint": split.fingerprint,
        "ignore": settings.ignore,
        "parameters": products.dimension,
        "tolerance": settings.tolerance,
        "index": settings.index,
        "products": products.backend,
    }
    run = {
        "versions": versions_used(),
        "ranks": world.size,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "every": every,
        "search": "bf16" if rough else "exact",
    }
    work = Curvature(place.move, objective, products, settings, place.loss, rough)
    points = tuple(thinned(place.surface.grid, every))
    return _Map(place, work, products, facts, points, tuple(products.notes), run)


def thinned(grid: Grid, every: int) -> list[int]:
    """The numbers of the points of `grid.lattice(every)`."""
    return np.ravel_multi_index(np.meshgrid(*grid.lattice(every), indexing="ij"), grid.shape).ravel().tolist()


def in_strips(grid: Grid, points: Sequence[int], ranks: int) -> list[int]:
    """The points in an order that keeps each of so many ranks among its own neighbours while all are equally fast.

    Along the rows, forth and back, so that consecutive points are neighbours; that path is cut into one strip for each rank,
    and the first points of all strips come first.
    """
    if grid.ndim > 1:
        width = grid.shape[-1]
        rows = {row: number for number, row in enumerate(sorted({point // width for point in points}))}
        points = sorted(points, key=lambda p: (p // width, (p % width) * (-1) ** rows[p // width]))
    strips = [list(part) for part in np.array_split(np.array(points, dtype=int), max(1, min(ranks, len(points))))]
    longest = max(map(len, strips), default=0)
    return [int(strip[i]) for i in range(longest) for strip in strips if i < len(strip)]


def _file(made: _Map, overwrite: bool, world: World, dry_run: bool) -> SurfaceFile | None:
    if not world.leads or dry_run:
        return None
    place = made.place
    file = SurfaceFile.extend(place.surface, place.path, GROUP, made.facts, overwrite=overwrite)
    file.describe(GROUP, made.run)
    return file


def _pending(made: _Map, surface: Surface) -> list[int]:
    status = surface.status.get(GROUP)
    if status is None:
        return list(made.points)
    return [point for point in made.points if status.flat[point] in (PENDING, FAILED)]


def _lead(made: _Map, file: SurfaceFile, executor, evaluate, world: World, *, quiet: bool) -> None:
    grid = made.place.surface.grid
    pending = _pending(made, file.surface)
    if not pending:
        return
    size = next(iter(made.place.objective.splits.values())).size
    done = len(made.points) - len(pending)
    with file, Progress(len(made.points), done, size, label=made.label, quiet=quiet) as progress:

        def keep(point, result) -> None:
            file.record(point.index, result, group=GROUP)
            progress.update(size * (result[f"{GROUP}_products"] + result[f"{GROUP}_rough"]))

        try:
            sweep(EveryPoint(grid, in_strips(grid, pending, world.size)), executor, evaluate, keep)
        except PointFailed as failure:
            file.record_failure(failure.point.index, group=GROUP)
            raise


def _seconds_of(apply: Callable, vector: torch.Tensor) -> float:
    apply(vector)
    started = time.perf_counter()
    float(apply(vector)[0])  # waits for a GPU
    return time.perf_counter() - started


def _plan(made: _Map, world: World) -> Plan:
    objective, surface = made.place.objective, made.place.surface
    split = next(iter(objective.splits.values()))
    made.place.move(surface.grid.coordinates(made.points[len(made.points) // 2]))
    made.products.refresh()
    vector = made.products.gaussian(0)
    seconds = USUAL_PRODUCTS * _seconds_of(made.work.rough or made.products, vector)
    if made.work.rough:
        seconds += USUAL_BESIDE * _seconds_of(made.products, vector)
    products = USUAL_PRODUCTS + (USUAL_BESIDE if made.work.rough else 0)
    return Plan(
        points=len(made.points),
        pending=len(_pending(made, surface)),
        samples_per_point=split.size * products,
        samples_per_second=split.size * products / seconds,
        ranks=world.size,
        weight_bytes=objective.nbytes,
        data_bytes=split.nbytes,
        provenance=surface.provenance,
    )
