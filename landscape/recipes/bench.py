"""`landscape bench`: speed on this machine, side by side with a plain loop.

Owns: the comparison. Both sides alternate in one run, with the same net, data, batch size and threads, so that a machine
whose speed drifts does not favour one; ratios of the pairs are what counts.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from landscape.errors import UsageError
from landscape.objective.objective import Objective
from landscape.recipes.job import Job, make_job
from landscape.recipes.net import load_net
from landscape.recipes.options import Options
from landscape.sweep.launch import World


def bench(
    checkpoint: Any = None,
    *,
    model: Any = None,
    data: Any = None,
    samples: int | None = None,
    normalize: str | None = None,
    device: str = "auto",
    precision: str = "fp32",
    batch_size: int = 128,
    threads: int | None = None,
    rounds: int = 5,
) -> dict[str, Any]:
    """Samples per second of a bare PyTorch loop over preloaded tensors and of this library, over the same points.

    Without a checkpoint it takes the ResNet that ships with the project. The bare loop calls the net batch by batch
    and adds up the cross-entropy at one set of weights; ours also moves the weights and keeps standard errors.

    Returns:
        {"net", "batch_size", "threads", "bare", "ours", "ratio"}: samples per second as medians over `rounds`, and the
        median of the ratios ours / bare.

    Raises:
        LandscapeError: bad input.
    """
    if rounds < 1:
        raise UsageError(f"rounds {rounds}: expected at least 1")
    options = Options(
        checkpoint=checkpoint or default_checkpoint(),
        model=model,
        data=data,
        samples=samples,
        normalize=normalize,
        device=device,
        precision=precision,
        batch_size=batch_size,
        threads=threads,
        metrics=["loss"],
    )
    job = make_job(options, {"x": (-1, 1, 3), "y": (-1, 1, 3)}, World(), "bench")
    size = job.objective.samples
    net = load_net(options.checkpoint, model).module.to(job.objective.device, job.objective.weights.dtype).eval()
    pairs = []
    for _ in range(rounds + 1):
        bare = _timed(lambda: bare_loop(net, job.objective), job)
        ours = _timed(lambda: job.evaluate((0.01, 0.01)), job)
        pairs.append((size / bare, size / ours))
    pairs = pairs[1:]  # the first pair warms up
    return {
        "net": job.provenance["model"]["name"],
        "data": job.provenance["data"]["name"],
        "samples": size,
        "device": job.provenance["run"]["device"],
        "batch_size": batch_size,
        "threads": job.threads,
        "bare": statistics.median(bare for bare, _ in pairs),
        "ours": statistics.median(ours for _, ours in pairs),
        "ratio": statistics.median(ours / bare for bare, ours in pairs),
    }


def bare_loop(net: nn.Module, objective: Objective) -> float:
    """What a researcher would write: the mean loss over preloaded tensors at one set of weights."""
    split = next(iter(objective.splits.values()))
    size, total = objective.batch_size, 0.0
    with torch.no_grad():
        for start in range(0, split.size, size):
            inputs, targets = split.inputs[start : start + size], split.targets[start : start + size]
            total += F.cross_entropy(net(inputs), targets, reduction="sum").item()
    return total / split.size


def default_checkpoint() -> Path:
    """The ResNet-56 that ships with the project."""
    return Path(__file__).resolve().parents[2] / "checkpoints" / "resnet56_digits.pt"


def _timed(action, job: Job) -> float:
    started = time.perf_counter()
    action()
    if job.objective.device.type == "cuda":
        torch.cuda.synchronize(job.objective.device)
    return time.perf_counter() - started
