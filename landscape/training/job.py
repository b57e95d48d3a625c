"""The job of a training run: the net, its data and its trainer, built from the user's options.

Owns: the splits, the metadata of folder and checkpoints, metrics in eval mode.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from landscape.checkpoint.checkpoint import tensors_digest
from landscape.checkpoint.fit import tensors_of
from landscape.data.load import has_test, load_splits
from landscape.data.sources import SPLITS
from landscape.data.split import Split, TensorSplit
from landscape.errors import UsageError
from landscape.members import parameters_in
from landscape.objective.described import Loss
from landscape.objective.loss import make_measure
from landscape.objective.loss_modules import callables_of
from landscape.objective.loss_state import LossState, differing
from landscape.objective.measure import Measure
from landscape.objective.numerics import choose_device, dtype_of, memory_budget
from landscape.objective.objective import Objective
from landscape.options.groups import MAX_THREADS, LossOptions
from landscape.options.option import check_whole
from landscape.options.values import named_path
from landscape.randomness import seed_torch
from landscape.subject.net import program_of_given
from landscape.subject.subject import versions_used
from landscape.subject.written import Holdings, Watched, lasting_code
from landscape.surfaces.same_run import CODE
from landscape.sweep.progress import note
from landscape.sweep.world import own_cores, usual_threads
from landscape.training.first_net import first_net, first_weights, init_notes, loss_notes, model_name
from landscape.training.loader import TensorLoader, make_loader
from landscape.training.run_folder import RATE
from landscape.training.seeding import isolated_rng, seed_for
from landscape.training.settings import TrainingSettings
from landscape.training.trainer import Trainer, copy_state

# What a run may be continued with; the weights of `init` decide, and not where they lie.
MAY_DIFFER = ("command", "versions", "threads", "device", "data_root", "started", "init")


@dataclass
class Stopwatch:
    """Seconds of computing, over all parts of a run that was stopped and continued."""

    before: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def add(self, seconds: float) -> None:
        self.before += seconds

    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started


class Tester:
    """Metrics of a net in eval mode, which are those at the centre of its surface.

    Works on a copy of the net, which gets the weights in each call. `splits` are "train" and, if there is one, "test". The
    constructor checks all labels and a batch of each split, before anything is trained. `measure`: as that has settled it.
    `watched`: net and measure before.
    """

    def __init__(
        self, net: nn.Module, splits: dict[str, Split], measure: Measure, device: torch.device, precision: str,
        watched: Watched,
    ):  # fmt: skip
        self.splits, self._device, self._precision = splits, device, precision
        first = Objective(net, splits, measure, budget=0.0, device=device, precision=precision)
        watched.copied(first)
        first.check(lenient=True)
        self._net, self._conduct, self.measure = first.model, first.conduct, measure.settle(first.measure.settled)
        self._of_test = {name: split for name, split in splits.items() if name == "test"}
        # with the losses as they were then, which are modules: these may change while they train
        self._test: tuple[Objective, list[Any]] | None = None

    def test(self, net: nn.Module) -> dict[str, float]:
        """Metrics on the test split; empty without one."""
        return self._metrics(self._tested(), net) if self._of_test else {}

    def _tested(self) -> Objective:
        """The test split with the losses as they are now."""
        losses = LossState.of(self.measure)
        now = losses.state()
        if self._test is None or not losses.is_whole or differing(self._test[1], now):
            self._test = self._objective(self._of_test), now
        return self._test[0]

    def all(self, net: nn.Module) -> dict[str, float]:
        """Metrics on all samples of all splits."""
        return self._metrics(self._objective(self.splits), net)

    def _objective(self, splits: dict[str, Split]) -> Objective:
        made = Objective(
            self._net, splits, self.measure, device=self._device, precision=self._precision,
            budget=memory_budget(self._device), fast=True, own=True,
        )  # fmt: skip
        if not self._conduct.plain:
            made.conform(self._conduct, made.splits, made.batch_size)
        return made

    def _metrics(self, objective: Objective, net: nn.Module) -> dict[str, float]:
        copy_state(net, self._net)
        return {name: value for name, value in objective.evaluate().items() if not name.startswith("stderr/")}


@dataclass(frozen=True, eq=False)
class TrainingJob:
    """A trainer, its tester and its folder.

    `config`: the settings and facts that the folder stores; those named in `decides` must not change when the run is
    continued. `label`: the name of the run in messages. `loss`: as it was given.
    """

    trainer: Trainer
    tester: Tester
    config: dict[str, Any]
    decides: list[str]
    label: str
    out: Path
    loss: str | Callable | Loss

    @property
    def steps_per_epoch(self) -> int:
        return self.trainer.loader.steps

    @property
    def samples_per_step(self) -> int:
        loader = self.trainer.loader
        if isinstance(loader, TensorLoader):
            return loader.batch_size
        return self.tester.splits["train"].size // loader.steps

    def meta(self, metrics: dict[str, float]) -> dict[str, Any]:
        """The metadata of a checkpoint: all that `surface` needs, and the settings of the run."""
        trainer, config = self.trainer, self.config
        about: dict[str, Any] = {"data_root": config["data_root"], "normalize": config["normalize"]}
        about |= {name: config[name] for name in ("model", "data") if name not in config["in_memory"]}
        about = {name: value for name, value in about.items() if value is not None}
        if not isinstance(config["loss"], str) or config["loss"] != "cross_entropy":
            about["loss"] = config["loss"]
        settings = {name: value for name, value in trainer.settings.facts().items() if name not in about}
        return {
            **about,
            "epochs": trainer.epoch,
            "step": trainer.step,
            RATE: trainer.lr,
            "seed": config["seed"],
            "command": config["command"],
            "metrics": metrics,
            "training": settings,
        }


def make_training_job(
    model: Any,
    data: Any,
    settings: dict[str, Any],
    *,
    init: Any = None,
    entry: str | None = None,
    overwrite: bool = False,
    data_root: str | None,
    download: bool,
    normalize: str | None,
    device: str,
    threads: int | None,
    out: str | Path | None,
    quiet: bool,
) -> TrainingJob:
    """Reads the data, and builds the net and the trainer.

    Raises:
        LandscapeError: anything is wrong with the input; nothing has been written.
    """
    name = model_name(model, init)
    if data is None:
        raise UsageError("no data: give --data, such as digits, cifar10, folder:PATH or npz:PATH")
    check_whole("threads", threads, 1, MAX_THREADS)
    spec = data if isinstance(data, str) else None
    out = named_path("out", out) if out is not None else default_folder(name, spec)
    _, loss_name, _ = make_measure(settings["loss"], None)
    init = first_weights(init, entry, out, overwrite=overwrite)
    named = {"loss": loss_name, "init": init and init.source}
    chosen = TrainingSettings(model=name, data=spec, normalize=normalize or "", **{**settings, **named}).completed()
    torch.set_num_threads(threads or usual_threads(len(own_cores())))
    with isolated_rng(place := choose_device(device)):
        seed_torch(seed_for(chosen.seed, "data"), place)  # the user's loader may shuffle
        splits, facts = _splits(data, chosen, label=name, quiet=quiet, data_root=data_root, download=download)
        measure = training_measure(settings["loss"], splits["train"])
        net = first_net(model, name, splits, chosen, init)
        program = program_of_given(net, model)
        splits = measure.read(splits, net)
        measure = measure.counting({"train": splits["train"]})
        # a trial of a loss that cannot be copied, such as a function, does not count as a step
        with Holdings(*callables_of(measure)).trying():
            tester = Tester(net, splits, measure, place, chosen.precision, watched := Watched(net, measure))
            _, code = lasting_code(watched.stores(), program, net, LossOptions(loss=settings["loss"]))
            loader = make_loader(
                splits["train"], chosen.batch_size, augment=chosen.augment, label_noise=chosen.label_noise,
                seed=chosen.seed, device=place, dtype=dtype_of(chosen.precision),
            )  # fmt: skip
            # with losses of its own, which training changes
            tester.measure = tester.measure.on(place, dtype_of(chosen.precision))
            trainer = Trainer(net, loader, tester.measure, chosen)
            begun = LossState.of_loss(tester.measure).state()
            said = [*init_notes(init, chosen.loss, facts["normalize"]), *loss_notes(init, chosen.loss, begun)]
            for text in (*said, *trainer.check()):
                note(text, label=name, quiet=quiet)
    config = _config(chosen, facts, trainer, model, data_root) | {CODE: code.json()}
    decides = [key for key in config if key not in MAY_DIFFER]
    return TrainingJob(trainer, tester, config, decides, name, out, settings["loss"])


def _splits(
    data: Any, settings: TrainingSettings, *, label: str, quiet: bool, **where: Any
) -> tuple[dict[str, Split], dict]:
    """The training split, the test split if there is one, and the provenance of both."""
    where |= {"normalize": settings.normalize or None, "seed": None}  # the generators are those that the run has seeded
    loaded = load_splits(data, split=("train",), samples=settings.samples, **where)
    missing = () if has_test(data, loaded) else ("no validation: the data have no test split",)
    for text in (*loaded.notes, *missing):
        note(text, label=label, quiet=quiet)
    if missing:
        return loaded.splits, loaded.provenance
    test = load_splits(data, split=("test",), before=loaded, **where)
    facts = {**loaded.provenance, "splits": {**loaded.provenance["splits"], **test.provenance["splits"]}}
    return {**loaded.splits, **test.splits}, facts


def training_measure(loss: Any, train: Split, restore: Callable[[Callable, str], Callable] | None = None) -> Measure:
    """The loss, with accuracy beside cross-entropy if the targets are class numbers; `restore`: see `make_measure`."""
    soft = isinstance(train, TensorSplit) and train.targets.is_floating_point()
    return make_measure(loss, ["loss"] if soft else None, restore)[0]


def default_folder(name: str, data: str | None) -> Path:
    if data is None:
        raise UsageError("no out: data in memory have no name for the default run folder; give out=")
    file, _, function = name.rpartition(":")
    model = f"{Path(file).stem}_{function}" if file else name
    return Path("runs") / f"{model}_{Path(data.rpartition(':')[2].rstrip('/')).stem}"


def _config(
    settings: TrainingSettings, facts: dict[str, Any], trainer: Trainer, model: Any, data_root: str | None
) -> dict[str, Any]:
    in_memory = {"model": isinstance(model, nn.Module), "data": settings.data is None}
    config = settings.facts() | {
        "normalize": facts["normalize"],
        "data": settings.data or facts["name"],
        "in_memory": [name for name, is_so in in_memory.items() if is_so],
        **{
            f"{name}_{key}": facts["splits"].get(name, {}).get(key)
            for name in SPLITS
            for key in ("samples", "fingerprint")
        },
        "steps_per_epoch": trainer.loader.steps,
        "steps": trainer.steps,
        "parameters": sum(parameter.numel() for parameter in parameters_in(trainer.model)),
    }
    given = isinstance(model, nn.Module) or settings.init is not None
    config["first_weights"] = tensors_digest(tensors_of(trainer.model)) if given else None
    in_shell = sys.argv[0].endswith(("landscape", "__main__.py"))
    return config | {
        "data_root": data_root,
        "command": shlex.join(["landscape", *sys.argv[1:]]) if in_shell else "",
        "device": str(trainer.device),
        "threads": torch.get_num_threads(),
        "versions": versions_used(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
