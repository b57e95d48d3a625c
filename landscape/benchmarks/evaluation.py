"""`landscape bench`: speed on this machine, side by side with two other implementations.

Owns: the comparison of (a) the original program's method, a DataLoader that decodes and transforms every image at every
point, (b) a bare PyTorch loop over preloaded tensors, and (c) this library. They alternate in one run with the same net,
data and threads, so that a machine whose speed drifts favours none; only the ratios within a round count.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from landscape.benchmarks.data import tensors_of
from landscape.data.load import load_splits
from landscape.data.normalize import Normalize
from landscape.data.split import TensorSplit
from landscape.measurement.evaluate import Evaluate
from landscape.objective.numerics import numerics, switched
from landscape.objective.objective import Objective
from landscape.options.groups import LossOptions
from landscape.options.option import Given
from landscape.study.on_slice import Asked, OnSlice, on_plane
from landscape.subject.net import load_net
from landscape.sweep.sampler import Point
from landscape.sweep.work import compute_point
from landscape.sweep.world import World
from landscape.trust import Trust

# What the original program uses for CIFAR-10.
BATCH, WORKERS = 128, 2
PEAK_SIZE, PEAK_REPEATS = {"cpu": 1536, "cuda": 8192}, 8


def bench_evaluation(
    checkpoint: Any,
    model: Any,
    *,
    rounds: int,
    plain: bool,
    trust: Trust,
    shared: dict[str, Any],
    place: dict[str, Any],
) -> dict[str, Any]:
    """Samples per second of the three ways, at one point of the landscape; ours includes moving the weights there.

    `shared`: data, samples, normalize; `place`: device, precision, batch_size, threads.
    """
    # the references below have this loss, whatever the net was trained with
    chosen = {"model": model, "loss": LossOptions().loss, "trust": trust, "plain": plain}
    asked = Asked.of(checkpoint, Given({**chosen, **shared, **place}))
    on = on_plane(asked, {"x": (-1, 1, 3), "y": (-1, 1, 3)}, World(), "bench")
    objective, work = on.subject.objective, Evaluate(on.subject, on.slice)
    net = load_net(checkpoint, model or (on.provenance.model and on.provenance.model.spec))
    module = net.module.to(objective.device, objective.weights.dtype)
    module.eval()
    ways: dict[str, Callable[[], float]] = {
        "bare": _in_precision(objective, lambda: bare_loop(module, objective)),
        "ours": lambda: compute_point(work, Point(0, (0.0, 0.0)))["train_loss"],
    }
    if loader := _original_loader(shared, on.subject.net.meta):
        original = _in_precision(objective, lambda: original_loop(module, loader, objective.device))
        ways = {"original": original, **ways}
    return _facts(on, module, *_alternate(ways, rounds, objective.device))


def _in_precision(objective: Objective, way: Callable[[], float]) -> Callable[[], float]:
    """The way with the kernels of the precision that ours has: by itself torch lets a GPU's convolutions use TF32."""

    def run() -> float:
        with switched("tf32" if objective.precision == "bf16" else objective.precision, objective.device):
            return way()

    return run


def bare_loop(net: nn.Module, objective: Objective) -> float:
    """What a researcher would write: the mean loss over preloaded tensors at one set of weights."""
    split, total = tensors_of(objective), 0.0
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

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        from PIL import Image

        image = self._images[index]
        return self._transform(Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)), self._targets[index]


def _original_loader(shared: dict[str, Any], meta: dict) -> DataLoader | None:
    source = shared["data"] if shared["data"] is not None else meta.get("data")
    pixels = {"normalize": shared["normalize"], "recorded": meta.get("normalize")}
    split = load_splits(source, samples=shared["samples"], **pixels).splits["train"]
    if not isinstance(split, TensorSplit) or split.inputs.dtype != torch.uint8:
        return None
    return DataLoader(_Pictures(split.inputs, split.targets, split.normalize), batch_size=BATCH, num_workers=WORKERS)


def _alternate(
    ways: dict[str, Callable], rounds: int, device: torch.device
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds of each way in each round, and its loss."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    losses: dict[str, float] = {}
    for number in range(rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            losses[name] = way()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - started)
    return seconds, losses


def _facts(on: OnSlice, net: nn.Module, seconds: dict[str, list[float]], losses: dict[str, float]) -> dict[str, Any]:
    objective = on.subject.objective
    size = objective.samples
    rate = {name: size / statistics.median(times) for name, times in seconds.items()}

    def ratio(other: str) -> float | None:
        if other not in seconds:
            return None
        return statistics.median(a / b for a, b in zip(seconds[other], seconds["ours"], strict=True))

    flops, peak = _flops(net, objective), matmul_peak(objective)
    known = on.provenance
    return {
        "net": known.model_name,
        "data": known.data and known.data.name,
        "samples": size,
        "device": known.run and known.run.device,
        "threads": on.subject.threads,
        "program": known.run and known.run.program,
        "batch_size": objective.batch_size,
        "original": rate.get("original"),
        "bare": rate["bare"],
        "ours": rate["ours"],
        "ours_to_original": ratio("original"),
        "ours_to_bare": ratio("bare"),
        "loss_difference": max(abs(losses["ours"] / other - 1) for other in losses.values()),
        "peak_gflops": peak / 1e9,
        "peak_fraction": rate["ours"] * flops / peak,
    }


def _flops(net: nn.Module, objective: Objective) -> float:
    """Floating-point operations for one sample, counted by torch (two for each multiply-add)."""
    split = next(iter(objective.splits.values()))
    inputs, _ = next(iter(split.batches(2)))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(inputs)
    return counter.get_total_flops() / len(inputs)


def matmul_peak(objective: Objective) -> float:
    """Operations per second of a large matrix product, the best of several: what the machine can do at most."""
    device, size = objective.device, PEAK_SIZE[objective.device.type]
    a = torch.randn(size, size, device=device, dtype=objective.weights.dtype)
    best = float("inf")
    with numerics("fp32" if device.type == "cpu" else objective.precision, device):
        for _ in range(PEAK_REPEATS):
            started = time.perf_counter()
            a @ a
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best
