"""What must hold before a number from a GPU is believed: the machine, values, directions, precisions, batch norm, repeats."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import time
from functools import partial
from typing import Any

import numpy as np
from _tools import ROOT, Place, Report, best, check, relative

USED = (
    "torch",
    "numpy",
    "h5py",
    "matplotlib",
    "mpi4py",
    "scipy",
    "safetensors",
    "tqdm",
    "torchvision",
    "PIL",
    "plotly",
    "timm",
)


@check(60)
def machine(at: Place, report: Report) -> None:
    import torch

    names = {"PIL": "pillow"}
    for name in USED:
        try:
            report.facts[name] = importlib.metadata.version(names.get(name, name))
        except importlib.metadata.PackageNotFoundError:
            report.facts[name] = "missing"
    report.facts |= {
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if at.gpu else None,
        "mpiexec": shutil.which("mpiexec"),
        "gpu": "no GPU, the CPU in its place",
    }
    if at.gpu:
        properties = torch.cuda.get_device_properties(at.device)
        report.facts |= {"gpu": properties.name, "gib": round(properties.total_memory / 2**30, 1)}
        report.facts["driver"] = _said("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    _peaks(at, report)


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)


def _peaks(at: Place, report: Report) -> None:
    """TFLOP/s of matrix products, and GB/s of copies to the device."""
    import torch

    from landscape.objective.numerics import numerics

    size, device = at.size(8192, 512), torch.device(at.device)
    for precision in ("fp32", "tf32", "bf16"):
        with numerics(precision, device):
            a = torch.randn(size, size, device=device)
            a = a.bfloat16() if precision == "bf16" else a
            seconds = best(partial(torch.matmul, a, a), at.device)
        report.facts[f"{precision}_tflops"] = round(2e-12 * size**3 / seconds, 3)
    block = torch.zeros(at.size(256, 4) << 20, dtype=torch.uint8)
    sources = {"pageable": block, **({"pinned": block.pin_memory()} if at.gpu else {})}
    for name, source in sources.items():
        seconds = best(partial(source.to, device, copy=True), at.device)
        report.facts[f"{name}_gbs"] = round(1e-9 * block.nbytes / seconds, 2)


def surface(
    at: Place, net: str = "resnet56_digits", *, device: str | None = None, points: int = 3, **options: Any
) -> Any:
    """A surface of a net that ships."""
    import landscape

    axes = {"x": f"-1:1:{points}", "y": f"-1:1:{points}"}
    return landscape.surface(at.digits(net), **axes, device=device or at.device, quiet=True, **options)


@check(70)
def values(at: Place, report: Report) -> None:
    """Losses of the nets that ship against float64 on the CPU, beside the CPU's own float32."""
    samples = at.size(128, 32)
    for net in ("resnet56_digits", "resnet56_noshort_digits"):
        truth = surface(at, net, device="cpu", precision="fp64", samples=samples).values["train_loss"]
        own = relative(surface(at, net, device="cpu", samples=samples).values["train_loss"], truth)
        limit = max(1e-4, 10 * own)  # deep nets without shortcuts lose digits on a CPU too
        ways: dict[str, dict[str, Any]] = {"folded": {}, "plain": {"plain": True}, "fp64": {"precision": "fp64"}}
        for name, options in ways.items():
            found = surface(at, net, samples=samples, **options)
            report.most(f"{net} {name}", relative(found.values["train_loss"], truth), 1e-9 if name == "fp64" else limit)
            if name == "folded":
                report.facts[f"{net} program"] = found.provenance["run"]["program"]
        report.row("Largest relative error of the loss, against float64 on the CPU", net=net, cpu_fp32=own, **{
            name: report.limits[f"{net} {name}"][0] for name in ways
        })  # fmt: skip


