"""What all tests share: the reference files, one thread, and nets so small that float64 truths are quickly computed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# In the background of a script Ctrl-C is ignored, and what tests start would ignore it too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"

# A run with CI=true fails on any other skip: a test that is left out in silence guards nothing.
ALLOWED_SKIPS = (
    "reference files are not here",  # what the original program wrote lies beside the project
    "this machine has a GPU",
    "this machine has no GPU",
    "no chromium on this machine",
    "root may write everywhere",
    "could not import '(xarray)'",  # extras that ./scripts/test does not install
    r"all tests skipped by \+SKIP option",  # an example in a docstring that only shows
    "this torch has",  # an older torch lacks a switch or an optimizer
)
unexpected_skips: list[str] = []


def _note_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(re.search(allowed, reason) for allowed in ALLOWED_SKIPS):
            unexpected_skips.append(f"{report.nodeid}: {reason}")


pytest_runtest_logreport = pytest_collectreport = _note_skip


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Of tests that run in two processes: what a process has skipped while it collected them."""
    found = getattr(node, "workeroutput", {}).get("unexpected_skips", [])
    unexpected_skips.extend(each for each in found if each not in unexpected_skips)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["unexpected_skips"] = unexpected_skips
    if unexpected_skips and os.environ.get("CI") == "true" and session.exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if unexpected_skips and os.environ.get("CI") == "true":
        terminalreporter.section("skipped, and not allowed to (tests/conftest.py)")
        terminalreporter.write_line("\n".join(unexpected_skips))


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of what the original program computed; it lies beside the project, not in it."""
    if not REFERENCE.is_dir():
        pytest.skip(f"the reference files are not here: no folder {REFERENCE}")
    return REFERENCE


@pytest.fixture(scope="session", params=["stand-in", "original"])
def original(request, tmp_path_factory):
    """What the original program computes (`tests.original.Original`): made here, and its own files where they are at hand."""
    from tests.original import Original, make

    if request.param == "stand-in":
        return make(tmp_path_factory.mktemp("original"))
    return Original(request.getfixturevalue("reference") / "resnet20", rtol=1e-4, precision="fp32")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tensors this small only lose by being shared among threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def cnn():
    """Makes a convolutional net with batch norm that has seen data: cnn(seed) -> module for (n, 2, 6, 6), 3 classes."""
    import torch
    from torch import nn

    def make(seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(2, 4, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 5, 3),
            nn.BatchNorm2d(5),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(5 * 4, 3),
        )
        with torch.no_grad():
            for _ in range(5):
                net((1 + seed) * torch.randn(16, 2, 6, 6))
            for layer in (net[1], net[4]):
                layer.weight.uniform_(0.5, 1.5)
                layer.bias.normal_()
        return net.eval()

    return make


@pytest.fixture
def mlp():
    """Makes a ReLU net without batch norm: mlp(seed) -> module for (n, 6), 3 classes."""
    import torch
    from torch import nn

    def make(seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 3)).eval()

    return make


@pytest.fixture
def one_process(monkeypatch):
    """Keeps Lightning from starting MPI to look for ranks: from then on, ranks could no longer be forked from this process."""
    monkeypatch.setitem(sys.modules, "mpi4py", None)


@pytest.fixture
def images():
    """Inputs (23, 2, 6, 6) float64 and labels (23,) of 3 classes."""
    import torch

    generator = torch.Generator().manual_seed(5)
    return torch.randn(23, 2, 6, 6, dtype=torch.float64, generator=generator), torch.arange(23) % 3


def _launcher() -> tuple[str, bool]:
    """The launcher, and whether it is Open MPI's."""
    launcher = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if launcher is None:
        pytest.skip("no mpiexec: pip install 'nn-landscape[mpich]'")
    version = subprocess.run([launcher, "--version"], capture_output=True, text=True).stdout.lower()
    return launcher, any(name in version for name in ("open mpi", "openrte", "prrte"))


def _mpiexec(ranks: int) -> list[str]:
    launcher, is_open = _launcher()
    # Open MPI refuses root and more ranks than cores unless told otherwise
    flags = ["--oversubscribe", *(["--allow-run-as-root"] if os.getuid() == 0 else [])] if is_open else []
    return [launcher, *flags, "-n", str(ranks)]


@pytest.fixture(scope="session")
def mpiexec():
    """mpiexec(ranks) -> the launcher's words; a skip where there is no launcher."""
    return _mpiexec


def _on_ranks(ranks: int, *words: str, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess:
    launcher = _mpiexec(ranks)
    if _launcher()[1] or "mpi4py.MPI" in sys.modules:  # no other process may take the place of Open MPI's
        words, environment = [*launcher, sys.executable, *words], {**os.environ, **environment}
        return subprocess.run(words, capture_output=True, text=True, timeout=timeout, env=environment)
    from tests import forked

    return forked.run(launcher, words, timeout=timeout, **environment)


@pytest.fixture(scope="session")
def on_ranks():
    """on_ranks(2, "file.py", ..., NAME=value) runs a program on ranks to its end, in processes that need not load torch."""
    return _on_ranks
