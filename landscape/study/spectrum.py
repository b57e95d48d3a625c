"""The curvature at one set of weights, as a study of tasks: the ends of a block, its trace, a probe of its density.

Owns: the provenance of a spectrum, its file, and which tasks are pending. What a task computes is the business of
measurement/spectrum_tasks.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from landscape.direction.files import directions_path
from landscape.direction.selection import choose
from landscape.errors import UsageError
from landscape.measurement.evaluate import move
from landscape.measurement.spectrum_tasks import (
    PAIRS,
    SHARPNESS,
    TRACE,
    SpectrumParts,
    SpectrumTask,
    SpectrumTasks,
    merged,
)
from landscape.objective.attack import check_curvature
from landscape.options.groups import AxesOptions, DataOptions, LossOptions, MachineOptions, NetOptions, OutputOptions
from landscape.options.option import Given, check_choices
from landscape.options.what import What
from landscape.slice.slice import Here
from landscape.study.recorded import record_of
from landscape.study.study import Extent, Plan, Study
from landscape.subject.chosen import chosen_net
from landscape.subject.evaluation import moving_notes
from landscape.subject.subject import Subject, checked, device_of, make_subject, policy
from landscape.subject.trained import states_loss, trained_loss
from landscape.surfaces.file import check_folder
from landscape.surfaces.same_run import unknown_code
from landscape.surfaces.spectrum import Block, Spectrum
from landscape.surfaces.spectrum_file import SpectrumFile
from landscape.surfaces.study_facts import SpectrumFacts
from landscape.sweep.progress import note
from landscape.sweep.sampler import Point, PointList, Result, Sampler
from landscape.sweep.work import Work
from landscape.sweep.world import World


class SpectrumStudy(Study[Spectrum]):
    """The spectrum of the Hessian, or of the Gauss-Newton matrix, at a net's weights."""

    has_lines = True

    def __init__(
        self,
        checkpoint: Any,
        given: Given,
        wanted: SpectrumParts,
        counted: tuple[What, What],
        backend: str | None,
        world: World,
    ):
        """`counted`: `only` and `ignore`; `backend`: how products are computed."""
        wanted.check()
        check_curvature(given[LossOptions].attack)
        self._output = given[OutputOptions]
        if self._output.save_directions and (self._output.path is None or not wanted.top or not wanted.bottom):
            raise UsageError(
                "save-directions needs out, top and bottom: the eigenvectors of both ends are kept beside the file"
            )
        if self._output.path and world.leads:
            check_folder(self._output.path)
        subject, batchnorm = _subject(checkpoint, given, counted, world)
        wanted = replace(wanted, ignore=subject.counted.moving("biasbn")[0], only=subject.counted.only)
        self._wanted = wanted
        self._subject, self._here = subject, Here(subject.objective.weights.clone())
        self._tasks = SpectrumTasks(subject, self._here, wanted, backend)
        facts = SpectrumFacts(**asdict(wanted), split=given[DataOptions].splits[0], products=self._tasks.backend)
        run = replace(subject.run_facts(world), program=None, threads=None, batch_size=None)
        self._provenance = replace(subject.facts, command="spectrum", batchnorm=batchnorm, spectrum=facts, run=run)
        self._record = record_of(subject, self._provenance)
        self.label = f"{subject.facts.model_name} spectrum"
        self.marks, self.notes = {**subject.marks, "options": str(facts)}, (*subject.notes, *self._tasks.notes)

    def open(self) -> SpectrumFile:
        known = self._provenance.json()
        file = SpectrumFile.create_or_open(
            self._output.path, self._tasks.blocks, known, self._merge, overwrite=self._output.overwrite
        )
        self.notes = (*self.notes, *unknown_code(file.content.provenance, known))
        return file

    def sampler(self, file: SpectrumFile) -> tuple[Sampler, Extent]:
        blocks = list(file.content.blocks.values())
        todo = [i for i, task in enumerate(self._tasks.all) if self._lacks(blocks[task.block], task)]
        points = [Point(i, tuple(map(float, self._tasks.all[i]))) for i in todo]
        return PointList(points), Extent(len(self._tasks.all), len(self._tasks.all) - len(todo), 0)

    def work(self, pending: bool, world: World) -> Work:
        return self._tasks

    def line_on(self, index: int, result: Result) -> str:
        task = self._tasks.all[index]
        return f"{list(self._tasks.blocks)[task.block]}, {self._tasks.summary(task, result)}"

    def finish(self, file: SpectrumFile, sampler: Sampler, pending: bool) -> None:
        if self._output.save_directions and self._output.path:
            self._tasks.write_ends(directions_path(self._output.path))
        if pending and self._record and (said := self._record.note(self._losses())):
            note(said, label=self.label, quiet=self._output.quiet)

    def _losses(self) -> dict[str, float]:
        """At the net's own weights: one pass of the samples beside hundreds."""
        move(self._subject, self._here, ())
        return self._subject.objective.evaluate()

    def plan(self, world: World) -> Plan:
        raise UsageError("dry-run: a spectrum has no plan; leave the option out")

    def _merge(self, spectrum: Spectrum, index: int, result: Mapping[str, float]) -> Spectrum:
        task = self._tasks.all[index]
        name = list(spectrum.blocks)[task.block]
        block = merged(spectrum.blocks[name], task, result, self._wanted)
        return replace(spectrum, blocks={**spectrum.blocks, name: block})

    def _lacks(self, block: Block, task: SpectrumTask) -> bool:
        if task.kind == PAIRS:
            return not len(block.values)
        if task.kind == TRACE:
            return bool(np.isnan(block.trace))
        if task.kind == SHARPNESS:
            return bool(np.isnan(block.sharpness))
        return not len(block.weights) or not bool(np.isfinite(block.weights[task.number]).all())


def _subject(checkpoint: Any, given: Given, counted: tuple[What, What], world: World) -> tuple[Subject, str]:
    """The subject and its batch-norm policy."""
    data, batchnorm = given[DataOptions], given[AxesOptions].batchnorm
    if len(data.splits) != 1:
        raise UsageError(f"split {', '.join(data.splits)}: expected one split for a spectrum; give one of them")
    check_choices(given[AxesOptions])
    device = device_of(given[MachineOptions], world)
    if batchnorm == "interpolate":
        raise UsageError("batchnorm interpolate: a spectrum has one set of weights; choose keep or recompute")
    chosen = given[NetOptions]
    net = chosen_net(checkpoint, chosen, data, device, asks_loss=not states_loss(given))
    batchnorm = policy(net, batchnorm, moves=False, states=False)
    asked = LossOptions(loss=given[LossOptions].loss, metrics=("loss",), attack=given[LossOptions].attack)
    loss, notes = trained_loss([net.trained], asked, stated=states_loss(given), trust=chosen.trust)
    subject = make_subject(
        net, data, loss, given[MachineOptions], device, world, batchnorm=batchnorm, plain=True,
        chosen=choose(net.parts, *counted),
    )  # fmt: skip
    return checked(subject, [*notes, *moving_notes(subject.counted, "count")]), batchnorm
