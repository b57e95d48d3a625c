"""`landscape bench`: speed on this machine, side by side with the two other ways to do the same.

Owns: the comparison of (a) the original program's way, a DataLoader that decodes and transforms every image at every
point, (b) a bare PyTorch loop over preloaded tensors, and (c) this library. They alternate in one run with the same net,
data and threads, so that a machine whose speed drifts favours none; the ratios within a round are what counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from landscape.data.load import load_splits
from landscape.data.normalize import Normalize
from landscape.data.split import TensorSplit
from landscape.errors import UsageError
from landscape.recipes.bench_hessian import bench_hessian
from landscape.recipes.bench_training import bench_training
from landscape.recipes.job import Job, make_job
from landscape.recipes.net import load_net
from landscape.recipes.options import Options
from landscape.sweep.launch import World

# What the original program uses for CIFAR-10.
BATCH, WORKERS = 128, 2
PEAK_SIZE, PEAK_REPEATS = 1536, 8


def bench(
    checkpoint: Any = None,
    *,
    model: Any = None,
    data: Any = None,
    samples: int | None = None,
    normalize: str | None = None,
    device: str = "auto",
    precision: str = "fp32",
    batch_size: int | None = None,
    threads: int | None = None,
    plain: bool = False,
    rounds: int = 5,
    train: bool = False,
    hessian: bool = False,
) -> dict[str, Any]:
    """Samples per second of the three ways, at one point of the landscape; ours includes moving the weights there.

    Args:
        checkpoint: default the ResNet-56 that ships with the project.
        batch_size: of ours; the others take 128.
        rounds: how often the three alternate, after one round to warm up.
        hessian: time both ends of the Hessian's spectrum at so many neighbouring points: see `bench_hessian`.
        train: time the training of such a net instead, beside a plain loop: see `bench_training`.

    Returns:
        The machine, medians of samples per second ("original", "bare", "ours"; "original" is None for data that are not
        uint8 images), medians of the ratios ("ours_to_bare", "ours_to_original"), the largest relative difference of
        the losses, and "peak_fraction": the arithmetic of ours as a share of the measured matrix-multiply speed.

    Raises:
        LandscapeError: bad input.
    """
    if rounds < 1:
        raise UsageError(f"rounds {rounds}: expected at least 1")
    if train and hessian:
        raise UsageError("train and hessian are two benches; give one of them")
    shared = {"data": data, "samples": samples, "normalize": normalize}
    place = {"device": device, "precision": precision, "batch_size": batch_size, "threads": threads}
    checkpoint = checkpoint or default_checkpoint()
    threads_before = torch.get_num_threads()
    try:
        if train:
            return bench_training(checkpoint, model, rounds=rounds, **shared, **place)
        if hessian:
            return bench_hessian(checkpoint, model, rounds=rounds, options={**shared, **place})
        options = Options(checkpoint=checkpoint, model=model, plain=plain, **shared, **place)
        job = make_job(options, {"x": (-1, 1, 3), "y": (-1, 1, 3)}, World(), "bench")
        net = load_net(checkpoint, model or job.provenance["model"]["spec"])
        module = net.module.to(job.objective.device, job.objective.weights.dtype).eval()
        ways: dict[str, Callable[[], float]] = {
            "bare": lambda: bare_loop(module, job),
            "ours": lambda: job.evaluate((0.0, 0.0))["train_loss"],
        }
        if loader := _original_loader(shared, net.meta):
            ways = {"original": lambda: original_loop(module, loader, job.objective.device), **ways}
        return _facts(job, module, *_alternate(ways, rounds, job))
    finally:
        torch.set_num_threads(threads_before)


def bare_loop(net: nn.Module, job: Job) -> float:
    """What a researcher would write: the mean loss over preloaded tensors at one set of weights."""
    split = next(iter(job.objective.splits.values()))
    total = 0.0
    with torch.no_grad():
        for start in range(0, split.size, BATCH):
            inputs, targets = split.inputs[start : start + BATCH], split.targets[start : start + BATCH]
            total += F.cross_entropy(net(inputs), targets, reduction="sum").item()
    return total / split.size


def original_loop(net: nn.Module, loader: DataLoader, device: torch.device) -> float:
    """How the original program evaluates a point: workers decode and transform, losses are summed batch by batch."""
    total, correct, count = 0.0, 0.0, 0
    with torch.no_grad():
        for inputs, targets in loader:
            inputs, targets = inputs.to(device), targets.to(device)
            outputs = net(inputs)
            total += F.cross_entropy(outputs, targets).item() * len(targets)
            correct += outputs.argmax(1).eq(targets).sum().item()
            count += len(targets)
    return total / count


class _Pictures(Dataset):
    """uint8 images as torchvision's data sets give them: one PIL picture at a time through ToTensor and Normalize."""

    def __init__(self, images: Tensor, targets: Tensor, normalize: Normalize):
        from torchvision import transforms

        steps = [transforms.ToTensor()]
        if normalize.mean:
            steps.append(transforms.Normalize(normalize.mean, normalize.std))
        self._images, self._targets, self._transform = images.numpy(), targets, transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, index: int):
        from PIL import Image

        image = self._images[index]
        return self._transform(Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)), self._targets[index]


