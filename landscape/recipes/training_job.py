"""What a training run works with: from the user's words to a net, its data and a trainer.

Owns: the sizes a net takes from its data, what the run folder says of all of it, and the metrics of the trained net.
"""

from __future__ import annotations

import copy
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from landscape.checkpoint.checkpoint import tensors_digest
from landscape.data.load import Data, load_splits
from landscape.data.normalize import CHANNELS, is_images
from landscape.data.split import Split, TensorSplit
from landscape.errors import DataError, UsageError
from landscape.models.resolve import build_model
from landscape.objective.loss import Measure, make_measure
from landscape.objective.numerics import choose_device, dtype_of, memory_budget
from landscape.objective.objective import Objective
from landscape.recipes.job import default_threads, versions_used
from landscape.recipes.net import bare
from landscape.sweep.launch import World
from landscape.sweep.progress import note
from landscape.training.feed import make_feed
from landscape.training.settings import Settings
from landscape.training.trainer import Trainer, initialized


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
    """Metrics of a net in eval mode over all samples of its splits, as a surface has them at its centre.

    The objective keeps its own copy of the net, which is filled anew at each call.
    """

    def __init__(
        self, net: nn.Module, splits: dict[str, Split], measure: Measure, device: torch.device, precision: str
    ):
        place = {"device": device, "precision": precision, "budget": memory_budget(device)}
        self.objective = Objective(net, splits, measure, fast=True, **place)
        self.objective.check()

    def __call__(self, net: nn.Module) -> dict[str, float]:
        self.objective.model.load_state_dict(net.state_dict())
        return {name: value for name, value in self.objective.evaluate().items() if not name.startswith("stderr/")}


@dataclass(frozen=True, eq=False)
class TrainingJob:
    """A trainer and its surroundings; `config` is what the folder says of the run, `decides` what must not change."""

    trainer: Trainer
    test: Tester | None
    splits: dict[str, Split]
    measure: Measure
    config: dict[str, Any]
    decides: list[str]
    label: str
    out: Path

    @property
    def steps_per_epoch(self) -> int:
        return self.trainer.feed.steps

    @property
    def samples_per_step(self) -> int:
        return self.splits["train"].size // self.steps_per_epoch

    def meta(self, metrics: dict[str, float]) -> dict[str, Any]:
        """What a checkpoint says of itself: all that `surface` needs, and where it comes from."""
        trainer, config = self.trainer, self.config
        about = {name: config[name] for name in ("model", "data", "data_root", "normalize") if config[name] is not None}
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

    def final_metrics(self) -> dict[str, float]:
        """Over all samples in eval mode, as a surface has them at its centre."""
        trainer = self.trainer
        return Tester(trainer.model, self.splits, self.measure, trainer.device, trainer.settings.precision)(
            trainer.model
        )


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
    spec = data if isinstance(data, str) else None
    if data is None:
        raise UsageError("no data: give --data, such as digits, cifar10, folder:PATH or npz:PATH")
    if threads is not None and threads < 1:
        raise UsageError(f"threads {threads}: expected at least 1")
    out = Path(out) if out else _default_folder(name, spec)
    loss = settings.pop("loss")
    measure, loss_name, metrics = make_measure(loss, None)
    done = Settings(model=name, data=spec, normalize=normalize or "", loss=loss_name, **settings).completed()
    torch.set_num_threads(threads or default_threads(World()))
    place = choose_device(device)
    read = {"normalize": normalize, "data_root": data_root, "download": download}
    loaded = load_splits(data, split=("train",), samples=done.samples, **read)
    test = _test_split(data, read, label=name, quiet=quiet)
    train = loaded.splits["train"]
    net = _net(model, name, [part for part in (train, test) if part is not None], done.init_seed)
    feed = make_feed(
        train,
        done.batch_size,
        augment=done.augment,
        label_noise=done.label_noise,
        seed=done.seed,
        device=place,
        dtype=dtype_of(done.precision),
    )
    trainer = Trainer(net, feed, measure, done)
    trainer.check()
    config = _config(done, loaded, trainer, model, data_root)
    decides = [key for key in config if key not in ("command", "versions", "threads", "device", "data_root", "started")]
    splits = {"train": train, **({"test": test} if test is not None else {})}
    tester = Tester(trainer.model, {"test": test}, measure, place, done.precision) if test is not None else None
    return TrainingJob(trainer, tester, splits, measure, config, decides, name, out)


def _model_name(model: Any) -> str:
    if isinstance(model, nn.Module):
        return type(bare(model)).__name__
    if not model:
        raise UsageError("no model: give --model, such as resnet20, torchvision:resnet18 or net.py:build")
    return model


def _default_folder(name: str, data: str | None) -> Path:
    if data is None:
        raise UsageError("no out: data in memory have no name to call the run folder by; give out=")
    words = [Path(part.replace(":", "/")).stem or part for part in (name.replace(":", "_"), data.rstrip("/"))]
    return Path("runs") / "_".join(words)


def _test_split(data: Any, read: dict[str, Any], *, label: str, quiet: bool) -> Split | None:
    """The validation data, where there are any."""
    try:
        return load_splits(data, split=("test",), **read).splits["test"]
    except (UsageError, DataError) as error:
        note(f"no validation: {error}", label=label, quiet=quiet)
        return None


def _net(model: Any, name: str, splits: Sequence[Split], seed: int) -> nn.Module:
    if isinstance(model, nn.Module):
        return copy.deepcopy(bare(model))
    return initialized(lambda: build_model(name, **sizes_for(splits)), seed)


def sizes_for(splits: Sequence[Split]) -> dict[str, int]:
    """The number of classes, of channels and the side of the images, as far as the data tell."""
    split = splits[0]
    if not isinstance(split, TensorSplit):
        return {}
    sizes = {}
    if not split.targets.is_floating_point() and split.targets.ndim == 1:
        # a small part of the training data may lack a class that the test data have
        sizes["num_classes"] = max(int(part.targets.max()) for part in splits) + 1
    if is_images(split.inputs):
        shape = split.inputs.shape
        first = split.inputs.is_floating_point() or (shape[1] in CHANNELS and shape[3] not in CHANNELS)
        sizes |= {"in_channels": shape[1 if first else 3], "image_size": shape[2]}
    return sizes


def _config(settings: Settings, loaded: Data, trainer: Trainer, model: Any, data_root: str | None) -> dict[str, Any]:
    facts = loaded.provenance
    config = settings.facts() | {
        "normalize": facts["normalize"],
        "data": settings.data or facts["name"],
        "train_samples": facts["splits"]["train"]["samples"],
        "fingerprint": facts["splits"]["train"]["fingerprint"],
        "steps_per_epoch": trainer.feed.steps,
        "steps": trainer.steps,
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
    }
    if isinstance(model, nn.Module):
        config["initial"] = tensors_digest(model.state_dict())
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
