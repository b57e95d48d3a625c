"""What the end-to-end tests share: a small net with data in a folder, and running the command as a user would."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests import forked

NET = '''
"""A small convolutional net with batch norm, and losses to go with it."""
import os
import time
from pathlib import Path

import torch
from torch import nn


def build():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10)
    )


def failing(outputs, targets):
    """Fails on one rank at its second point beside the net, where set-up evaluates too; parts of the batch do not count.

    The other ranks wait there until it has failed, so that they do not finish all points before it has begun.
    """
    value = nn.functional.cross_entropy(outputs, targets)
    failing.seen = getattr(failing, "seen", {})
    failing.seen.setdefault(len(targets), set()).add(float(value))
    if len(failing.seen[len(targets)]) > 2 and len(targets) == max(failing.seen):
        gave_up, deadline = Path("gave-up"), time.monotonic() + 60
        if os.environ.get("PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK", "0")) == os.environ.get("FAILING_RANK"):
            gave_up.touch()
            raise ValueError("the loss gave up")
        while not gave_up.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    return value


def infinite(outputs, targets):
    """inf where the outputs are large, nan where they are larger: a loss that explodes."""
    loss = nn.functional.cross_entropy(outputs, targets, reduction="none")
    big = outputs.abs().max()
    return loss * (float("nan") if big > 6 else float("inf") if big > 4 else 1.0)


def lazy(outputs, targets):
    """A loss that takes its time, for tests that stop a run half-way; none with LAZY=0, which is the same code."""
    for _ in range(int(os.environ.get("LAZY", "40"))):
        torch.linalg.svd(torch.eye(96) + 0.01)
    return nn.functional.cross_entropy(outputs, targets, reduction="none")
'''


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """net.py, net.pt, other.pt and data.npz (64 images of digits, train and test)."""
    import torch

    from landscape.callables import resolve_callable
    from landscape.data.digits import read_digits

    folder = tmp_path_factory.mktemp("made")
    (folder / "net.py").write_text(NET)
    net = resolve_callable(f"{folder / 'net.py'}:build")()
    torch.save(net.state_dict(), folder / "net.pt")
    generator = torch.Generator().manual_seed(1)
    moved = {
        name: tensor + 0.1 * torch.randn(tensor.shape, generator=generator) if tensor.ndim > 1 else tensor
        for name, tensor in net.state_dict().items()
    }
    torch.save(moved, folder / "other.pt")
    (train, train_labels), (test, test_labels) = read_digits("train"), read_digits("test")
    np.savez(
        folder / "data.npz",
        images=train[:64],
        labels=train_labels[:64],
        test_images=test[:48],
        test_labels=test_labels[:48],
    )
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch) -> Path:
    """A fresh folder with copies of `made`, as the current one."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


BASIC = ["--model", "net.py:build", "--data", "npz:data.npz", "--normalize", "digits", "--threads", "1", "--quiet"]


@pytest.fixture
def launch(mpiexec):
    """launch(*arguments, ranks=1) -> the words of the whole command, under mpiexec for several ranks."""

    def words(*arguments: str, ranks: int = 1) -> list[str]:
        return [*(mpiexec(ranks) if ranks > 1 else []), sys.executable, "-m", "landscape", *arguments]

    return words


@pytest.fixture
def command(on_ranks):
    """Runs the command on ranks to its end and returns it; more keywords are environment variables."""

    def run(*arguments: str, ranks: int, **environment: str) -> subprocess.CompletedProcess:
        return on_ranks(ranks, "-m", "landscape", *arguments, **environment)

    return run


@pytest.fixture
def basic() -> list[str]:
    return BASIC


@pytest.fixture
def stopped():
    """stopped(*arguments, once=FILE) starts the command, sends SIGINT as soon as FILE is there, and returns what it says."""

    def stop(*arguments: str, once: str | Path) -> str:
        command = forked.Started("-m", "landscape", *arguments)
        deadline = time.monotonic() + 60
        while not Path(once).exists() and time.monotonic() < deadline and not command.ended():
            time.sleep(0.005)
        status, said = command.end(signal.SIGINT)
        assert status == 130, said
        return said

    return stop


# of `landscape hessian`

GRID = {"x": "-1:1:5", "y": "-0.5:1:4"}
OPTIONS = {"model": "net.py:build", "data": "npz:data.npz", "normalize": "digits", "threads": 1, "quiet": True}


@pytest.fixture
def surface(here):
    """surface(**options) -> the path of a surface file of the small net."""

    def make(out="s.h5", **options):
        import landscape as ll

        ll.surface("net.pt", out=out, **{**GRID, **OPTIONS, **options})
        return out

    return make
