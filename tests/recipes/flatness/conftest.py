"""What the tests of `landscape flatness` share: six small runs, and the table of all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import landscape as ll

NETS = """
import torch
from torch import nn

def mlp(width, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))

def narrow():
    return mlp(4)

def wide():
    return mlp(7)
"""
FEW = {
    "measures": "trace,sam_step,sam,average,most,worst,noise,fisher_rao,path_norm,distance,weight_norm", "samples": 24,
    "steps": 2, "directions": 3, "products": 6, "threads": 1, "quiet": True, "trust": True,
}  # fmt: skip


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """nets.py, few.npz, and six recorded runs of two architectures and three rates, of one step each."""
    from landscape.data.digits import read_digits

    folder = tmp_path_factory.mktemp("trained")
    (folder / "nets.py").write_text(NETS)
    (train, labels), (test, test_labels) = read_digits("train"), read_digits("test")
    np.savez(
        folder / "few.npz", images=train[:32], labels=labels[:32], test_images=test[:16], test_labels=test_labels[:16]
    )
    scope: dict = {}
    exec(NETS, scope)
    for width in ("narrow", "wide"):
        for number, rate in enumerate((0.1, 0.2, 0.3)):
            net = scope[width]()
            about = {"model": "nets.py:" + width, "data": "npz:few.npz", "lr": rate, "width": width, "seed": number}
            with ll.Recorder(folder / "runs" / f"{width}_{number}", net, about=about) as recorder:
                with torch.no_grad():
                    for parameter in net.parameters():
                        parameter.mul_(1 + rate)
                recorder.step(loss=1.0)
    return folder


@pytest.fixture(scope="session")
def made(trained) -> Path:
    """What `here` copies in these tests."""
    return trained


@pytest.fixture(scope="session")
def measured(trained):
    """The table of all six, with the folder as the current one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(trained)
        return ll.flatness("runs/*", **FEW)


def same(one, other) -> None:
    assert list(one.values) == list(other.values)
    for name in one.values:
        np.testing.assert_array_equal(one.values[name], other.values[name], err_msg=name)
    for name in one.stderr:
        np.testing.assert_array_equal(one.stderr[name], other.stderr[name], err_msg=name)
