"""`landscape hessian` along a training run."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import landscape as ll
from landscape.curvature.operator import CurvatureOperator
from landscape.errors import AnotherRun, UsageError


def test_along_a_training_run(here):
    ll.train(
        "net.py:build", data="npz:data.npz", normalize="digits", epochs=3, out="run", threads=1, quiet=True, lr=0.05
    )
    found = ll.hessian("run", index=0.001, tolerance=1e-3, threads=1, quiet=True)
    assert found.source == "run/hessian.h5" and found.grid.axes[0].kind == "step"
    assert len(found.x) == 4 and found.x[0] == 0
    assert found.values["train_loss"][0] > found.values["train_loss"][-1]
    last = ll.spectrum("run/final.pt", model="net.py:build", data="npz:data.npz", normalize="digits", probes=0, threads=1,
                       trace_products=0, tolerance=1e-3, quiet=True)  # fmt: skip
    assert found.values["hessian_max"][-1] == pytest.approx(last.whole.values[-1], rel=0.002)
    assert found.values["hessian_min"][-1] == pytest.approx(last.whole.values[0], rel=0.002)
    again = ll.hessian("run", index=0.001, tolerance=1e-3, threads=1, quiet=True)
    np.testing.assert_array_equal(again.values["hessian_max"], found.values["hessian_max"])
    with pytest.raises(UsageError, match="its own checkpoints"):
        ll.hessian("run", checkpoint="net.pt")
    shutil.copy("run/hessian.h5", "earlier.h5")
    ll.train(
        "net.py:build", data="npz:data.npz", normalize="digits", epochs=3, out="run", threads=1, quiet=True, lr=0.01,
        overwrite=True,
    )  # fmt: skip
    assert not Path("run/hessian.h5").exists(), "the nets that it was of are gone"
    other = ll.hessian("run", index=0.001, tolerance=1e-3, threads=1, quiet=True)
    assert other.values["hessian_max"][-1] != found.values["hessian_max"][-1]
    shutil.copy("earlier.h5", "run/hessian.h5")
    with pytest.raises(AnotherRun, match="of another run: checkpoint.sha256"):
        ll.hessian("run", index=0.001, tolerance=1e-3, threads=1)


def test_tied_weights_along_a_run(here):
    with open("net.py", "a") as file:
        file.write(
            "\n\nclass Tied(nn.Module):\n"
            "    def __init__(self):\n        super().__init__()\n"
            "        self.a, self.b, self.c = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)\n"
            "        self.b.weight = self.a.weight\n"
            "    def forward(self, x):\n        return self.c(self.b(self.a(x.flatten(1)).relu()).relu())\n"
        )
    ll.train("net.py:Tied", data="npz:data.npz", normalize="digits", epochs=1, out="run", threads=1, quiet=True)
    assert np.isfinite(ll.hessian("run", threads=1, quiet=True).values["hessian_max"]).all()


def test_a_run_with_one_net_has_no_path(here):
    ll.train(
        "net.py:build",
        data="npz:data.npz",
        normalize="digits",
        epochs=1,
        save_every="end",
        out="run",
        threads=1,
        quiet=True,
    )
    shutil.rmtree("run/checkpoints")
    with pytest.raises(UsageError, match="--save-every"):
        ll.hessian("run")


def test_a_run_on_some_samples_is_measured_on_these(here):
    """As `dynamics` measures it; all samples where the data are given, and products are chosen on the first net in both."""
    chosen = []
    ll.train(
        "net.py:build",
        data="npz:data.npz",
        normalize="digits",
        samples=60,
        epochs=1,
        out="run",
        threads=1,
        quiet=True,
        lr=0.05,
    )
    first = ll.load_checkpoint("run/checkpoints/step_0000000.pt").state_dict["1.weight"]
    original = CurvatureOperator.__init__

    def noted(self, objective, **options):
        chosen.append(objective.layout.named(objective.weights)["1.weight"].clone())
        original(self, objective, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CurvatureOperator, "__init__", noted)
        found = ll.hessian("run", ignore="none", threads=1, quiet=True)
        beside = ll.dynamics("run", measures="hessian", threads=1, quiet=True)
    assert len(chosen) == 2 and all(torch.equal(each, first) for each in chosen)
    assert found.provenance["hessian"]["samples"] == beside.provenance["dynamics"]["samples"] == 60
    np.testing.assert_array_equal(found.values["hessian_max"], beside.values["hessian_max"])
    given = ll.hessian("run", data="npz:data.npz", threads=1, quiet=True, overwrite=True)
    assert given.provenance["hessian"]["samples"] > 60