@check(40)
def directions(at: Place, report: Report) -> None:
    """Directions are made on the CPU, so they are the same, bit for bit; so are weights in one direction's distance."""
    import torch

    from landscape.measurement.evaluate import move
    from landscape.options.option import Given
    from landscape.study.on_slice import Asked, on_plane
    from landscape.sweep.world import World

    for options in ({}, {"lean": True}, {"norm": "layer", "orthogonal": True}, {"norm": "weight", "ignore": "none"}):
        marks, weights = [], []
        for device in ("cpu", at.device):
            asked = Asked.of(at.digits(), Given({"device": device, "samples": 8, **options}))
            on = on_plane(asked, {"x": (-1, 1, 3), "y": (-1, 1, 3)}, World(), "surface")
            marks.append(on.marks["directions"])
            move(on.subject, on.slice, (0.3, -0.7))
            weights.append(on.subject.objective.weights.cpu())
        name = " ".join(map(str, options)) or "default"
        report.holds(f"{name}: same directions", marks[0] == marks[1])
        unit = torch.finfo(torch.float32).eps * weights[0].abs().max()
        report.most(f"{name}: weights, in units of rounding", float((weights[0] - weights[1]).abs().max() / unit), 2.0)


@check(40)
def repeats(at: Place, report: Report) -> None:
    """The same run gives the same bits again, in this process and in another."""
    first = surface(at, "resnet56_noshort_digits").values["train_loss"]
    report.holds(
        "same bits in this process", np.array_equal(first, surface(at, "resnet56_noshort_digits").values["train_loss"])
    )
    path = at.work / "again.h5"
    command = [sys.executable, "-m", "landscape", "surface", str(at.digits("resnet56_noshort_digits")), "-x", "-1:1:3", "-y",
               "-1:1:3", "--device", at.device, "--quiet", "--overwrite", "-o", str(path)]  # fmt: skip
    started = time.monotonic()
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    report.facts["command_seconds"] = round(time.monotonic() - started, 2)
    report.holds("python3 -m landscape ends with 0", said.returncode == 0, said.stderr[-300:])
    if said.returncode == 0:
        import landscape

        report.holds(
            "same bits in another process", np.array_equal(first, landscape.load_surface(path).values["train_loss"])
        )


@check(30)
def precision(at: Place, report: Report) -> None:
    """TF32 and bfloat16 against float32."""
    samples = at.size(1438, 32)
    for net, limits in (("resnet56_digits", (2e-2, 0.15)), ("resnet56_noshort_digits", (0.1, 0.5))):
        truth = surface(at, net, samples=samples).values["train_loss"]
        errors = {}
        for name, limit in zip(("tf32", "bf16"), limits, strict=True):
            errors[name] = relative(surface(at, net, samples=samples, precision=name).values["train_loss"], truth)
            report.most(f"{net} {name}", errors[name], limit)
        report.row("Largest relative difference of the loss from float32", net=net, **errors)


@check(50)
def batchnorm(at: Place, report: Report) -> None:
    """The three policies, against the CPU in float64."""
    import torch

    import landscape

    samples = at.size(256, 32)
    known = landscape.load_checkpoint(at.digits())
    source = torch.Generator().manual_seed(0)
    moved = {
        name: tensor * (1 + 0.05 * torch.rand(tensor.shape, generator=source)) if tensor.is_floating_point() else tensor
        for name, tensor in known.state_dict.items()
    }
    other = at.work / "moved.pt"
    landscape.save_checkpoint(other, moved, {"model": "resnet56", "data": "digits"})
    for policy in ("keep", "recompute", "interpolate"):
        options: dict[str, Any] = {"batchnorm": policy, "samples": samples, "quiet": True}
        options |= {"to": other, "x": "0:1:4"} if policy == "interpolate" else {"x": "-1:1:4"}
        found, truth = (
            landscape.line(at.digits(), device=device, precision=precision, **options).values["train_loss"]
            for device, precision in ((at.device, "fp32"), ("cpu", "fp64"))
        )
        report.most(policy, relative(found, truth), 1e-3)
