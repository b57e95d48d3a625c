"""The settings that determine the result of a training run.

Owns: `TrainingSettings`, their defaults and checks, and the comparison with those of an earlier run. The device and the
intervals of saving are not among them: they may change when a run is continued.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np

from landscape.errors import UsageError
from landscape.objective.numerics import dtype_of
from landscape.options.groups import MAX_BATCH, MAX_SEED
from landscape.options.option import check_whole, shown
from landscape.training.optimizers import check_optimizer, usual_rate
from landscape.training.schedules import FALLING, PLATEAU, SCHEDULES

# A new one needs its rows and columns in the loader, drawn from the generator there. The law to test: read off coded images
# where each pixel came from.
AUGMENTATIONS = ("crop", "flip")
# More passes than any run takes; numbers beyond which a step leaves float32.
MOST_EPOCHS, LARGEST = 1_000_000, 3.4e38
HASH = 12  # digits of a hash that are shown
NUMBERS = ("epochs", "batch_size", "lr", "momentum", "weight_decay", "gamma", "clip", "label_noise", "warmup")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """`landscape.recipes.train.train` documents each setting."""

    model: str
    data: str | None
    normalize: str
    loss: str = "cross_entropy"
    samples: int | None = None
    epochs: float = 30
    batch_size: int = 128
    optimizer: str = "nesterov"
    lr: float | None = None
    momentum: float = 0.9
    weight_decay: float = 5e-4
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)
    schedule: str = "onecycle"
    warmup: float | None = None
    milestones: tuple[float, ...] = (0.5, 0.75)
    gamma: float = 0.1
    patience: int = 10
    clip: float | None = None
    label_noise: float = 0.0
    augment: tuple[str, ...] = ()
    progressive: tuple[tuple[int, float], ...] = ()
    precision: str = "fp32"
    seed: int = 0
    init: str | None = None
    init_seed: int | None = None

    def completed(self) -> TrainingSettings:
        """The settings, checked, with the defaults of `lr` and `init_seed` filled in; weights of a file have no seed.

        Raises:
            UsageError: a value is invalid.
        """
        unboxed = {entry.name: without_numpy(getattr(self, entry.name)) for entry in fields(self)}
        return replace(self, **unboxed)._completed()

    def _completed(self) -> TrainingSettings:
        check_optimizer(self.optimizer)
        dtype_of(self.precision)
        if self.schedule not in SCHEDULES:
            raise UsageError(f"schedule '{self.schedule}': expected one of {', '.join(SCHEDULES)}")
        if unknown := [name for name in self.augment if name not in AUGMENTATIONS]:
            raise UsageError(f"augment '{unknown[0]}': expected {', '.join(AUGMENTATIONS)}, with a comma for both")
        lr = usual_rate(self.optimizer) if self.lr is None else self.lr
        self._check_numbers(lr)
        if self.init is None:
            return replace(self, lr=lr, init_seed=self.seed if self.init_seed is None else self.init_seed)
        if self.init_seed is not None:
            raise UsageError(f"init-seed {self.init_seed}: the first weights are those of --init; give one of the two")
        return replace(self, lr=lr)

    def _check_numbers(self, lr: float) -> None:
        for name in NUMBERS:
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
                raise UsageError(f"{name.replace('_', '-')} {value!r}: expected a number")
        for name, value, high, usual in (
            ("epochs", self.epochs, MOST_EPOCHS, 30),
            ("lr", lr, LARGEST, 0.1),
            ("weight-decay", self.weight_decay, LARGEST, 5e-4),
            ("momentum", self.momentum, 1, 0.9),
            ("gamma", self.gamma, 1, 0.1),
            ("label-noise", self.label_noise, 1, 0.1),
            ("warmup", self.warmup or 0, self.epochs, 0),
            *(("milestones", share, 1, 0.5) for share in self.milestones),
        ):
            if not 0 <= value <= high:  # NaN is not
                most = f"{high:,}" if high == MOST_EPOCHS else f"{high:g}"
                open_end = "of at least 0" if not value > high else f"of at most {most}"
                limit = open_end if high >= MOST_EPOCHS else f"from 0 to {most}"
                raise UsageError(f"{name} {value:g}: expected a number {limit}, such as {usual:g}")
        if self.clip is not None and not self.clip > 0:
            raise UsageError(f"clip {self.clip:g}: expected a norm above 0, such as 1")
        if not 1 <= self.batch_size <= MAX_BATCH or self.batch_size != int(self.batch_size):
            limit = "at least 1" if not self.batch_size > MAX_BATCH else f"at most {MAX_BATCH}"
            raise UsageError(f"batch-size {shown(self.batch_size)}: expected a whole number of {limit}, such as 128")
        if self.schedule in FALLING and not self.gamma > 0:
            raise UsageError(f"gamma {self.gamma:g}: schedule {self.schedule} needs a share above 0, such as 0.1")
        check_whole("patience", self.patience, 0, MOST_EPOCHS)
        check_whole("seed", self.seed, 0, MAX_SEED)
        check_whole("init-seed", self.init_seed, 0, MAX_SEED)
        if sum(epochs for _, epochs in self.progressive) > self.epochs:
            raise UsageError(f"progressive: its epochs add up to more than the {self.epochs:g} of the run")

    def facts(self) -> dict[str, Any]:
        """The settings as values of JSON; those that a run has no use for are left out, as in files of earlier versions."""
        unused = {"patience"} if self.schedule != PLATEAU else set()
        unused |= {"init"} if self.init is None else set()
        return {name: as_json(value) for name, value in asdict(self).items() if name not in unused}


def without_numpy(value: Any) -> Any:
    """The value with numpy's numbers as Python numbers, which files can hold."""
    if isinstance(value, Mapping):
        return {key: without_numpy(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(without_numpy(part) for part in value)
    return value.item() if isinstance(value, np.generic) else value


def as_json(value: Any) -> Any:
    """The value with tuples as lists, as it comes back from JSON."""
    if isinstance(value, (list, tuple)):
        return [as_json(part) for part in value]
    return {key: as_json(part) for key, part in value.items()} if isinstance(value, Mapping) else value


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """The differences between the settings of two runs, each as `lr 0.1 there, 0.05 here`."""
    return [
        f"{_in_words(name)} {_short(there.get(name))} there, {_short(value)} here"
        for name, value in here.items()
        if there.get(name) != value
    ]


def _in_words(name: str) -> str:
    if name.endswith("_fingerprint"):
        return f"hash of the {name.removesuffix('_fingerprint')} samples"
    return name.replace("_", "-")


def _short(value: Any) -> str:
    """A value in words; of a hash as much as tells it from another."""
    if value is None:
        return "not set"
    if isinstance(value, float):
        return f"{value:.15g}"
    text = str(value)
    return text[:HASH] if re.fullmatch("[0-9a-f]{32,}", text) else text
