"""What a training run works with: from the user's words to a net, its data and a trainer.

Owns: which data are trained on and tested on, the sizes a net takes from them, what the run folder and the checkpoints say of
all of it, and the metrics in eval mode.
"""

from __future__ import annotations

import shlex
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from landscape.checkpoint.checkpoint import tensors_digest
from landscape.data.load import has_test, load_splits
from landscape.data.normalize import CHANNELS, is_images
from landscape.data.sources import SPLITS
from landscape.data.split import Split, TensorSplit
from landscape.errors import UsageError
from landscape.models.resolve import build_model
from landscape.objective.loss import Measure, make_measure
from landscape.objective.numerics import choose_device, dtype_of, memory_budget
from landscape.objective.objective import Objective, private_copy
from landscape.subject.net import bare
from landscape.subject.subject import default_threads, versions_used
from landscape.sweep.launch import World
from landscape.sweep.progress import note
from landscape.training.chance import own_chance, seed_for, seed_globals
from landscape.training.feed import make_feed
from landscape.training.settings import Settings
from landscape.training.trainer import Trainer, unsaved


@dataclass
class Clock:
    """Seconds of computing, over all parts of a run."""

    before: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def add(self, seconds: float) -> None:
        self.before += seconds

    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started


class Tester:
    """Metrics of a net in eval mode, as a surface has them at its centre.

    It keeps its own copy of the net, which is filled anew at each call. `splits` are "train" and, where there is one,
    "test"; all of their labels and a batch of each are looked at here, before anything is trained.
    """

    def __init__(
        self, net: nn.Module, splits: dict[str, Split], measure: Measure, device: torch.device, precision: str
    ):
        self.splits, self.measure, self.place = splits, measure, {"device": device, "precision": precision}
        first = Objective(net, splits, measure, budget=0.0, **self.place)
        first.check()
        self._net = first.model
        self._test = self._objective({name: split for name, split in splits.items() if name == "test"})

    def test(self, net: nn.Module) -> dict[str, float]:
        """On the test split; nothing where there is none."""
        return self._metrics(self._test, net) if self._test else {}

    def all(self, net: nn.Module) -> dict[str, float]:
        """On all samples of all splits."""
        return self._metrics(self._objective(self.splits), net)

    def _objective(self, splits: dict[str, Split]) -> Objective | None:
        if not splits:
            return None
        budget = memory_budget(self.place["device"])
        return Objective(self._net, splits, self.measure, budget=budget, fast=True, own=True, **self.place)

    def _metrics(self, objective: Objective, net: nn.Module) -> dict[str, float]:
        self._net.load_state_dict(net.state_dict())
        for name, buffer in unsaved(self._net).items():
            buffer.copy_(unsaved(net)[name])
        return {name: value for name, value in objective.evaluate().items() if not name.startswith("stderr/")}


@dataclass(frozen=True, eq=False)
class TrainingJob:
    """A trainer and its surroundings; `config` is what the folder says of the run, `decides` what must not change."""

    trainer: Trainer
    tester: Tester
    config: dict[str, Any]
    decides: list[str]
    label: str
    out: Path

    @property
    def steps_per_epoch(self) -> int:
        return self.trainer.feed.steps

    @property
    def samples_per_step(self) -> int:
        feed = self.trainer.feed
        return getattr(feed, "batch_size", None) or self.tester.splits["train"].size // feed.steps

    def meta(self, metrics: dict[str, float]) -> dict[str, Any]:
        """What a checkpoint says of itself: all that `surface` needs, and where it comes from."""
        trainer, config = self.trainer, self.config
        about = {"data_root": config["data_root"], "normalize": config["normalize"]}
        about |= {name: config[name] for name in ("model", "data") if name not in config["in_memory"]}
        about = {name: value for name, value in about.items() if value is not None}
        if not isinstance(config["loss"], str) or config["loss"] != "cross_entropy":
            about["loss"] = config["loss"]
        settings = {name: value for name, value in trainer.settings.facts().items() if name not in about}
        return {
            **about,
            "epochs": trainer.epoch,
            "step": trainer.step,
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
    data_root: str | None,
    download: bool,
    normalize: str | None,
    device: str,
    threads: int | None,
    out: str | Path | None,
    quiet: bool,
) -> TrainingJob:
    """Reads the data, builds the net and the trainer.

    Raises:
        LandscapeError: whatever is wrong with the input, before anything is written.
    """
    name = _model_name(model)
    if data is None:
        raise UsageError("no data: give --data, such as digits, cifar10, folder:PATH or npz:PATH")
    if threads is not None and threads < 1:
        raise UsageError(f"threads {threads}: expected at least 1")
    spec = data if isinstance(data, str) else None
    out = Path(out) if out else _default_folder(name, spec)
    _, loss_name, _ = make_measure(settings["loss"], None)
    asked = Settings(model=name, data=spec, normalize=normalize or "", **{**settings, "loss": loss_name}).completed()
    torch.set_num_threads(threads or default_threads(World()))
    place = choose_device(device)
    with own_chance(place):
        seed_globals(place, seed_for(asked.seed, "data"))  # a loader may shuffle
        splits, facts = _splits(data, asked, label=name, quiet=quiet, data_root=data_root, download=download)
        measure = _measure(settings["loss"], splits["train"])
        net = _net(model, name, splits, asked.init_seed)
        tester = Tester(net, splits, measure, place, asked.precision)
        feed = make_feed(
            splits["train"],
            asked.batch_size,
            augment=asked.augment,
            label_noise=asked.label_noise,
            seed=asked.seed,
            device=place,
            dtype=dtype_of(asked.precision),
        )
        trainer = Trainer(net, feed, measure, asked)
        trainer.check()
    config = _config(asked, facts, trainer, model, data_root)
    decides = [key for key in config if key not in ("command", "versions", "threads", "device", "data_root", "started")]
    return TrainingJob(trainer, tester, config, decides, name, out)


