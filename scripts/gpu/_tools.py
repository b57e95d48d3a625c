"""What the checks share: their table, what they report, the nets and the data at hand, and the process that runs them."""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import sys
import tarfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SHARED = next((place for place in (ROOT / "shared", ROOT.parent / "shared") if place.is_dir()), ROOT / "shared")
T = TypeVar("T")
# In this order, which is that of their value.
MODULES = ("basics", "speed", "curves", "learning", "rest", "trials")


@dataclass(frozen=True)
class Check:
    name: str
    limit: float
    run: Callable[[Place, Report], None]


_checks: list[Check] = []


def check(limit: float) -> Callable[[Callable], Callable]:
    """Makes a function (place, report) a check with this limit in seconds; its name is that of the function."""

    def add(function: Callable) -> Callable:
        _checks.append(Check(function.__name__.strip("_"), limit, function))
        return function

    return add


def checks() -> list[Check]:
    """All checks, the most valuable first. Importing them loads no torch."""
    for name in MODULES:
        importlib.import_module(name)
    return list({each.name: each for each in _checks}.values())


class Skipped(Exception):
    """What a check needs is not here; says what."""


@dataclass
class Report:
    """What a check found: numbers beside their limits, other facts, rows of tables."""

    limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def most(self, name: str, value: float, limit: float) -> None:
        """A number that must not be above its limit; NaN is above any."""
        self.limits[name] = (float(value), float(limit))
        if not value <= limit:
            self.failures.append(f"{name}: {value:.3g}, expected at most {limit:.3g}")

    def holds(self, name: str, true: Any, found: Any = "") -> None:
        self.facts[name] = bool(true)
        if not true:
            self.failures.append(f"{name}: it does not hold {found}".rstrip())

    def row(self, table: str, **cells: Any) -> None:
        self.tables.setdefault(table, []).append({key.replace("_", " "): value for key, value in cells.items()})


@dataclass(frozen=True)
class Place:
    """Where and how large: `device` as an option names it; `short` on a CPU; `work` a folder for scratch files."""

    device: str
    short: bool
    work: Path

    @property
    def gpu(self) -> bool:
        return self.device != "cpu"

    def size(self, full: T, short: T) -> T:
        return short if self.short else full

    def digits(self, net: str = "resnet56_digits") -> Path:
        """A net for the digits that ships; in the short form a smaller one, not trained, in its place."""
        if not self.short:
            return ROOT / "checkpoints" / f"{net}.pt"
        return self._small(net.replace("56", "20"), {"data": "digits", "normalize": "digits"}, in_channels=1)

    def large(self) -> Path:
        """A ResNet-56 for 32 x 32 images."""
        return (
            self._small("resnet20", {}, in_channels=3) if self.short else ROOT / "checkpoints" / "resnet56_cifar10.pt"
        )

    def _small(self, net: str, meta: dict[str, Any], **sizes: int) -> Path:
        import torch

        import landscape
        from landscape.models.zoo import build_zoo

        model, path = net.removesuffix("_digits"), self.work / f"{net}.pt"
        if not path.exists():
            torch.manual_seed(0)
            landscape.save_checkpoint(path, build_zoo(model, **sizes).state_dict(), {"model": model, **meta})
        return path

    def cifar(self) -> tuple[str, int]:
        """(a data spec, the number of images): the JPEG copy of CIFAR-10's training images, decoded once; else random ones."""
        count = self.size(50_000, 256)
        path = self.work / "cifar.npz"
        if not path.exists():
            archive = SHARED / "data" / "cifar10-jpeg.tar.xz"
            images, labels = _decoded(archive, count) if archive.is_file() else _random(count)
            np.savez(path, images=images, labels=labels)
        return f"npz:{path}", count

    @property
    def cifar_is_real(self) -> bool:
        return (SHARED / "data" / "cifar10-jpeg.tar.xz").is_file()


def _random(count: int) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(0)
    return source.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8), source.integers(0, 10, count)


def _decoded(archive: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Training images of the archive, by all cores; a part is taken evenly."""
    from PIL import Image

    files: list[tuple[str, bytes]] = []
    with tarfile.open(archive, "r|xz") as stream:
        for member in stream:
            if "train/" in member.name and member.name.endswith(".jpg"):
                opened = stream.extractfile(member)
                files.append((member.name.split("/")[-2], opened.read() if opened else b""))
    classes = sorted({name for name, _ in files})
    files = files[:: max(1, len(files) // count)][:count]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        images = np.stack(
            list(pool.map(lambda each: np.asarray(Image.open(io.BytesIO(each[1])).convert("RGB")), files))
        )
    return images, np.array([classes.index(name) for name, _ in files])


def relative(found: Any, expected: Any) -> float:
    """The largest difference, as a share of what is expected (at least 1e-3)."""
    one, other = (np.asarray(each, dtype=np.float64) for each in (found, expected))
    return float(np.max(np.abs(one - other) / np.maximum(np.abs(other), 1e-3)))


def waited(device: str) -> None:
    import torch

    if device != "cpu":
        torch.cuda.synchronize(device)


@contextmanager
def timed(device: str) -> Iterator[list[float]]:
    """Within: the clock; afterwards the list holds the seconds, the GPU's included."""
    taken: list[float] = []
    waited(device)
    started = time.perf_counter()
    yield taken
    waited(device)
    taken.append(time.perf_counter() - started)


def best(way: Callable[[], Any], device: str, rounds: int = 3) -> float:
    """The median of the seconds of several rounds, after one that warms up."""
    way()
    found = []
    for _ in range(rounds):
        with timed(device) as taken:
            way()
        found += taken
    return float(np.median(found))


def serve(device: str, *, short: bool, work: Path, mark: str) -> int:
    """Reads names of checks and answers each with a line of JSON."""
    table = {each.name: each for each in checks()}
    if short:  # with others on its cores, a second thread mostly waits
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    place = Place(device, short, work)
    for line in sys.stdin:
        result = _result(table[line.strip()], place)
        print(mark + json.dumps(result, default=str), flush=True)
    return 0


def _result(check: Check, place: Place) -> dict[str, Any]:
    report, started, leave = Report(), time.monotonic(), False
    status, error = "ok", None
    try:
        check.run(place, report)
        status = "failed" if report.failures else "ok"
    except Skipped as reason:
        status, error = "skipped", str(reason)
    except BaseException as problem:
        traceback.print_exc()
        status, error, leave = "error", f"{type(problem).__name__}: {problem}"[:400], True
    found = {"status": status, "seconds": round(time.monotonic() - started, 2), "leave": leave, **vars(report)}
    if error:
        found["error"] = error
    _clean(place, found)
    return found


def _clean(place: Place, found: dict[str, Any]) -> None:
    """The memory of one check is not that of the next; the peak is a fact of each."""
    import torch

    gc.collect()
    if not place.gpu or not torch.cuda.is_available():
        return
    try:
        found["facts"]["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 3)
        torch.cuda.empty_cache()
        found["facts"]["left_gib"] = round(torch.cuda.memory_allocated() / 2**30, 3)
        torch.cuda.reset_peak_memory_stats()
    except Exception as problem:  # after an error of the GPU itself, nothing works in this process any more
        found["leave"], found["error"] = True, f"{found.get('error', '')} {problem}"[:400]
