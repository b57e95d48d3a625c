"""A file of flatness that grows: which nets it holds already, and that the new ones alone are computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.errors import LandscapeError
from landscape.quantity import HYPER
from landscape.surfaces import load_surface
from landscape.surfaces.flatness import names, rows
from tests.recipes.flatness.conftest import FEW, NETS, same


def test_a_file_grows_by_further_nets_which_alone_are_computed(here, measured, monkeypatch):
    from landscape.measurement.flatness import Flatness

    ll.flatness(["runs/wide_2", "runs/narrow_1"], **FEW, out="a.h5")
    computed, evaluate = [], Flatness.evaluate

    def noted(self, point):
        computed.append(point.index)
        return evaluate(self, point)

    monkeypatch.setattr(Flatness, "evaluate", noted)
    plan = ll.flatness("runs/*", **FEW, out="a.h5", dry_run=True)
    assert (plan.points, plan.pending) == (6, 4)
    computed.clear()
    grown = ll.flatness("runs/*", **FEW, out="a.h5")
    assert computed == [0, 2, 3, 4], "narrow_1 and wide_2 are known"
    same(grown, measured)
    assert names(grown) == names(measured) and rows(load_surface("a.h5"), HYPER) == rows(measured, HYPER)
    assert grown.provenance["checkpoint"] == measured.provenance["checkpoint"]
    Path("runs/wide_2").rename("runs/moved")
    again = ll.flatness("runs/*", **FEW, out="a.h5")
    assert "moved" in names(again) and len(computed) == 4, "a net is known by its weights"


LITTLE = {"measures": "distance,sam_step", "samples": 24, "threads": 1, "quiet": True, "trust": True}


def test_entries_of_a_file_are_nets_of_their_own(here):
    scope: dict = {}
    exec(NETS, scope)
    torch.save({"model": scope["mlp"](4, 1).state_dict(), "ema": scope["mlp"](4, 2).state_dict()}, "two.pt")
    options = {**LITTLE, "data": "npz:few.npz", "model": "nets.py:narrow"}
    ll.flatness("two.pt", **options, entry="model", out="h.h5")
    with pytest.raises(
        LandscapeError,
        match=r"h.h5 holds two with .*, entry model, code .*; now it has .*, entry ema, code .*; give another",
    ):
        ll.flatness("two.pt", **options, entry="ema", out="h.h5")
    Path("nets.py").write_text(NETS + "\n\ndef tanh():\n    return nn.Sequential(*mlp(4)[:2], nn.Tanh(), mlp(4)[3])\n")
    with pytest.raises(
        LandscapeError, match=r"with model nets.py:narrow, entry model, code .*; now it has model nets.py:tanh, entry"
    ):
        ll.flatness("two.pt", **{**options, "model": "nets.py:tanh"}, entry="model", out="h.h5")


class Squashed(nn.Sequential):
    def forward(self, x):
        return torch.tanh(super().forward(x))


def test_modules_with_equal_tensors_and_other_functions_are_nets_of_their_own(tmp_path):
    layers = [nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 10)]
    nets = [nn.Sequential(*layers), nn.Sequential(layers[0], nn.Tanh(), layers[2]), Squashed(*layers)]
    options = {**LITTLE, "data": {"train": (torch.randn(30, 64), torch.arange(30) % 10)}, "out": tmp_path / "a.h5"}
    alone = [ll.flatness(net, **{**options, "out": None}).values["train_loss"][0] for net in nets]
    assert len(set(alone)) == 3
    ll.flatness(nets[0], **options)
    for net in nets[1:]:
        with pytest.raises(LandscapeError, match=r"a.h5 holds Sequential 0 with model Sequential, code 3"):
            ll.flatness(net, **options)
    assert ll.flatness(nets, **options).values["train_loss"].tolist() == alone


def test_the_first_net_of_a_run_is_part_of_what_a_net_is_known_by(here):
    ll.flatness("runs/narrow_0", **LITTLE, out="a.h5")
    path = Path("runs/narrow_0/checkpoints/step_0000000.pt")
    first = torch.load(path, weights_only=True)
    for tensor in first["state_dict"].values():
        tensor.mul_(3)
    torch.save(first, path)
    with pytest.raises(
        LandscapeError, match=r"a.h5 holds narrow_0 with .*, start \w+; now it has .*, start \w+; give another"
    ):
        ll.flatness("runs/narrow_0", **LITTLE, out="a.h5")


@pytest.mark.parametrize("earlier", ["marks", "none"])
def test_a_file_that_says_less_of_its_nets_is_refused(here, earlier):
    from landscape.surfaces.hdf5 import write_surface_file

    found = ll.flatness("runs/narrow_0", **LITTLE, out="a.h5")
    of_nets = found.provenance["run"]["flatness"]
    marks = of_nets.pop("marks")
    if earlier == "marks":
        of_nets["marks"] = [mark.partition(",")[0] + " with its start" for mark in marks]
    write_surface_file(found, Path("a.h5"))
    with pytest.raises(
        LandscapeError, match="a.h5 does not say of which models, entries and first nets its values are"
    ):
        ll.flatness("runs/narrow_0", **LITTLE, out="a.h5")


def test_a_file_of_one_net_becomes_one_of_several(here, measured):
    ll.flatness("runs/wide_1", **FEW, out="a.h5")
    grown = ll.flatness("runs/*", **FEW, out="a.h5")
    for name in ("sam", "hyper_lr", "train_loss"):
        np.testing.assert_array_equal(grown.values[name], measured.values[name], err_msg=name)
    assert grown.known.model_name == measured.known.model_name


READS = """
import torch
from pathlib import Path
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(64, 10)

    def forward(self, x):
        return float(Path("scale.txt").read_text()) * self.layer(x.flatten(1))
"""


def test_what_a_net_reads_elsewhere_is_part_of_the_file(here):
    """Its code and its weights are the same; its values on the first samples are not."""
    Path("reads.py").write_text(READS)
    scope: dict = {}
    exec(READS, scope)
    for name, factor in (("one", 1.0), ("two", 1.5)):
        state = scope["Net"]().state_dict()
        torch.save({key: factor * value for key, value in state.items()}, f"{name}.pt")
    options = {**LITTLE, "data": "npz:few.npz", "model": "reads.py:Net", "out": "r.h5"}
    Path("scale.txt").write_text("2")
    ll.flatness("one.pt", **options)
    assert names(ll.flatness(["one.pt", "two.pt"], **options)) == ["one", "two"]
    Path("scale.txt").write_text("1")
    with pytest.raises(
        LandscapeError, match=r"r.h5 holds another run: of one, the train loss of the first 8 samples is"
    ):
        ll.flatness(["one.pt", "two.pt"], **options)