def _splits(
    data: Any, asked: Settings, *, label: str, quiet: bool, **where: Any
) -> tuple[dict[str, Split], dict[str, Any]]:
    """The training split, the test split where there is one, and the facts about both."""
    where["normalize"] = asked.normalize or None
    loaded = load_splits(data, split=("train",), samples=asked.samples, **where)
    if not has_test(data):
        note("no validation: the data have no test split", label=label, quiet=quiet)
        return loaded.splits, loaded.provenance
    test = load_splits(data, split=("test",), **where)
    facts = {**loaded.provenance, "splits": {**loaded.provenance["splits"], **test.provenance["splits"]}}
    return {**loaded.splits, **test.splits}, facts


def _measure(loss: Any, train: Split) -> Measure:
    """Loss, and accuracy beside cross-entropy where the targets are class numbers."""
    soft = isinstance(train, TensorSplit) and train.targets.is_floating_point()
    return make_measure(loss, ["loss"] if soft else None)[0]


def _model_name(model: Any) -> str:
    if isinstance(model, nn.Module):
        return type(bare(model)).__name__
    if not model:
        raise UsageError("no model: give --model, such as resnet20, torchvision:resnet18 or net.py:build")
    return model


def _default_folder(name: str, data: str | None) -> Path:
    if data is None:
        raise UsageError("no out: data in memory have no name to call the run folder by; give out=")
    file, _, function = name.rpartition(":")
    model = f"{Path(file).stem}_{function}" if file else name
    return Path("runs") / f"{model}_{Path(data.rpartition(':')[2].rstrip('/')).stem}"


def _net(model: Any, name: str, splits: dict[str, Split], seed: int) -> nn.Module:
    seed_globals(torch.device("cpu"), seed)
    return private_copy(bare(model)) if isinstance(model, nn.Module) else build_model(name, **sizes_for(splits))


def sizes_for(splits: dict[str, Split]) -> dict[str, int]:
    """The number of classes, of channels and the side of the images, as far as the data tell."""
    split = splits["train"]
    if not isinstance(split, TensorSplit):
        return {}
    sizes = {}
    if not split.targets.is_floating_point() and split.targets.ndim == 1:
        # a small part of the training data may lack a class that the test data have
        sizes["num_classes"] = max(int(part.targets.max()) for part in splits.values()) + 1
    if is_images(split.inputs):
        shape = split.inputs.shape
        first = split.inputs.is_floating_point() or (shape[1] in CHANNELS and shape[3] not in CHANNELS)
        sizes |= {"in_channels": shape[1 if first else 3], "image_size": shape[2]}
    return sizes


def _config(
    settings: Settings, facts: dict[str, Any], trainer: Trainer, model: Any, data_root: str | None
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
        "steps_per_epoch": trainer.feed.steps,
        "steps": trainer.steps,
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
    }
    if isinstance(model, nn.Module):
        config["first_weights"] = tensors_digest(trainer.model.state_dict())
    return config | {
        "data_root": data_root,
        "command": shlex.join(["landscape", *sys.argv[1:]])
        if sys.argv[0].endswith(("landscape", "__main__.py"))
        else "",
        "device": str(trainer.device),
        "threads": torch.get_num_threads(),
        "versions": versions_used(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _is_our_command(program: Path) -> bool:
    return program.name == "landscape" or program.parts[-2:] == ("landscape", "__main__.py")
