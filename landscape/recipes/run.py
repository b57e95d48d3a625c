"""Running a job: on this process or all ranks, into a file or memory.

Owns: the life of a run: all ranks set up and agree, the leader opens the file, points are computed and kept, and
whatever ends the run, what was computed is saved first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from landscape.direction.files import write_directions
from landscape.errors import UsageError
from landscape.recipes.job import Job, make_job, measure_speed
from landscape.recipes.options import RANDOM, Options
from landscape.recipes.ranks import check_same, on_all_ranks, shared, together
from landscape.recipes.tolerance import SAMPLES, Saving, expected_saving, finish, sampled, sampler_for
from landscape.surfaces.file import SurfaceFile, check_folder
from landscape.surfaces.surface import Surface
from landscape.sweep.executor import PointFailed
from landscape.sweep.launch import World, connect
from landscape.sweep.loop import sweep
from landscape.sweep.progress import Progress, note


@dataclass(frozen=True)
class Plan:
    """What a run would do, for `--dry-run`. Times assume that all ranks are as fast as this one."""

    points: int
    pending: int
    samples_per_point: int
    samples_per_second: float
    ranks: int
    weight_bytes: int
    data_bytes: int
    provenance: dict
    saving: Saving | None = None

    @property
    def seconds(self) -> float:
        everything = self.pending * self.samples_per_point
        evaluations = min(self.saving.evaluations, everything) if self.saving else everything
        return evaluations / (self.samples_per_second * self.ranks)


def run(options: Options, ranges: dict[str, Any], *, command: str, dry_run: bool = False) -> Surface | Plan:
    """Sets up, computes what is pending, and returns the surface (on every rank).

    Raises:
        LandscapeError: bad input, a failing evaluation, an unwritable file; everything computed before is kept.
        Interrupted: Ctrl-C or SIGTERM; likewise.
    """
    world = connect()
    threads_before = torch.get_num_threads()
    try:
        if options.along != RANDOM:
            options = (_planned if dry_run else _along)(options, ranges, world)
        job, file = together(world, lambda: _set_up(options, ranges, world, command, dry_run))
        if dry_run:
            return together(world, lambda: _plan(job, world, options))
        on_all_ranks(
            world,
            lambda: _evaluator(job, file, world, quiet=options.quiet),
            lambda executor, evaluate: _lead(job, file, executor, evaluate, quiet=options.quiet),
            shard=options.shard_data,
        )
    finally:
        torch.set_num_threads(threads_before)
    return shared(world, lambda: file.surface)


def _planned(options: Options, ranges: dict[str, Any], world: World) -> Options:
    """For a plan, directions that are not there yet are as good as any; nothing is written."""
    together(world, lambda: options.completed(len(ranges)))
    path = directions_path(options.out) if options.out else None
    if path is not None and path.exists():
        return replace(options, along=RANDOM, directions=path, norm=None, ignore=None)
    return replace(options, along=RANDOM, out=None)


def _along(options: Options, ranges: dict[str, Any], world: World) -> Options:
    from landscape.recipes.along import with_directions

    def checked() -> None:
        options.completed(len(ranges))
        if options.out and world.leads:
            check_folder(Path(options.out))

    together(world, checked)
    path = directions_path(options.out) if options.out else None
    return replace(with_directions(options, ranges, path, world), along=RANDOM)


def _set_up(options: Options, ranges: dict[str, Any], world: World, command: str, dry_run: bool):
    if options.out and world.leads:
        check_folder(Path(options.out))
    job = make_job(options, ranges, world, command)
    check_same(world, marks_of(job))
    if dry_run or not world.leads:
        return job, None
    file = SurfaceFile.create_or_open(
        options.out, job.grid, job.provenance, trails=job.trails, overwrite=options.overwrite
    )
    if options.save_directions:
        if not options.out:
            raise UsageError("save-directions needs out: the directions are kept beside the surface file")
        write_directions(directions_path(options.out), job.axes.directions)
    return job, file


def directions_path(out: str | Path) -> Path:
    """Where the directions of a surface file are kept: FILE.directions.h5."""
    return Path(out).with_suffix(".directions.h5")


def marks_of(job: Job) -> dict[str, str]:
    """What must be the same on every rank, as hashes."""
    return {
        "directions": job.provenance["directions"]["fingerprint"],
        "weights": job.provenance["checkpoint"]["sha256"],
        "data": str(job.provenance["data"]["splits"]),
    }


def _evaluator(job: Job, file: SurfaceFile | None, world: World, *, quiet: bool):
    """What is done at a point. When samples are to be left out, all ranks look at all of them once, if there is need."""
    if job.means is None or not job.means.samples or not shared(world, lambda: bool(file.pending())):
        return job
    if world.leads:
        note(f"all {job.objective.samples:,} samples at the centre, once", label=_label(job), quiet=quiet)
    return sampled(job, world)


def _label(job: Job) -> str:
    return job.provenance["model"]["name"]


def _lead(job: Job, file: SurfaceFile, executor, evaluate, *, quiet: bool) -> None:
    pending = file.pending()
    if not pending:
        return
    done, sampler = job.grid.size - len(pending), sampler_for(job, file)
    with file, Progress(job.grid.size, done, job.objective.samples, label=_label(job), quiet=quiet) as progress:

        def keep(point, result) -> None:
            file.record(point.index, result)
            counts = [value for name, value in result.items() if name.endswith(SAMPLES)]
            progress.update(sum(counts) if counts else None, expected=getattr(sampler, "expected", None))

        try:
            sweep(sampler, executor, evaluate, keep)
        except PointFailed as failure:
            file.record_failure(failure.point.index)
            raise
        finish(job, file, sampler)


def _plan(job: Job, world: World, options: Options) -> Plan:
    pending = job.grid.size
    if options.out and Path(options.out).exists() and not options.overwrite and world.leads:
        pending = len(SurfaceFile.open(options.out, job.grid, job.provenance).pending())
    return Plan(
        points=job.grid.size,
        pending=pending,
        samples_per_point=job.objective.samples,
        samples_per_second=measure_speed(job),
        ranks=world.size,
        weight_bytes=job.weight_bytes,
        data_bytes=sum(split.nbytes for split in job.objective.splits.values()),
        provenance=job.provenance,
        saving=expected_saving(job) if job.means else None,
    )
