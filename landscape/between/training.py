"""Training the bends of a curve between two nets.

Owns: the job of such a training, made of the nets and data of the command, and reading the trained bends. The loop, the folder
and how a stopped run goes on are those of `landscape train` (training/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landscape.between.curve_net import CurveMeasure, CurveNet
from landscape.between.ends import Ends
from landscape.checkpoint.checkpoint import IN_MEMORY, load_checkpoint
from landscape.checkpoint.save import save_checkpoint
from landscape.errors import CheckpointError, UsageError
from landscape.layout import Layout, placed
from landscape.members import named_parameters, saved_state
from landscape.objective.batchnorm import recompute_on
from landscape.objective.loss import make_measure
from landscape.objective.numerics import dtype_of, memory_budget, numerics
from landscape.objective.private import evaluating, private_copy
from landscape.options.groups import DataOptions, LossOptions
from landscape.options.option import check_whole
from landscape.randomness import seed_torch
from landscape.slice.paths import Path as CurvePath
from landscape.subject.restored_loss import RestoredLoss
from landscape.subject.subject import reader_of, source_of
from landscape.sweep.world import World
from landscape.training.job import TrainingJob, training_measure
from landscape.training.loader import make_loader
from landscape.training.run import ONLY_ENDS, run_training
from landscape.training.seeding import isolated_rng, seed_for
from landscape.training.settings import TrainingSettings
from landscape.training.trainer import Trainer, use_channels_last

BENDS, MOST_BENDS = "bends", 1000
# Settings that are named only where they are given.
FURTHER = ("warmup", "clip", "augment")


@dataclass(frozen=True, eq=False)
class TrainedCurve:
    """The bends (n,) of a curve of a kind, and how they were found."""

    kind: str
    bends: tuple[Tensor, ...]
    text: str


@dataclass(frozen=True)
class CurveAsked:
    """What curve is wanted: its kind, its number of bends, and the settings of its training."""

    kind: str
    bends: int
    settings: Mapping[str, Any]

    @property
    def text(self) -> str:
        """What decides the curve, as the provenance says it."""
        known = self.settings
        rate = "" if known.get("lr") is None else f", rate {known['lr']:g}"
        more = "".join(f", {name} {known[name]}" for name in FURTHER if known.get(name) not in (None, ()))
        return (
            f"{self.kind} with {self.bends} bend{'' if self.bends == 1 else 's'}, trained for {known['epochs']:g} epochs of "
            f"batches of {known['batch_size']} ({known['optimizer']}{rate}, {known['schedule']}, momentum {known['momentum']:g}, "
            f"weight decay {known['weight_decay']:g}{more}, seed {known['seed']})"
        )

    def with_bends(self, bends: Sequence[Tensor]) -> TrainedCurve:
        return TrainedCurve(self.kind, tuple(bends), self.text)


class _Untested:
    """In the place of a tester (training/job.py): a curve is measured after its training, all along."""

    def __init__(self, splits: Mapping[str, Any]):
        self.splits = splits

    def test(self, net: Any) -> dict[str, float]:
        return {}

    def all(self, net: Any) -> dict[str, float]:
        return {}


def train_curve(
    asked: CurveAsked, ends: Ends, data: DataOptions, loss: LossOptions, machine: Any, folder: Path,
    device: torch.device, world: World, *, overwrite: bool, quiet: bool,
) -> None:  # fmt: skip
    """Trains the bends in a folder, from their start or from where they are.

    Raises:
        LandscapeError: bad input, another run in the folder, a loss that is not finite. Interrupted: it can go on.
    """
    job = _job(asked, ends, data, loss, machine, folder, device, world)
    run_training(job, ONLY_ENDS, overwrite=overwrite, quiet=quiet)
    layout = Layout.of(ends.net.module)
    meta = {name: ends.net.meta[name] for name in ("data", "data_root", "normalize") if name in ends.net.meta}
    meta |= {"loss": job.config["loss"]}
    meta |= {"model": ends.net.model.spec} if ends.net.checkpoint.path != IN_MEMORY else {}
    for number, bend in enumerate(bends_of(folder, layout.size), 1):
        state = _net_at(bend, layout, ends, job, machine.precision)
        save_checkpoint(folder / f"bend_{number}.pt", state, {**meta, "bend": number, "curve": asked.text})


def _net_at(bend: Tensor, layout: Layout, ends: Ends, job: TrainingJob, precision: str) -> dict[str, Tensor]:
    """The state dict of the net at a bend (n,), with batch-norm statistics of all training samples: those of the ends mean
    nothing there."""
    device, measure = job.trainer.device, job.trainer.measure
    assert isinstance(measure, CurveMeasure)
    net = evaluating(placed(private_copy(ends.net.module), device, dtype_of(precision)))
    named = dict(named_parameters(net))  # a tied tensor is one parameter
    for entry, view in layout.views(bend):
        named[entry.name].copy_(entry.own(view))
    split = job.tester.splits["train"].on(device, dtype_of(precision), memory_budget(device))
    with isolated_rng(device), numerics(precision, device):
        recompute_on(net, split)(lambda batch: measure.inner(net, batch))
    return saved_state(net)


def bends_of(folder: Path, size: int) -> list[Tensor]:
    """The trained bends (size,) of a folder.

    Raises:
        CheckpointError: it holds none, or others.
    """
    try:
        state = load_checkpoint(folder / "final.pt").state_dict
    except CheckpointError as error:
        raise CheckpointError(f"{error}; or start again with --overwrite") from error
    found = [tensor for name, tensor in state.items() if name.startswith(f"{BENDS}.")]
    if not found or any(tuple(bend.shape) != (size,) for bend in found):
        raise CheckpointError(f"{folder}: holds no bends of a curve between these nets; start again with --overwrite")
    return found


def straight(kind: str, count: int, first: Tensor, last: Tensor) -> list[Tensor]:
    """`count` bends on the line between two nets (n,), evenly spaced: where a training begins."""
    places = [(number + 1) / (count + 1) for number in range(count)]
    return [CurvePath("line", (first, last)).at(place, torch.empty_like(first)) for place in places]


def _job(
    asked: CurveAsked, ends: Ends, data: DataOptions, loss: LossOptions, machine: Any, folder: Path, device: torch.device,
    world: World,
) -> TrainingJob:  # fmt: skip
    loaded = reader_of(ends.net, data, world)(("train",))
    _, loss_name, _ = make_measure(loss.loss, None)
    source = source_of(ends.net, data)
    settings = TrainingSettings(
        model=f"{asked.kind} from {ends.labels[0]} to {ends.labels[1]}", data=source if isinstance(source, str) else None,
        normalize=loaded.provenance["normalize"], loss=loss_name, samples=data.samples, precision=machine.precision,
        **asked.settings,
    ).completed()  # fmt: skip
    decay, settings = settings.weight_decay, replace(settings, weight_decay=0.0)
    with isolated_rng(device):
        seed_torch(seed_for(settings.seed, "data"), device)
        net = placed(private_copy(ends.net.module), device, dtype_of(settings.precision))
        restoring = RestoredLoss(ends.net.trained, loss)
        measure = training_measure(loss.loss, loaded.splits["train"], restoring.of)
        splits = measure.read({"train": loaded.splits["train"]}, net)
        measure = measure.counting(splits).on(device, dtype_of(settings.precision))
        loader = make_loader(
            splits["train"], settings.batch_size, augment=settings.augment, label_noise=settings.label_noise,
            seed=settings.seed, device=device, dtype=dtype_of(settings.precision),
        )  # fmt: skip
        layout = Layout.of(ends.net.module)
        origin = layout.flatten(layout.tensors(net), dtype=dtype_of(settings.precision), device=device)
        first, last = ends.vectors(layout, origin)
        curve = CurveNet(
            use_channels_last(net), measure, layout, (first, last), straight(asked.kind, asked.bends, first, last),
            kind=asked.kind, decay=decay,
        )  # fmt: skip
        trainer = Trainer(curve, loader, CurveMeasure(measure), settings)
        trainer.check()
    config = {
        **settings.facts(),
        "weight_decay": decay, "curve": asked.kind, BENDS: asked.bends, "ends": " to ".join(each[:12] for each in ends.hashes),
        "in_memory": ["model", *(["data"] if settings.data is None else [])],
        "train_fingerprint": loaded.provenance["splits"]["train"]["fingerprint"], "steps": trainer.steps,
        "steps_per_epoch": trainer.loader.steps, "parameters": sum(bend.numel() for bend in curve.bends),
        "data_root": data.data_root, "command": "connect",
    }  # fmt: skip
    decides = [name for name in config if name not in ("data_root", "command", "model")]
    return TrainingJob(trainer, _Untested(splits), config, decides, asked.kind, folder, loss.loss)  # type: ignore[arg-type]


def check_curve(asked: CurveAsked, count: int) -> None:
    """Raises UsageError for a curve that cannot be: settings or bends out of range, or more than two nets."""
    if count > 2:
        raise UsageError(f"curve {asked.kind}: joins two nets, and {count} were given; leave --curve out, or give two")
    check_whole("bends", asked.bends, 1, MOST_BENDS)
    TrainingSettings(model=asked.kind, data=None, normalize="", **asked.settings).completed()  # before nets are read