def _original_loader(shared: dict[str, Any], meta: dict) -> DataLoader | None:
    source = shared["data"] if shared["data"] is not None else meta.get("data")
    normalize = shared["normalize"] or (meta.get("normalize") if shared["data"] is None else None)
    split = load_splits(source, samples=shared["samples"], normalize=normalize).splits["train"]
    if not isinstance(split, TensorSplit) or split.inputs.dtype != torch.uint8:
        return None
    return DataLoader(_Pictures(split.inputs, split.targets, split.normalize), batch_size=BATCH, num_workers=WORKERS)


def _alternate(ways: dict[str, Callable], rounds: int, job: Job) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds of each way in each round, and its loss."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    losses: dict[str, float] = {}
    for number in range(rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            losses[name] = way()
            if job.objective.device.type == "cuda":
                torch.cuda.synchronize(job.objective.device)
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - started)
    return seconds, losses


def _facts(job: Job, net: nn.Module, seconds: dict[str, list[float]], losses: dict[str, float]) -> dict[str, Any]:
    size = job.objective.samples
    rate = {name: size / statistics.median(times) for name, times in seconds.items()}

    def ratio(other: str) -> float | None:
        if other not in seconds:
            return None
        return statistics.median(a / b for a, b in zip(seconds[other], seconds["ours"], strict=True))

    flops, peak = _flops(net, job), matmul_peak(job.objective.device, job.objective.weights.dtype)
    run = job.provenance["run"]
    return {
        "net": job.provenance["model"]["name"],
        "data": job.provenance["data"]["name"],
        "samples": size,
        "device": run["device"],
        "threads": job.threads,
        "program": run["program"],
        "batch_size": job.objective.batch_size,
        "original": rate.get("original"),
        "bare": rate["bare"],
        "ours": rate["ours"],
        "ours_to_original": ratio("original"),
        "ours_to_bare": ratio("bare"),
        "loss_difference": max(abs(losses["ours"] / other - 1) for other in losses.values()),
        "peak_gflops": peak / 1e9,
        "peak_fraction": rate["ours"] * flops / peak,
    }


def _flops(net: nn.Module, job: Job) -> float:
    """Floating-point operations for one sample, counted by torch (two for each multiply-add)."""
    split = next(iter(job.objective.splits.values()))
    inputs, _ = next(iter(split.batches(2)))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(inputs)
    return counter.get_total_flops() / len(inputs)


def matmul_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of a large matrix product, the best of several: what the machine can do at most."""
    a = torch.randn(PEAK_SIZE, PEAK_SIZE, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(PEAK_REPEATS):
        started = time.perf_counter()
        a @ a
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - started)
    return 2 * PEAK_SIZE**3 / best


def default_checkpoint() -> Path:
    """The ResNet-56 that ships with the project."""
    return Path(__file__).resolve().parents[2] / "checkpoints" / "resnet56_digits.pt"
