"""A net, data and damaged versions of both in the current folder, and running the command in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

NET = '''
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 3))

def other():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 7), nn.ReLU(), nn.Linear(7, 3))

def exploding(outputs, targets):
    """inf where weights have grown, nan where they have grown more."""
    loss = nn.functional.cross_entropy(outputs, targets, reduction="none")
    size = float(outputs.abs().max())
    return loss * (float("nan") if size > 1.5 else float("inf") if size > 1.0 else 1.0)
'''


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    import torch

    from landscape.callables import resolve_callable

    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)
    for name in ("build", "other"):
        torch.save(resolve_callable(f"net.py:{name}")().state_dict(), f"{name}.pt")
    generator = np.random.default_rng(0)
    images = generator.normal(size=(20, 1, 4, 4)).astype(np.float32)
    np.savez("data.npz", images=images, labels=generator.integers(0, 3, 20))
    np.savez("labels7.npz", images=images, labels=np.full(20, 7))
    return tmp_path


@pytest.fixture
def run(here, capsys):
    """run("surface", ...) -> (status, stdout, stderr lines)."""
    from landscape.cli.main import main

    def call(*words: str) -> tuple[int, str, list[str]]:
        try:
            status = main(list(words))
        except SystemExit as leaving:
            status = leaving.code
        said = capsys.readouterr()
        return status, said.out, said.err.splitlines()

    return call


SMALL = ["-x", "-1:1:3", "-y", "-1:1:3", "--quiet"]


@pytest.fixture
def surface(run):
    """A small surface of build.pt, with more options."""

    def call(*words: str, checkpoint: str = "build.pt", data: str = "npz:data.npz", model: str = "net.py:build"):
        return run("surface", checkpoint, "--model", model, "--data", data, *SMALL, "-o", "out.h5", *words)

    return call
