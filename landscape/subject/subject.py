"""A net with its data and its loss on a device, ready to be moved and evaluated.

Owns: `Subject`, how it is made from options, its part of the provenance, and the hashes that all ranks must share. Knows
no axis: where the net goes is the business of a slice.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import torch

from landscape.data.load import Data, load_splits
from landscape.data.memory import host_budget
from landscape.direction.selection import Selection, everything
from landscape.errors import UsageError
from landscape.objective.attack import Attack, attack_of
from landscape.objective.batchnorm import tracking_layers
from landscape.objective.loss import make_measure
from landscape.objective.measure import Measure
from landscape.objective.numerics import choose_device, memory_budget, sharers_of
from landscape.objective.objective import Objective
from landscape.objective.probe import seen
from landscape.objective.robust import attacked
from landscape.objective.weighted import has_probabilities
from landscape.options.groups import DataOptions, LossOptions, MachineOptions
from landscape.subject.code_facts import code_facts, lasting_name
from landscape.subject.evaluation import evaluation_facts, evaluation_notes
from landscape.subject.name_and_place import named_notes
from landscape.subject.net import Net
from landscape.subject.restored_loss import RestoredLoss
from landscape.subject.two_batches import TwoBatches
from landscape.subject.written import Watched, lasting_code
from landscape.surfaces.provenance import DataFacts, Provenance, RunFacts
from landscape.sweep.world import World, usual_threads

ReadSplits = Callable[[Sequence[str]], Data]


@dataclass(frozen=True, eq=False)
class Subject:
    """`facts` are its entries of the provenance; `threads` the CPU threads of this rank; `sharers`: the ranks on its device.

    `chosen`: what moves; `counted`: what curvature is of. `notes`: what the user should know of how it is evaluated; complete
    once it is `checked`. `watched`: what its code holds, until then.
    """

    net: Net
    objective: Objective
    facts: Provenance
    threads: int
    chosen: Selection
    counted: Selection
    notes: tuple[str, ...] = ()
    sharers: int = 1
    loss: LossOptions = LossOptions()
    watched: Watched | None = None

    @property
    def marks(self) -> dict[str, str]:
        """What must be the same on every rank: hashes, and as `values` the numbers of the first samples, up to rounding."""
        values = json.dumps({"precision": self.objective.precision, **seen(self.objective)})
        return {"weights": str(self.net.checkpoint.sha256), "data": str(self.facts.splits), "values": values}

    def run_facts(self, world: World) -> RunFacts:
        """Where and how it runs; this does not identify a run."""
        objective, device = self.objective, self.objective.device
        return RunFacts(
            versions=versions_used(),
            device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            program="plain" if objective.net is objective.model else "folded",
            ranks=world.size,
            threads=self.threads,
            batch_size=objective.batch_size,
            probe=seen(objective) or None,
            probe_of=" ".join(filter(None, (self.net.checkpoint.sha256, self.net.checkpoint.entry))) or None,
            started=started(),
        )


def make_subject(
    net: Net,
    data: DataOptions,
    loss: LossOptions,
    machine: MachineOptions,
    device: torch.device,
    world: World,
    *,
    batchnorm: str,
    plain: bool | None = None,
    chosen: Selection | None = None,
    counted: Selection | None = None,
    read: ReadSplits | None = None,
    lean: bool = False,
) -> Subject:
    """A subject of this rank, on a device of `device_of`.

    `batchnorm`: keep, interpolate or recompute, see `policy`. `plain` None follows the options. `chosen`: what moves;
    None: everything. `counted`: of which parameters curvature is; None: the chosen ones. `read`: gives the splits in place of the
    options, for several nets on the same data. `lean`: see `Objective`.

    Raises:
        LandscapeError: unreadable data, an unknown loss or device, a net that cannot be copied.
    """
    chosen = chosen or everything(net.parts)
    counted = counted or chosen
    threads = machine.threads or usual_threads(world.cores, world.local_size)
    sharers = sharers_of(machine.device, world.local_size)
    torch.set_num_threads(threads)
    restoring = RestoredLoss(net.trained, loss)
    measure, loss_name, metrics = make_measure(loss.loss, loss.names, restoring.of)
    _check_l2(loss.l2, metrics)
    read = read or reader_of(net, data, world, measure)
    wanted = read(data.splits)
    splits = measure.read(wanted.splits, net.module)
    notes = (*restoring.notes, *wanted.notes, *named_notes(measure, wanted.splits))
    if loss.names is None and "accuracy" in metrics and has_probabilities(splits):
        measure, loss_name, metrics = make_measure(loss.loss, ["loss"], restoring.of)
    attack = _attack(loss, batchnorm)
    if attack:
        measure = attacked(measure, attack, splits, pixels=bool(wanted.provenance["pixels"]))
    watched = Watched(net.module, measure)
    needs_train = batchnorm == "recompute" and "train" not in wanted.splits
    objective = Objective(
        net.module, splits, measure, device=device, precision=machine.precision, batch_size=machine.batch_size,
        batchnorm=batchnorm, l2=loss.l2, budget=memory_budget(device, sharers),
        recompute_on=measure.read(read(("train",)).splits, net.module)["train"] if needs_train else None,
        fast=not (machine.plain if plain is None else plain), own=net.own, of_file=net.of_file, lean=lean,
        names=None if chosen.names is None or counted.names is None else chosen.names | counted.names,
    )  # fmt: skip
    watched.copied(objective)
    facts = Provenance(
        model=net.model, checkpoint=net.checkpoint, data=DataFacts.read(wanted.provenance), loss=loss_name,
        loss_as=restoring.shown, metrics=metrics, attack=attack.text if attack else None, precision=machine.precision,
        l2=loss.l2, code=code_facts(net.program, loss),
    )  # fmt: skip
    return Subject(net, objective, facts, threads, chosen, counted, notes, sharers, loss, watched)


def _attack(loss: LossOptions, batchnorm: str) -> Attack | None:
    """The attack that was asked for.

    Raises:
        UsageError: it cannot be, or would move the statistics of batch norm.
    """
    if loss.attack is None:
        return None
    if batchnorm == "recompute":
        raise UsageError(
            "attack: batchnorm recompute would take statistics of attacked inputs; choose keep or interpolate"
        )
    return attack_of(loss.attack)


def _check_l2(weight: float | None, metrics: Sequence[str]) -> None:
    """Raises UsageError for a penalty that means nothing, or has no loss to be added to."""
    if weight is None:
        return
    if not 0 <= weight < math.inf:
        raise UsageError(f"l2 {weight:g}: expected a weight from 0 on, such as 5e-4")
    if "loss" not in metrics:
        raise UsageError("l2 adds to the loss; include loss in the metrics")


def checked(subject: Subject, notes: Sequence[str] = ()) -> Subject:
    """The subject, after one batch has been passed through it, with what was found out in its facts and after both notes.

    Raises:
        LandscapeError: see `Objective.check`.
    """
    subject.objective.check()
    subject = _without_stores(subject)
    mixes = subject.objective.conduct.mixes
    if mixes and subject.objective.measure.manner:
        raise UsageError(
            f"attack: the value of a sample depends on the others of its batch, through {mixes}, so it has no worst input"
        )
    found = evaluation_facts(subject.objective)
    notes = (*subject.notes, *notes, *evaluation_notes(subject.objective, found))
    return replace(subject, facts=replace(subject.facts, evaluation=found if found.json() else None), notes=notes)


def _without_stores(subject: Subject) -> Subject:
    """The subject, in whose code nothing counts that evaluations write into."""
    if subject.watched is None or not (stores := subject.watched.stores()):
        return replace(subject, watched=None)
    net, name = subject.net, lasting_name(subject.facts.loss, subject.loss, stores)
    program, code = lasting_code(stores, net.program, net.module, subject.loss)
    facts = replace(subject.facts, code=code, loss=name)
    return replace(subject, net=replace(net, program=program), facts=facts, watched=None)


def device_of(machine: MachineOptions, world: World) -> torch.device:
    """The device of this rank. Call it before anything is read: a wrong option then fails at once.

    Raises:
        UsageError: an unknown device or precision. LandscapeError: a GPU that torch does not see.
    """
    machine.check()
    return choose_device(machine.device, world.local_rank)


def policy(net: Net, batchnorm: str | None, *, moves: bool, states: bool) -> str:
    """The batch-norm policy: the given one, else `interpolate` if statistics move (so that 1 is the other net), else `keep`.

    `moves`: the axes lead to other nets; `states`: they move BN statistics.
    """
    if not tracking_layers(net.module):
        if batchnorm == "recompute":
            raise UsageError(f"batchnorm recompute: {net.name} has no batch-norm statistics; drop the option")
        return "interpolate" if states else "keep"
    return batchnorm or ("interpolate" if moves or states else "keep")


def versions_used() -> dict[str, str]:
    """Versions of this program, Python and the libraries that affect results."""
    import landscape

    versions = {"landscape": landscape.__version__, "python": platform.python_version()}
    return versions | {name: version(name) for name in ("torch", "numpy", "h5py")}


def started() -> str:
    """The time now, in the format of the provenance."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def source_of(net: Net, data: DataOptions) -> Any:
    """The given data, else those that the checkpoint names; None where there are neither."""
    return data.data if data.data is not None else net.meta.get("data")


