"""Curvature continues a file by its loss alone, whatever the metrics beside it need: random numbers, batches, other outputs."""

import types

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.errors import LandscapeError

X, Y = torch.randn(12, 5, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3
BASIC = {"data": (X, Y), "x": (-1, 1, 3)}
HIDDEN = types.SimpleNamespace(factor=1.0)


def layers():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))


def noisy_loss(outputs, targets):
    return F.cross_entropy(outputs + torch.randn_like(outputs), targets, reduction="none")


def noisy_share(outputs, targets):
    return ((outputs + torch.randn_like(outputs)).argmax(1) == targets).double()


@pytest.mark.parametrize("loss", ["cross_entropy", noisy_loss])
@pytest.mark.parametrize("metrics", [[noisy_share, "loss"], ["loss", noisy_share], [noisy_share]])
def test_curvature_is_of_the_loss_whatever_random_numbers_a_metric_draws(loss, metrics, tmp_path):
    out, net = tmp_path / "a.h5", layers()
    ll.line(model=net, **BASIC, loss=loss, metrics=metrics, out=out, quiet=True)
    found = ll.hessian(out, model=net, data=(X, Y), loss=loss, quiet=True)
    assert np.isfinite(found.values["hessian_max"]).all()


def test_curvature_of_a_loss_that_drew_random_numbers_and_does_no_more_is_refused(tmp_path, monkeypatch):
    def loss(outputs, targets):
        noise = torch.randn_like(outputs) if getattr(globals()["HID" + "DEN"], "fac" + "tor") == 1 else 0
        return F.cross_entropy(outputs + noise, targets, reduction="none")

    out, net = tmp_path / "a.h5", layers()
    ll.line(model=net, **BASIC, loss=loss, metrics=["loss", noisy_share], out=out, quiet=True)
    monkeypatch.setattr(HIDDEN, "factor", 2.0)
    with pytest.raises(LandscapeError, match="the train loss of the first 8 samples"):
        ll.hessian(out, model=net, data=(X, Y), loss=loss, quiet=True)


def pair_share(outputs, targets):
    return (outputs[0] == outputs[1]).double().mean(1)


class Twice(nn.Linear):
    def forward(self, x):
        found = super().forward(x)
        return found, found


def test_a_metric_that_takes_all_that_the_net_returns_does_not_keep_curvature_from_a_file(tmp_path):
    out, net = tmp_path / "a.h5", Twice(5, 3)
    found = ll.line(model=net, **BASIC, loss="cross_entropy", metrics=["loss", pair_share], out=out, quiet=True)
    assert found.provenance["evaluation"]["whole"] == ["pair_share"]
    assert "hessian_max" in ll.hessian(out, model=net, data=(X, Y), quiet=True).values
