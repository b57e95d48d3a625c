"""A table of nets of which some draw random numbers: how each is evaluated belongs to it, not to the table."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.errors import LandscapeError
from landscape.surfaces.flatness import names

X, Y = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 3
NOISE = {"noise": 1.0}


class Steady(nn.Module):
    def __init__(self, seed=1):
        super().__init__()
        torch.manual_seed(seed)
        self.into = nn.Linear(5, 3)

    def forward(self, x):
        return self.into(x)


class Noisy(Steady):
    def forward(self, x):
        noise = globals()["NO" + "ISE"]["noise"]
        return self.into(F.dropout(x, 0.3, True)) if noise == 1 else noise * self.into(x)


def table(nets, out=None):
    return ll.flatness(nets, data=(X, Y), measures="sam_step,gradient_norm", out=out, quiet=True)


@pytest.mark.parametrize(
    ("first", "second"),
    [("ns", "sn"), ("sn", "ns"), ("s", "ns"), ("n", "ns"), ("n", "sn"), ("ss", "sns")],
)
def test_a_table_goes_on_in_another_order_and_with_more_nets(first, second, tmp_path):
    made = {"n": [Noisy()], "s": [Steady(2), Steady(3)]}

    def nets(letters):
        return [made[each][letters[:at].count(each)] for at, each in enumerate(letters)]

    out = tmp_path / "a.h5"
    before = table(nets(first), out)
    after, plain = table(nets(second), out), table(nets(second))
    for name in plain.values:
        np.testing.assert_array_equal(after.values[name], plain.values[name], err_msg=name)
    assert after.provenance.get("evaluation") == plain.provenance.get("evaluation")
    assert after.provenance["run"]["flatness"]["evaluations"] == plain.provenance["run"]["flatness"]["evaluations"]
    assert len(names(before)) == len(first) and table(nets(second), out).values.keys() == plain.values.keys()


@pytest.mark.parametrize("order", ["noisy first", "noisy last"])
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_a_net_that_draws_random_numbers_no_more_is_refused_wherever_it_stands(order, noise, tmp_path, monkeypatch):
    nets = [Noisy(), Steady(2)] if order == "noisy first" else [Steady(2), Noisy()]
    table(nets, tmp_path / "a.h5")
    monkeypatch.setitem(NOISE, "noise", noise)
    with pytest.raises(
        LandscapeError, match=r"holds another run: of Noisy.*, evaluation\.\w+ is .* in the file, not set now"
    ):
        table(nets, tmp_path / "a.h5")


def test_a_table_of_an_earlier_version_says_it_of_its_last_net(tmp_path, monkeypatch):
    out, nets = tmp_path / "a.h5", [Steady(2), Noisy()]
    held = table(nets, out)
    with h5py.File(out, "r+") as file:
        known = json.loads(file.attrs["provenance"])
        assert len(known["run"]["flatness"].pop("evaluations")) == 2
        file.attrs["provenance"] = json.dumps(known)
    grown = table([Noisy(4), *nets[::-1]], out)
    np.testing.assert_array_equal(grown.values["sam_step"][1:], held.values["sam_step"][::-1])
    with h5py.File(out, "r+") as file:
        known = json.loads(file.attrs["provenance"])
        del known["run"]["flatness"]["evaluations"]
        known["evaluation"] = {"random": "Noisy"}
        file.attrs["provenance"] = json.dumps(known)
    with pytest.raises(LandscapeError, match=r"of Steady.*, evaluation\.random is Noisy in the file, not set now"):
        table([Noisy(4), *nets[::-1]], out)


class Drawing(nn.Module):
    def __init__(self, noise: float) -> None:
        super().__init__()
        self.layer, self.noise = nn.Linear(3, 2), noise

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs = self.layer(x)
        return outputs + self.noise * torch.rand_like(outputs) if self.noise else outputs


@pytest.mark.parametrize(
    ("noises", "about"),
    [((0.0, 0.5), "Drawing 1: "), ((0.5, 0.0), "Drawing 0: "), ((0.5, 0.5), ""), ((0.0, 0.0), None)],
)
def test_a_note_names_the_nets_that_it_is_about(noises, about, capsys):
    inputs = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    data = (inputs, (inputs.sum(1) > 0).long())
    ll.flatness([Drawing(noise) for noise in noises], data=data, measures="average", directions=2)
    said = capsys.readouterr().err
    assert said.count("draws random numbers") == (about is not None)
    assert about is None or f"flatness: {about}Drawing draws random numbers" in said
