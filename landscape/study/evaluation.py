"""The objective over a slice, as a study: a line or a surface, when the slice is a plane.

Owns: opening its file, its sampler, and the plan of a dry run.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

from landscape.direction.direction import Direction
from landscape.direction.files import directions_path, write_directions
from landscape.errors import AnotherRun, UsageError
from landscape.measurement.evaluate import Evaluate, measure_speed
from landscape.measurement.measurement import Measurement
from landscape.measurement.together import Together
from landscape.objective.kept_plan import expected
from landscape.objective.numerics import memory_budget
from landscape.objective.rough import EXACT
from landscape.options.groups import RANDOM, OutputOptions
from landscape.quantity import DRAWN, SAMPLES
from landscape.slice.shape import Form, Shape
from landscape.slice.transform import Transform
from landscape.study.estimator import anchors, sampled
from landscape.study.on_slice import Asked, OnSlice, on_plane, on_transform
from landscape.study.recorded import recorded_note
from landscape.study.rise import Ranges
from landscape.study.study import Extent, Plan, Study
from landscape.study.tolerance import expected_saving, finish, sampler_for
from landscape.surfaces.file import SurfaceFile, check_folder, surface_of_run
from landscape.surfaces.provenance import Provenance
from landscape.surfaces.same_run import unknown_code
from landscape.surfaces.surface import Surface
from landscape.sweep.progress import note
from landscape.sweep.sampler import Result, Sampler
from landscape.sweep.work import Work
from landscape.sweep.world import World


class EvaluationStudy(Study[Surface]):
    """Losses and other metrics over a slice."""

    def __init__(self, on: OnSlice, output: OutputOptions, *, shard: bool = False, work: Measurement | None = None):
        """`shard`: divide every point among the ranks. `work`: what is measured; None: the objective."""
        self._output, self._on = output, on
        self.label = on.provenance.model_name
        self.marks, self.notes, self.shard = on.marks, on.subject.notes, shard
        self._work = work or on.together or Evaluate(on.subject, on.slice)
        self._counts_samples = functools.cache(lambda name: self._work.quantity(name).role == SAMPLES)
        self._file: SurfaceFile | None = None

    def open(self) -> SurfaceFile:
        on, output = self._on, self._output
        file = SurfaceFile.create_or_open(
            output.path, on.slice.grid, on.provenance.json(), trails=on.trails, overwrite=output.overwrite,
            quantity=self._work.quantity,
        )  # fmt: skip
        self.notes = (*self.notes, *unknown_code(file.content.provenance, on.provenance.json()))
        if output.save_directions:
            if output.path is None:
                raise UsageError("save-directions needs out: the directions are kept beside the surface file")
            try:
                write_directions(directions_path(output.path), [d for d in on.directions if isinstance(d, Direction)])
            except BaseException:
                file.release()
                raise
        return file

    def sampler(self, file: SurfaceFile) -> tuple[Sampler, Extent]:
        self._file = file
        size, pending = file.surface.grid.size, file.pending()
        return sampler_for(self._on, file), Extent(size, size - len(pending), self._on.subject.objective.samples)

    def work(self, pending: bool, world: World) -> Work:
        """When samples may be left out, all ranks evaluate all of them once, if any point is pending."""
        on = self._on
        if on.reduction is None or not on.reduction.samples or not pending:
            return self._work
        if world.leads:
            samples, nets = on.subject.objective.samples, len(anchors(on))
            where = "the centre" if nets == 1 else f"the {nets} nets"
            note(f"all {samples:,} samples at {where}, once", label=self.label, quiet=self._output.quiet)
        found = sampled(on, world, self.label, self._output.quiet, _earlier_sampling(self._file))
        if self._file:
            self._file.describe("sampling", found.sampling)
        return found

    def samples_taken(self, result: Result) -> float | None:
        counts = [value for name, value in result.items() if self._counts_samples(name)]
        if any(name.startswith(DRAWN) and not len(values) for name, values in result.items()):
            return 0.0  # the census has evaluated them
        return sum(counts) if counts else None

    def finish(self, file: SurfaceFile, sampler: Sampler, pending: bool) -> None:
        if pending:
            finish(self._on, file, sampler)
            if said := recorded_note(self._on.subject, self._on.provenance, file.surface):
                note(said, label=self.label, quiet=self._output.quiet)

    @property
    def points(self) -> int:
        """Points of the run."""
        return self._on.slice.grid.size

    def held(self, path: Path) -> Surface:
        """What the file of the run holds.

        Raises:
            SurfaceFileError: it is of another run.
        """
        return surface_of_run(path, self._on.slice.grid, self._on.provenance.json())

    def pending(self, surface: Surface) -> list[int]:
        """Numbers of the points of the run that lack a result."""
        return surface.pending()

    def plan(self, world: World) -> Plan:
        on, output = self._on, self._output
        objective, pending, taken = on.subject.objective, self.points, None
        if output.path and output.path.exists() and not output.overwrite and world.leads:
            try:
                pending = len(self.pending(self.held(output.path)))
            except AnotherRun as error:  # what the run would take is worth knowing all the same
                taken = str(error)
        whole = on.together or (on.reduction and on.reduction.samples)
        return Plan(
            points=self.points,
            pending=pending,
            samples_per_point=objective.samples,
            # ranks in lockstep pass all samples of every point
            samples_per_second=measure_speed(on.subject, on.together.stack if on.together else None)
            / (world.size if world.lockstep else 1),
            ranks=world.size,
            weight_bytes=on.weight_bytes,
            data_bytes=sum(split.nbytes for split in objective.splits.values()),
            provenance=on.provenance,
            saving=expected_saving(on) if on.reduction else None,
            kept=None if whole else expected(objective),
            taken=taken,
        )


def _earlier_sampling(file: SurfaceFile | None) -> str | None:
    """How the points of a file that goes on were sampled; None for one without points, and on ranks that do not lead."""
    if file is None or len(file.pending()) == file.surface.grid.size:
        return None
    run = Provenance.read(file.surface.provenance).run
    return (run and run.sampling) or EXACT


def plane_study(asked: Asked, ranges: Ranges, world: World, command: str, form: Form | None = None) -> EvaluationStudy:
    """A line or surface, or a form of a slice, built on this rank.

    Raises:
        LandscapeError: bad input, or a folder that is missing or not writable; before anything is computed.
    """
    if asked.output.path and world.leads:
        check_folder(asked.output.path)
    if isinstance(form, Transform):
        on = on_transform(asked, ranges.axes, world, command, form)
    else:
        shape = form if isinstance(form, Shape) else None
        on = ranges.described(on_plane(asked, ranges.axes, world, command, shape=shape))
    return EvaluationStudy(in_passes(on, asked.tolerance.points_per_pass), asked.output, shard=asked.machine.shard_data)


def in_passes(on: OnSlice, count: int) -> OnSlice:
    """The same with `count` points in one pass of the net; where that cannot be, unchanged but for a note.

    Raises:
        UsageError: samples are left out at each point; or memory does not hold so many points.
    """
    count = min(count, on.slice.grid.size)
    if count == 1:
        return on
    if on.reduction and on.reduction.samples:
        raise UsageError(
            f"points-per-pass {count}: a tolerance draws samples at one point after another until they are enough; give "
            "--refine, which leaves out points only, or drop one of both"
        )
    subject, objective = on.subject, on.subject.objective
    budget = memory_budget(objective.device, subject.sharers)
    _check_fits(count, int(budget // objective.weights.nbytes), objective.batch_size)  # before rows are filled
    together = Together(subject, on.slice, count)
    if why := together.why_not():
        note = f"points-per-pass {count}: one point after another, since {why}"
        return replace(on, subject=replace(subject, notes=(*subject.notes, note)))
    _check_fits(count, together.fitting(budget), objective.batch_size)
    assert on.provenance.run is not None
    provenance = replace(on.provenance, run=replace(on.provenance.run, points_per_pass=count))
    return replace(on, provenance=provenance, together=together)


def _check_fits(count: int, fitting: int, batch_size: int) -> None:
    if fitting < count:
        raise UsageError(
            f"points-per-pass {count}: the free memory holds what {fitting} points pass through the net; give fewer points, or a "
            f"smaller batch-size than {batch_size}"
        )


def for_plan(asked: Asked, ndim: int) -> Asked:
    """A dry run does not need the real directions; it uses any, and writes nothing."""
    asked.check(ndim)
    path = directions_path(asked.output.path) if asked.output.path else None
    if path is not None and path.exists():
        axes = replace(asked.axes, along=RANDOM, directions=path, norm=None, only=None, ignore=None)
        return replace(asked, axes=axes)
    return replace(asked, axes=replace(asked.axes, along=RANDOM), output=replace(asked.output, out=None))