def _of_training(net: Net, source: Any) -> str | None:
    """How the data of a net's own training were normalized, also tensors of the user's; None for other data."""
    known = net.meta.get("normalize") if isinstance(net.meta.get("training"), Mapping) else None
    same = isinstance(source, str) and net.trained is not None and source == net.trained.data
    return known if isinstance(known, str) and known != "none" and same else None


def reader_of(net: Net, data: DataOptions, world: World, measure: Measure | None = None) -> ReadSplits:
    """Reads splits of the given data, or of those that the checkpoint names; pixels are normalized as the checkpoint records.

    `measure`: what is to be measured on them, if that is known.

    Raises:
        UsageError: neither is there.
    """
    source = source_of(net, data)
    if source is None:
        raise UsageError(
            f"no data: the checkpoint of {net.name} does not name its data set; give --data, such as digits, cifar10, "
            "folder:PATH or npz:PATH"
        )
    keywords: Mapping[str, Any] = {
        "samples": data.samples,
        "normalize": data.normalize or _of_training(net, source),
        "recorded": net.meta.get("normalize"),
        "data_root": data.data_root,
        "download": data.download,
        "budget": host_budget(world.local_size),
    }

    def read(splits: Sequence[str]) -> Data:
        tell = TwoBatches(net.module, measure)
        found = load_splits(source, split=splits, two_batches=tell, **keywords)
        return replace(found, notes=(*found.notes, *tell.notes))

    return read
