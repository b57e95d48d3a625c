"""`landscape bench --train`: speed of training, side by side with a plain PyTorch loop.

Owns: the plain loop, written as a researcher would who has preloaded the data, and the comparison: the same first
weights, batches and optimizer, alternating in one run.
"""

from __future__ import annotations

import copy
import functools
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from landscape.checkpoint.checkpoint import load_checkpoint
from landscape.data.split import TensorSplit
from landscape.errors import UsageError
from landscape.objective.numerics import switched
from landscape.training.job import TrainingJob, make_training_job
from landscape.training.loader import TensorLoader
from landscape.trust import Trust, harmless, taken

# Approximate seconds of training of each loop in a round.
SECONDS = 4.0
LR, MOMENTUM, WEIGHT_DECAY = 0.01, 0.9, 5e-4


class PlainLoop:
    """SGD over preloaded, normalized tensors, as in torch's tutorials."""

    def __init__(self, job: TrainingJob) -> None:
        trainer = job.trainer
        if not isinstance(trainer.loader, TensorLoader):
            raise UsageError("train: expected data of one tensor of inputs and one of targets, not ready-made batches")
        self.net = copy.deepcopy(trainer.model).to(memory_format=torch.contiguous_format)
        self.numerics = functools.partial(switched, trainer.settings.precision, trainer.device)
        device, dtype = trainer.device, next(self.net.parameters()).dtype
        split = job.tester.splits["train"].on(device, dtype, float("inf"))
        assert isinstance(split, TensorSplit), "a TensorLoader has tensors"
        self.inputs, self.targets = split.inputs, split.targets
        self.batch_size = trainer.loader.batch_size
        self.order = trainer.loader.order(0)
        self.optimizer = torch.optim.SGD(
            self.net.parameters(), lr=LR, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True
        )

    def step(self, number: int) -> torch.Tensor:
        batch = self.order[number % len(self.order)].to(self.targets.device)
        self.net.train()
        self.optimizer.zero_grad()
        with self.numerics():
            loss = F.cross_entropy(self.net(self.inputs[batch]), self.targets[batch])
            loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        return loss.detach()


def bench_training(
    checkpoint: Any, model: str | None, *, data: Any, trust: Trust, rounds: int, batch_size: int | None, **options: Any
) -> dict[str, Any]:
    """Samples per second of training: "plain" and "ours", the median of their ratios, and how far the losses of the
    first step are apart. The net and the data are the checkpoint's unless given; its weights are not used.

    Raises:
        LandscapeError: bad input.
    """
    if model is None or data is None:
        meta = load_checkpoint(checkpoint).meta
        wanted = {name: meta.get(name) for name, value in (("model", model), ("data", data)) if value is None}
        named = taken(wanted, str(checkpoint), trust)
        if data is None:
            options["normalize"] = options["normalize"] or harmless(meta).get("normalize")
        model, data = model or named.get("model"), data if data is not None else named.get("data")
    settings = {
        "loss": "cross_entropy",
        "samples": options.pop("samples"),
        "epochs": 1000,
        "batch_size": batch_size or 128,
        "lr": LR,
        "momentum": MOMENTUM,
        "weight_decay": WEIGHT_DECAY,
        "schedule": "constant",
        "clip": 1.0,
        "precision": options.pop("precision"),
    }
    job = make_training_job(model, data, settings, data_root=None, download=False, out="bench", quiet=True, **options)
    plain = PlainLoop(job)
    ways: dict[str, Callable[[int], Any]] = {"plain": plain.step, "ours": lambda _: job.trainer.advance()}
    job.trainer.advance()
    first = [float(plain.step(0)), job.trainer.pop_means()["train_loss"]]
    seconds = _alternate(ways, rounds, job.trainer.device)
    size = plain.batch_size
    return {
        "net": job.label,
        "data": job.config["data"],
        "device": job.config["device"],
        "threads": torch.get_num_threads(),
        "batch_size": size,
        **{name: size / statistics.median(times) for name, times in seconds.items()},
        "ours_to_plain": statistics.median(a / b for a, b in zip(seconds["plain"], seconds["ours"], strict=True)),
        "loss_difference": abs(first[1] / first[0] - 1),
    }


def _alternate(ways: dict[str, Callable], rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of a step of each loop in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    number, steps = 0, 1
    for turn in range(rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            for k in range(steps):
                way(number + k)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            each = (time.perf_counter() - started) / steps
            if turn:  # the first round warms up
                seconds[name].append(each)
        number, steps = number + steps, max(1, round(SECONDS / each))
    return seconds
