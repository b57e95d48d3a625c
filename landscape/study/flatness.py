"""Flatness of several nets, as a study: its points are the nets, each measured from its own file alone.

Owns: making a net ready on the data that all nets share, what identifies the run, and the plan of a dry run. What is measured is
the business of measurement/flatness.py; which nets there are is said in slice/nets.py.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from landscape.checkpoint.checkpoint import load_checkpoint
from landscape.checkpoint.digest import joint_digest
from landscape.checkpoint.fit import fitting
from landscape.data.load import short_notes, usual_splits
from landscape.errors import CheckpointError, LandscapeError, UsageError
from landscape.layout import Layout
from landscape.measurement.flatness import Flatness, FlatnessSettings, Ready
from landscape.objective.probe import seen
from landscape.options.groups import DataOptions, LossOptions, MachineOptions, NetOptions, OutputOptions
from landscape.options.option import Given
from landscape.printable import listed
from landscape.quantity import FLATNESS
from landscape.slice.nets import Nets, OneNet
from landscape.study.extend import few_of
from landscape.study.flatness_file import Known, code_in, held, mark_of, without_code
from landscape.study.own_samples import reader_of_run, trained_on
from landscape.study.recorded import Record, record_of
from landscape.study.study import Extent, Plan, Study
from landscape.subject.chosen import net_or_module
from landscape.subject.code_facts import program_mark
from landscape.subject.entry import read
from landscape.subject.net import Net
from landscape.subject.restored_loss import notes_on_each
from landscape.subject.subject import (
    ReadSplits,
    Subject,
    checked,
    device_of,
    make_subject,
    policy,
    source_of,
    started,
    versions_used,
)
from landscape.subject.trained import Recorded, recorded_in, states_loss, trained_loss
from landscape.surfaces.file import SurfaceFile, check_folder
from landscape.surfaces.provenance import CheckpointFacts, ModelFacts, Provenance
from landscape.surfaces.same_run import identity, plain, unknown_code
from landscape.surfaces.surface import Surface
from landscape.sweep.progress import note
from landscape.sweep.sampler import EveryPoint, Result, Sampler
from landscape.sweep.work import Work
from landscape.sweep.world import World

LISTED = 3


@dataclass(frozen=True, eq=False)
class Shared:
    """What all nets have in common: options, device, and the data, which are read once. `given`: whether the user named them."""

    net: NetOptions
    data: DataOptions
    loss: LossOptions
    machine: MachineOptions
    device: Any
    world: World
    read: ReadSplits
    splits: tuple[str, ...]
    named: tuple[Any, Any]
    """The data and their normalization, as the first net names them; those of the others must be the same."""
    notes: tuple[str, ...] = ()

    def subject(self, net: Net) -> Subject:
        """A net, checked on one batch of the data."""
        if self.data.data is None and (found := _data_of(net)) != self.named:
            raise UsageError(
                f"its data are {_data_text(found)}, those of the first net {_data_text(self.named)}; nets are compared on "
                "the same data: give --data"
            )
        if Layout.of(net.module).has_complex:
            raise UsageError(
                f"{net.label} has complex parameters, for which measures of flatness are not defined here; give real nets"
            )
        data = replace(self.data, split=self.splits, samples=None)
        subject = make_subject(
            net, data, self.loss, self.machine, self.device, self.world, plain=True, read=self.read,
            batchnorm=policy(net, None, moves=False, states=False),
        )  # fmt: skip
        return checked(subject)


class FlatnessStudy(Study[Surface]):
    """Measures of flatness of each net, with its losses and gaps."""

    def __init__(self, nets: Nets, settings: FlatnessSettings, given: Given, world: World):
        """Reads every net once and passes a batch through it, so that what does not fit is found before anything is measured.

        Raises:
            LandscapeError: a net that cannot be read or does not fit the data; no training data.
        """
        self._nets, self._output, self._ranks = nets, given[OutputOptions], world.size
        if self._output.path and world.leads:
            check_folder(self._output.path)
        self._shared, self._samples = _shared(nets, given, world), given[DataOptions].samples
        hashes, subject, said, trained = [], None, [], []
        self._known_by: list[Known] = []
        self._records: list[Record | None] = []
        for number in range(len(nets.each)):
            subject = self._subject(number)
            hashes.append(str(subject.net.checkpoint.sha256))
            said.append(subject.notes)
            self._records.append(record_of(subject, subject.facts))
            trained.append(subject.net.trained)
            made = subject.facts.evaluation
            self._known_by.append(
                Known(self._mark(number, subject.net), seen(subject.objective), plain(made.json()) if made else {})
            )
        assert subject is not None
        self._work = Flatness(self._ready, settings)
        self._train = few_of(subject.objective.splits["train"], self._samples)
        self._provenance = self._facts(subject, hashes, world)
        self._nbytes = subject.objective.nbytes, sum(split.nbytes for split in subject.objective.splits.values())
        self._passes = sum(split.size for split in subject.objective.splits.values())
        self.label = "flatness"
        self.notes = (
            *self._shared.notes,
            *_of_each(nets.names, said),
            *notes_on_each(trained, self._shared.loss.loss),
            *short_notes(self._samples, {"train": subject.objective.splits["train"].size}),
        )
        self.marks = {
            **subject.marks,
            "weights": " ".join([*hashes, *(without_code(each.mark) for each in self._known_by)]),
            "data": str(subject.facts.splits),
            "options": f"{identity(self._provenance.json())} {self._facts_of_group()} {subject.objective.batch_size}",
        }

    def open(self) -> SurfaceFile:
        output, grid, provenance = self._output, self._nets.grid, self._provenance.json()
        path = output.path
        if path and path.exists() and not output.overwrite:
            surface = held(path, self._nets, self._known_by, provenance, self._work.quantity)
            self.notes = (
                *self.notes,
                *unknown_code(
                    surface.provenance, provenance, elsewhere=any(code_in(each.mark) for each in self._known_by)
                ),
            )
        else:
            surface = Surface(grid, {}, {}, {}, {}, plain(provenance), str(path or ""))
        file = SurfaceFile.extend(
            surface, path, FLATNESS, self._facts_of_group(), overwrite=output.overwrite, quantity=self._work.quantity
        )
        latest = {"versions": versions_used(), "ranks": self._ranks, "started": started()}
        marks, values, evaluations = zip(*self._known_by, strict=True)
        of_nets = {
            "nets": self._nets.names, "marks": marks, "values": values, "evaluations": evaluations,
            "categories": self._nets.categories,
        }  # fmt: skip
        file.describe(FLATNESS, {**latest, **of_nets})
        return file

    def sampler(self, file: SurfaceFile) -> tuple[Sampler, Extent]:
        pending, grid = file.pending(), self._nets.grid
        return EveryPoint(grid, pending), Extent(grid.size, grid.size - len(pending), self._passes)

    def work(self, pending: bool, world: World) -> Work:
        return self._work

    def samples_taken(self, result: Result) -> float | None:
        return float(self._passes)

    def finish(self, file: SurfaceFile, sampler: Sampler, pending: bool) -> None:
        for number, record in enumerate(self._records if pending else ()):
            values = {name: float(array.flat[number]) for name, array in file.surface.values.items()}
            if record and (said := record.note(values)):
                name = f"{self._nets.names[number]}: " if len(self._records) > 1 else ""
                note(f"{name}{said}", label=self.label, quiet=self._output.quiet)

    def plan(self, world: World) -> Plan:
        """From measuring the first net once."""
        path, grid = self._output.path, self._nets.grid
        pending = grid.size
        if path and path.exists() and not self._output.overwrite and world.leads:
            known = held(path, self._nets, self._known_by, self._provenance.json(), self._work.quantity)
            pending = len(known.pending(FLATNESS))
        name, quiet = self._nets.names[0], self._output.quiet or not world.leads
        note(f"measuring the first net ({name}), from which the time of all follows", label=self.label, quiet=quiet)
        start = time.perf_counter()
        self._work.evaluate(EveryPoint(grid, [0]).ask()[0])
        seconds = time.perf_counter() - start
        return Plan(
            points=grid.size, pending=pending, samples_per_point=self._passes, samples_per_second=self._passes / seconds,
            ranks=world.size, weight_bytes=self._nbytes[0], data_bytes=self._nbytes[1], provenance=self._provenance,
        )  # fmt: skip

    def _ready(self, number: int) -> Ready:
        subject = self._subject(number)
        train = few_of(subject.objective.splits["train"], self._samples)
        objective = subject.objective.view(splits={"train": train})
        return Ready(subject, objective, self._first(number, subject), self._nets.numbers(number))

    def _subject(self, number: int) -> Subject:
        one = self._nets.each[number]
        try:
            return self._shared.subject(
                net_or_module(one.source, self._shared.net, self._shared.data, self._shared.device)
            )
        except LandscapeError as error:
            if len(self._nets.each) == 1:
                raise
            kind = UsageError if isinstance(error, UsageError) else type(error)
            raise kind(f"net {number + 1} of {len(self._nets.each)} ({one.name}): {error}") from error

    def _mark(self, number: int, net: Net) -> str:
        return mark_of(net, self._nets.each[number].first, program_mark(net.program))

    def _first(self, number: int, subject: Subject) -> Mapping[str, Tensor] | None:
        """The weights before training, where the run kept them."""
        path = self._nets.each[number].first
        return None if path is None else fitting(subject.net.module, load_checkpoint(path))

    def _facts_of_group(self) -> dict[str, Any]:
        return {**self._work.facts(), "samples": self._train.size, "fingerprint": self._train.fingerprint}

    def _facts(self, last: Subject, hashes: Sequence[str], world: World) -> Provenance:
        """Of all nets together: they are one run, whose weights are those of all."""
        facts, count = (
            replace(
                last.facts, command=FLATNESS, run=replace(last.run_facts(world), lean=False, probe=None, probe_of=None)
            ),
            len(hashes),
        )
        if facts.code:  # that of each net is in its mark
            facts = replace(facts, code=replace(facts.code, layers=None, settings=None, classes=None))
        if count == 1:
            return facts
        return replace(
            facts, model=ModelFacts(name=f"{count} nets"), checkpoint=CheckpointFacts(sha256=joint_digest(hashes))
        )


def _of_each(names: Sequence[str], said: Sequence[Sequence[str]]) -> list[str]:
    """The notes on each net; what is not said of all of them begins with the names of those that it is about."""
    found = []
    for text in dict.fromkeys(text for each in said for text in each):
        about = [name for name, each in zip(names, said, strict=True) if text in each]
        found.append(text if len(about) == len(names) else f"{listed(about, LISTED)}: {text}")
    return found


def _shared(nets: Nets, given: Given, world: World) -> Shared:
    """Reads the training samples, and the test samples if there are some."""
    net, data, machine = given[NetOptions], given[DataOptions], given[MachineOptions]
    device = device_of(machine, world)
    beside = [one.source for one in nets.each[1:]]
    first = net_or_module(nets.each[0].source, net, data, device, asks_loss=not states_loss(given), beside=beside)
    read = reader_of_run(first, data, world, _trained_on(nets) if data.data is None else None)
    splits, (loss, notes) = usual_splits(source_of(first, data)), _loss(nets, given)
    return Shared(net, data, loss, machine, device, world, read, splits, _data_of(first), tuple(notes))


def _loss(nets: Nets, given: Given) -> tuple[LossOptions, list[str]]:
    """(the loss that was asked for, else the one that all nets were trained with, notes)."""
    stated = states_loss(given)
    trained = [] if stated else [_trained(one) for one in nets.each]
    return trained_loss(trained, given[LossOptions], stated=stated, trust=given[NetOptions].trust)


def _trained(one: OneNet) -> Recorded | None:
    """The loss of a net's training: that of its run, else that of its file."""
    if one.in_memory:
        return None
    if found := recorded_in(one.settings, one.name, str(one.source)):
        return found
    try:
        checkpoint = read(one.source, None)
    except CheckpointError:  # said with the number of the net, where its weights are read
        return None
    return recorded_in(checkpoint.meta, one.name, checkpoint.source)


def _data_of(net: Net) -> tuple[Any, Any]:
    return net.meta.get("data"), net.meta.get("normalize")


def _data_text(named: tuple[Any, Any]) -> str:
    return f"{named[0] or 'not named'}" + (f" normalized as {named[1]}" if named[1] else "")


def _trained_on(nets: Nets) -> int | None:
    """The samples that all nets were trained on, where their runs took some of the data only."""
    counts = {trained_on(one.settings) for one in nets.each}
    return counts.pop() if len(counts) == 1 else None
