"""The rest: a tolerance, ranks on one card, other kinds of nets, messages, a figure."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from typing import Any

import numpy as np
from _tools import ROOT, Place, Report, Skipped, check, relative
from basics import surface


@check(60)
def tolerance(at: Place, report: Report) -> None:
    """A surface under a tolerance, beside the full one."""
    points, samples = at.size(15, 5), at.size(None, 128)
    started = time.monotonic()
    full = surface(at, points=points, samples=samples)
    between = time.monotonic()
    some = surface(at, points=points, samples=samples, tolerance=0.05)
    report.facts |= {"full_seconds": between - started, "seconds": time.monotonic() - between}
    truth, found = full.values["train_loss"], some.values["train_loss"]
    known = some.known.run.reached
    report.facts["reached"] = str(known)
    errors = np.abs(found - truth) / truth
    stated = float(known.error) if known else 0.05
    report.facts["stated error"] = stated
    report.most("error at 95 % of the points", float(np.quantile(errors, 0.95)), max(0.05, 1.5 * stated))
    other = surface(at, device="cpu", points=points, samples=at.size(128, 128), tolerance=0.05) if at.short else None
    if other is not None:
        report.holds("as on the CPU", relative(other.values["train_loss"], found) < 1e-4)


@check(90)
def ranks(at: Place, report: Report) -> None:
    """Two ranks share one card, and write the bits of one process."""
    import landscape

    mpiexec = (
        shutil.which("mpiexec") or shutil.which("mpirun") or shutil.which("mpiexec", path=str(sys.prefix) + "/bin")
    )
    if not mpiexec or importlib.util.find_spec("mpi4py") is None:
        raise Skipped(f"mpiexec {mpiexec or 'is missing'}, mpi4py {'is missing' if mpiexec else 'not tried'}")
    command = [sys.executable, "-m", "landscape", "surface", str(at.digits()), "-x", "-1:1:5", "-y", "-1:1:5", "--threads", "1",
               "--device", at.device, "--quiet", "--overwrite", *(["--samples", "64"] if at.short else [])]  # fmt: skip
    for name, launcher in (("one", []), ("two", [mpiexec, "-n", "2"])):
        path = at.work / f"{name}.h5"
        started = time.monotonic()
        said = _run([*launcher, *command, "-o", str(path)])
        if said.returncode and launcher and "root" in said.stderr:  # Open MPI refuses root without a flag
            said = _run([*launcher, "--allow-run-as-root", "--oversubscribe", *command, "-o", str(path)])
        report.facts[f"{name}_seconds"] = round(time.monotonic() - started, 2)
        report.holds(f"{name}: ends with 0", said.returncode == 0, said.stderr[-300:])
    if not report.failures:
        one, two = (landscape.load_surface(at.work / f"{name}.h5") for name in ("one", "two"))
        report.facts["ranks"] = two.known.run.ranks
        report.holds("same bits", all(np.array_equal(one.values[name], two.values[name]) for name in one.values))


def _run(command: list[str]) -> Any:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def _nets() -> dict[str, tuple[Any, Any]]:
    """Nets of other kinds, each with a batch of inputs."""
    import torch
    from torch import nn

    source = torch.Generator().manual_seed(0)
    images, words = torch.randn(16, 3, 32, 32, generator=source), torch.randint(0, 50, (16, 12), generator=source)
    torch.manual_seed(0)

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(50, 16)
            self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
            self.last = nn.Linear(16, 10)

        def forward(self, words: Any) -> Any:
            return self.last(self.layer(self.words(words)).mean(1))

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.layer, self.last = (
                nn.Embedding(50, 16),
                nn.GRU(16, 16, batch_first=True),
                nn.Linear(16, 10),
            )

        def forward(self, words: Any) -> Any:
            return self.last(self.layer(self.words(words))[0][:, -1])

    found = {
        "perceptron": (nn.Sequential(nn.Flatten(), nn.Linear(3072, 16), nn.GELU(), nn.Linear(16, 10)), images),
        "pooling, groups": (
            nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.SiLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, groups=4),
                          nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 10)), images),
        "transposed": (nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ConvTranspose2d(4, 4, 3, 2), nn.ReLU(), nn.Flatten(),
                                     nn.LazyLinear(10)), images),
        "attention": (Attention(), words),
        "recurrent": (Recurrent(), words),
    }  # fmt: skip
    found["transposed"][0](images)
    if importlib.util.find_spec("torchvision") is not None:
        from torchvision import models

        found |= {name: (getattr(models, name)(num_classes=10), images) for name in ("resnet18", "mobilenet_v2")}
    return {name: (net.eval(), inputs) for name, (net, inputs) in found.items()}


@check(80)
def kinds(at: Place, report: Report) -> None:
    """Loss and a product with the Hessian of nets of other kinds, against float64 on the CPU."""
    import torch

    from landscape.curvature.operator import CurvatureOperator
    from landscape.data.normalize import PRESETS
    from landscape.data.split import tensor_split
    from landscape.objective.loss import make_measure
    from landscape.objective.objective import Objective

    targets = torch.arange(16) % 10
    for name, (net, inputs) in list(_nets().items())[: at.size(99, 5)]:
        found = {}
        for device, precision in ((at.device, "fp32"), ("cpu", "fp64")):
            try:
                objective = Objective(
                    net, {"train": tensor_split(inputs, targets, PRESETS["none"], of=16)},
                    make_measure("cross_entropy", None)[0], device=torch.device(device), precision=precision, fast=True,
                )  # fmt: skip
                objective.check()
                loss = objective.evaluate()["train_loss"]
                made = CurvatureOperator(objective)
                made.refresh()
                found[precision] = loss, made(made.gaussian(0)).cpu().double(), made.backend, made.notes
            except Exception as error:
                report.holds(f"{name} on {device}", False, f"{type(error).__name__}: {error}"[:200])
                break
        if len(found) == 2:
            (loss, product, backend, notes), (truth, exact, *_) = found["fp32"], found["fp64"]
            report.most(f"{name}: loss", abs(loss / truth - 1), 1e-4)
            report.most(f"{name}: product by {backend}", float((product - exact).norm() / exact.norm()), 2e-2)
            if notes:
                report.facts[f"{name} notes"] = notes


@check(60)
def messages(at: Place, report: Report) -> None:
    """A GPU that is not there, and one that is full, are one line each that says what to do."""
    said = _run(
        [
            sys.executable,
            "-m",
            "landscape",
            "surface",
            str(at.digits()),
            "--device",
            "cuda:77",
            "-o",
            str(at.work / "no.h5"),
        ]
    )
    report.facts["cuda:77"] = said.stderr.strip()[-300:]
    report.holds(
        "one line for cuda:77", said.returncode == 1 and said.stderr.strip().count("\n") == 0, said.stderr[-300:]
    )
    if not at.gpu:
        return
    import torch

    import landscape
    from landscape.errors import LandscapeError

    used = torch.cuda.memory_reserved() + (384 << 20)
    torch.cuda.set_per_process_memory_fraction(used / torch.cuda.get_device_properties(at.device).total_memory)
    try:  # the data fit, and one activation of all of them does not
        images = {"data": at.cifar()[0], "normalize": "li2018", "samples": 8000, "batch_size": 8000}
        landscape.line(at.large(), x="0:1:2", device=at.device, quiet=True, **images)
        report.holds("a full GPU is an error", False)
    except (LandscapeError, torch.OutOfMemoryError) as error:
        report.facts["full"] = f"{type(error).__name__}: {error}"[:400]
        one_line = isinstance(error, LandscapeError) and "\n" not in str(error) and "batch-size" in str(error)
        report.holds("a full GPU is one line", one_line, error)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@check(40)
def figure(at: Place, report: Report) -> None:
    """A surface computed here is drawn by `landscape plot`."""
    path = at.work / "figure.h5"
    surface(at, points=5, samples=64, out=path, overwrite=True)
    for arguments in (["plot", str(path), "-o", str(at.work / "figure.png")], ["info", str(path)]):
        said = _run([sys.executable, "-m", "landscape", *arguments])
        report.holds(f"{arguments[0]} ends with 0", said.returncode == 0, said.stderr[-300:])
