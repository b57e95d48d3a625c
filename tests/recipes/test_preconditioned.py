"""Preconditioned curvature along runs: against explicit matrices, while it trains and afterwards, from own loops, and refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

import landscape as ll
from landscape.errors import LandscapeError
from landscape.surfaces import load_surface

NET = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2), nn.Tanh(), nn.Linear(2, 10))
"""
TRAINING = {
    "model": "net.py:build", "data": "digits", "samples": 60, "epochs": 1, "batch_size": 10, "lr": 0.01, "save_every": 2,
    "schedule": "constant", "weight_decay": 0.01, "optimizer": "adam", "out": "run", "threads": 1, "quiet": True,
}  # fmt: skip
AFTER = {"model": "net.py:build", "threads": 1, "quiet": True, "measures": "preconditioned", "tolerance": 1e-4}


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def hessian_of(net: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(n, n) of the mean cross-entropy, by autograd over one flat vector."""
    names, shapes = zip(*((name, value.shape) for name, value in net.named_parameters()), strict=True)
    sizes = [shape.numel() for shape in shapes]

    def loss(flat: torch.Tensor) -> torch.Tensor:
        parts = {n: p.view(s) for n, p, s in zip(names, flat.split(sizes), shapes, strict=True)}
        return nn.functional.cross_entropy(functional_call(net, parts, (inputs,)), labels)

    return torch.autograd.functional.hessian(loss, torch.cat([p.detach().flatten() for p in net.parameters()]))


def test_the_largest_eigenvalue_is_that_of_the_explicit_matrix(here):
    """P from the state of a twin that plain torch trains on the same batches; weight decay joins H."""
    torch.manual_seed(0)
    inputs, labels = torch.randn(40, 64, dtype=torch.float64), torch.randint(10, (40,))
    namespace: dict = {}
    exec(NET, namespace)
    net = namespace["build"]().double()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, betas=(0.8, 0.99), weight_decay=0.1)
    recorder = ll.Recorder("run", net, every=3, optimizer=optimizer)
    expected = []
    for step in range(1, 7):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(inputs), labels).backward()
        optimizer.step()
        recorder.step()
        if step % 3 == 0:
            roots = [optimizer.state[p]["exp_avg_sq"] for p in net.parameters()]
            scale = torch.cat([(v / (1 - 0.99**step)).sqrt().flatten() + 1e-8 for v in roots]) * (1 - 0.8**step)
            matrix = hessian_of(net, inputs, labels) + 0.1 * torch.eye(len(scale)).double()
            expected.append(float(torch.linalg.eigvals(matrix / scale[:, None]).real.max()))
    recorder.finish()
    found = ll.dynamics("run", data=(inputs, labels), precision="fp64", **{**AFTER, "model": net})
    assert list(found.x) == [0, 3, 6]
    np.testing.assert_allclose(found.values["preconditioned_max"], [np.nan, *expected], rtol=1e-3)
    np.testing.assert_allclose(found.values["preconditioned_threshold"], [np.nan, *[2 * 1.8 / (0.01 * 0.2)] * 2])
    assert found.values["preconditioned_max_error"][1] < 1e-3 * expected[0]


def test_what_is_tracked_is_what_is_found_afterwards(here):
    """Bit for bit, also for a run that was made without tracking; and the file takes 4 bytes for each parameter."""
    ll.train(**TRAINING, track="preconditioned")
    ll.train(**{**TRAINING, "out": "other"}, save_preconditioner=True)
    tracked = load_surface("run/dynamics.h5").values["preconditioned_max"]
    assert np.isfinite(tracked).tolist() == [False, True, True, True]
    afterwards = ll.dynamics("other", **{**AFTER, "tolerance": 0.01})
    np.testing.assert_array_equal(afterwards.values["preconditioned_max"], tracked)
    kept = torch.load("other/preconditioners/step_0000002.pt", weights_only=True)["scales"]
    assert {name: each.dtype for name, each in kept.items()} == dict.fromkeys(
        ("1.weight", "1.bias", "3.weight", "3.bias"), torch.float32
    )
    picture = ll.plot("run/dynamics.h5", out="picture.svg")
    ll.train(**TRAINING, overwrite=True)
    assert picture and not Path("run/preconditioners").exists(), "the run that kept them is gone"


def test_runs_without_one_are_measured_without(here):
    ll.train(**{**TRAINING, "optimizer": "sgd", "momentum": 0.0, "save_every": "end"}, track="all")
    assert "preconditioned_max" not in load_surface("run/dynamics.h5").values
    with pytest.raises(
        LandscapeError, match=r"preconditioned: run keeps no preconditioners .* train with --save-preconditioner"
    ):
        ll.dynamics("run", **AFTER)


@pytest.mark.parametrize("options", [{"track": "preconditioned"}, {"save_preconditioner": True}])
def test_optimizers_without_one_are_refused_before_training(here, options):
    with pytest.raises(LandscapeError, match="preconditioned: SGD has no preconditioner; expected one of Adam"):
        ll.train(**{**TRAINING, "optimizer": "nesterov"}, **options)
    assert not Path("run").exists()
    with pytest.raises(LandscapeError, match="Adadelta has no preconditioner"):
        ll.Recorder("mine", nn.Linear(2, 2), optimizer=torch.optim.Adadelta(nn.Linear(2, 2).parameters()))
    assert not Path("mine").exists()


def test_a_preconditioner_of_another_net_is_one_line(here):
    ll.train(**TRAINING, save_preconditioner=True)
    path = Path("run/preconditioners/step_0000004.pt")
    torch.save({"scales": {"1.weight": torch.ones(3)}, "threshold": 1.0, "decay": {}}, path)
    with pytest.raises(LandscapeError, match=r"another net: it has 1\.weight of shape \(3,\)"):
        ll.dynamics("run", **AFTER)
