"""A surface to extend: with its own net, data and plane, or a training run with its checkpoints as points.

Owns: `Extended`, made from a surface or its file (revive.py), or from a run folder; and which samples are used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from landscape.data.load import subset
from landscape.data.picking import picked_split
from landscape.data.rows import RowsSplit
from landscape.data.split import Split, TensorSplit
from landscape.direction.selection import choose
from landscape.errors import AnotherRun, LandscapeError, SurfaceFileError, UsageError
from landscape.grid import Grid
from landscape.options.groups import DataOptions, LossOptions, MachineOptions, NetOptions
from landscape.options.option import Given
from landscape.options.what import What
from landscape.slice.slice import Slice
from landscape.slice.steps import Steps, checkpoints_of
from landscape.study.own_samples import reader_of_run, trained_on
from landscape.study.revive import revived
from landscape.subject.evaluation import moving_notes
from landscape.subject.net import load_net
from landscape.subject.restored_loss import notes_on_run
from landscape.subject.subject import Subject, checked, device_of, make_subject, policy
from landscape.subject.trained import recorded_in, states_loss, trained_loss
from landscape.surfaces import load_surface
from landscape.surfaces.longer import has_all, with_more
from landscape.surfaces.provenance import CheckpointFacts, Provenance
from landscape.surfaces.run_log import CONFIG, is_run_folder, read_config
from landscape.surfaces.same_run import difference, of_rank, plain, unknown_code
from landscape.surfaces.study_facts import TrainingFacts
from landscape.surfaces.surface import Surface
from landscape.sweep.world import World
from landscape.trust import harmless, taken

Counted = tuple[What, What]


@dataclass(frozen=True, eq=False)
class Extended:
    """A surface, its file, and the subject and slice of its points; `loss`: the metric that also keeps the loss."""

    surface: Surface
    path: Path | None
    subject: Subject
    slice: Slice
    marks: dict[str, str]
    precision: str
    loss: str | None = None
    others: Mapping[str, Split] = field(default_factory=dict)
    """Samples of further splits, where a measurement needs some."""

    @property
    def split(self) -> str:
        return next(iter(self.subject.objective.splits))


def extended(
    source: Surface | str | Path,
    group: str,
    given: Mapping[str, Any],
    world: World,
    *,
    split: str | None,
    precision: str | None,
    counted: Counted = (None, None),
    least: int = 2,
    also: Sequence[str] = (),
    own_data: bool = False,
    overwrite: bool = False,
) -> Extended:
    """What a surface, a surface file, or the folder of a training run was computed from.

    `group`: the measurement that is added, whose file of a run is FOLDER/GROUP.h5. `given`: what has moved since. `counted`:
    `only` and `ignore` of what is added. `least`: nets that a run must have. `also`: further splits to load, of a run.
    `own_data`: data that are given are a run's own. Of these it takes the training samples that the run took, and other splits
    whole; of other data all.
    `overwrite`: the file of a run begins again.

    Raises:
        LandscapeError: what it was computed from is gone or no longer the same.
    """
    if isinstance(source, Surface):
        copied = replace(
            source, values=deepcopy(source.values), stderr=deepcopy(source.stderr), status=deepcopy(source.status),
            provenance=deepcopy(source.provenance), quantities=dict(source.quantities), source="",
        )  # fmt: skip
        return _of_surface(copied, group, given, world, split, precision, counted)
    if is_run_folder(source):
        return _of_run(Path(source), group, given, world, split, precision, counted, least, also, own_data, overwrite)
    return _of_surface(load_surface(source), group, given, world, split, precision, counted)


def few_of(split: Any, samples: int | None) -> Any:
    """The same few samples of a split every time; all of them for None.

    Raises:
        UsageError: fewer than one, or the data cannot be subsampled.
    """
    if samples is None or samples >= split.size:
        return split
    if samples < 1:
        raise UsageError(f"samples {samples}: expected at least 1")
    if not isinstance(split, (TensorSplit, RowsSplit)):
        raise UsageError(f"samples {samples}: these data come as ready-made batches or from disk; leave samples out")
    if isinstance(split, TensorSplit) and split.as_given:
        raise UsageError(f"samples {samples}: the loss is one of the batches given; leave samples out")
    return picked_split(split, torch.from_numpy(subset(split.size, samples)), f"{split.fingerprint} {samples}")


def _of_surface(
    surface: Surface,
    group: str,
    given: Mapping,
    world: World,
    split: str | None,
    precision: str | None,
    counted: Counted,
) -> Extended:
    on = revived(surface, group, given, world, split=split, precision=precision, counted=counted)
    path = Path(surface.source) if surface.source else None
    return Extended(surface, path, on.subject, on.slice, on.marks, str(on.provenance.precision))


def _of_run(
    folder: Path,
    group: str,
    given: Mapping,
    world: World,
    split: str | None,
    precision: str | None,
    counted: Counted,
    least: int,
    also: Sequence[str],
    own_data: bool,
    overwrite: bool,
) -> Extended:
    """Continues FOLDER/GROUP.h5 if it exists, unless it is overwritten."""
    files = checkpoints_of(folder, least)
    config = _config(folder)
    splits = (split or "train", *also)
    subject = _subject_of(folder, files, config, given, world, splits, precision, counted, own_data)
    objective = subject.objective
    steps = Steps(files, objective.model, objective.layout, objective.weights)
    provenance, path = _provenance(subject, group, folder, config, len(files), world), folder / f"{group}.h5"
    known = plain(provenance.json())
    new = overwrite or not path.exists()
    mine = of_rank(known, leads=world.leads)
    surface = Surface(steps.grid, {}, {}, {}, {}, known, str(path)) if new else _known_at(path, steps.grid, mine)
    notes = [] if new else unknown_code(surface.provenance, known)
    subject = replace(subject, notes=(*subject.notes, *notes))
    marks = {"run": str(folder.resolve()), "data": str(provenance.splits)}
    loss = f"{next(iter(objective.splits))}_loss"
    return Extended(surface, path, subject, steps, marks, objective.precision, loss)


def _config(folder: Path) -> dict[str, Any]:
    try:
        return read_config(folder / CONFIG)
    except SurfaceFileError as error:
        raise LandscapeError(f"{folder}: not a run folder, because {error}") from None


def _subject_of(
    folder: Path,
    files: Mapping[float, Path],
    config: Mapping[str, Any],
    given: Mapping[str, Any],
    world: World,
    splits: tuple[str, ...],
    precision: str | None,
    counted: Counted,
    own_data: bool,
) -> Subject:
    """With the first net of the run: what is chosen by trial on a net, such as how products with the Hessian are computed, is
    then the same while the run is trained and afterwards.
    """
    for name in ("checkpoint", "to", "to_y", "directions"):
        if given.get(name) is not None:
            raise UsageError(
                f"{name.replace('_', '-')}: the points of {folder} are its own checkpoints; drop the option"
            )
    chosen = {name: value for name, value in given.items() if value is not None}
    used = {name: config.get(name) for name in ("model", "data", "loss") if name not in chosen}
    stored = {"normalize": harmless(config).get("normalize"), **taken(used, str(folder), given.get("trust", ()))}
    stored.pop("loss", None)  # decided below; here all that names code is refused together
    options = {**stored, **chosen}
    options |= {"split": splits, "metrics": ("loss",), "precision": precision or "fp32"}
    asked = Given(options)
    own = trained_on(config) if own_data or "data" not in chosen else None
    device = device_of(asked[MachineOptions], world)
    trust = asked[NetOptions].trust
    net = load_net(files[min(files)], options.get("model"), trust=trust)
    trained = recorded_in(config, folder.name, str(folder)) or net.trained
    loss, notes = trained_loss([trained], asked[LossOptions], stated=states_loss(asked), trust=trust)
    batchnorm = policy(net, None, moves=False, states=False)
    subject = make_subject(
        net,
        asked[DataOptions],
        loss,
        asked[MachineOptions],
        device,
        world,
        batchnorm=batchnorm,
        plain=True,
        counted=choose(net.parts, *counted, adapters=False),
        read=reader_of_run(net, asked[DataOptions], world, own),
    )
    along, shown = notes_on_run(net.trained, files[max(files)], subject.facts.loss)
    subject = replace(subject, facts=replace(subject.facts, loss_as=shown or subject.facts.loss_as))
    return checked(subject, (*notes, *along, *moving_notes(subject.counted, "count")))


def _provenance(
    subject: Subject, group: str, folder: Path, config: Mapping[str, Any], steps: int, world: World
) -> Provenance:
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    return replace(
        subject.facts,
        command=group,
        # a run is a function of its settings: different settings give different nets
        checkpoint=CheckpointFacts(path=str(folder), sha256=digest),
        run_of=TrainingFacts(seed=config.get("seed"), init_seed=config.get("init_seed"), steps=steps),
        run=replace(subject.run_facts(world), lean=False),
    )


def _known_at(path: Path, grid: Grid, provenance: Mapping[str, Any]) -> Surface:
    surface = load_surface(path)
    if not surface.grid.same_as(grid):
        surface = _longer(surface, grid, provenance)
    if found := difference(surface.provenance, provenance, added=surface.added):
        raise AnotherRun(f"{path} is of another run: {found}; remove it")
    return surface


def _longer(surface: Surface, grid: Grid, provenance: Mapping[str, Any]) -> Surface:
    """What is known of a run that has more nets by now.

    Raises:
        UsageError: it knows nets that the run does not have.
    """
    if not has_all(grid, surface.grid):
        raise UsageError(f"{surface.source} has other steps than the nets of the run; remove it")
    known = {**surface.provenance, "run_of": provenance["run_of"]}
    return replace(with_more(surface, grid), provenance=known)
