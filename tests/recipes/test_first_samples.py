"""What a run keeps of its first samples is of as many whatever the batch size is, so changed code is found with any."""

import json

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.errors import LandscapeError

X, Y = torch.randn(20, 5, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 3
OPTIONS = {"data": (X, Y), "x": (-1, 1, 3), "quiet": True}
FACTOR = {"factor": 1.0}


class Hidden(nn.Module):
    """Reads what no reading of its code finds."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.into, self.out = nn.Linear(5, 4), nn.Linear(4, 3)

    def forward(self, x):
        return globals()["FAC" + "TOR"]["factor"] * self.out(F.relu(self.into(x)))


class Sequences(Hidden):
    """Returns what has no row for each sample beside its main part."""

    def forward(self, x):
        out = super().forward(x)
        return out, out.T @ out


def probe(surface):
    return surface.provenance["run"]["probe"]


def run_of(command):
    runs = {
        "line": lambda net, **more: ll.line(model=net, **OPTIONS, **more),
        "spectrum": lambda net, **more: ll.spectrum(
            model=net, data=(X, Y), top=1, bottom=1, steps=2, trace_products=0, probes=1, quiet=True, **more
        ),
        "flatness": lambda net, **more: ll.flatness([net], data=(X, Y), measures="sam_step", quiet=True, **more),
    }
    return runs[command]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 20])
def test_the_first_eight_samples_are_those_of_plain_torch_in_batches_of_any_size(size):
    net, kept = Hidden(), probe(ll.line(model=Hidden(), batch_size=size, **OPTIONS))
    with torch.no_grad():
        outputs = net(X[:8]).double()
        losses = F.cross_entropy(net(X[:8]), Y[:8], reduction="none").double()
    weights = torch.arange(1, outputs.numel() + 1).double().cos()
    assert kept["train samples"] == 8
    assert kept["train loss"] == pytest.approx(float(losses.mean()), rel=1e-6)
    assert kept["train loss spread"] == pytest.approx(float(losses.std() / 8**0.5), rel=1e-5)
    assert kept["train outputs"] == pytest.approx(float(outputs.square().mean().sqrt()), rel=1e-6)
    assert kept["train outputs weighted"] == pytest.approx(float((outputs.reshape(-1) * weights).mean()), rel=1e-5)


@pytest.mark.parametrize("command", ["line", "spectrum", "flatness"])
@pytest.mark.parametrize("sizes", [(None, 3), (4, None), (7, 1)])
def test_changed_code_is_refused_with_another_batch_size_and_the_same_goes_on(command, sizes, tmp_path, monkeypatch):
    run, out = run_of(command), tmp_path / "a.h5"
    first, second = ({"out": out} | ({"batch_size": size} if size else {}) for size in sizes)
    run(Hidden(), **first)
    run(Hidden(), **second)
    monkeypatch.setitem(FACTOR, "factor", 1.5)
    with pytest.raises(LandscapeError, match="the train loss of the first 8 samples is .* in the file, .* now"):
        run(Hidden(), **second)


def test_outputs_without_a_row_for_each_sample_are_compared_in_the_same_batches_only(tmp_path, monkeypatch):
    options = {**OPTIONS, "out": tmp_path / "a.h5", "loss": lambda outputs, y: F.cross_entropy(outputs[0], y)}
    first = ll.line(model=Sequences(), **options)
    again = ll.line(model=Sequences(), batch_size=4, **options)
    assert np.array_equal(first.values["train_loss"], again.values["train_loss"])
    assert "train outputs in parts" in probe(ll.line(model=Sequences(), batch_size=4, **{**options, "out": None}))
    monkeypatch.setitem(FACTOR, "factor", 1.5)
    with pytest.raises(LandscapeError, match="the train loss of the first 8 samples"):
        ll.line(model=Sequences(), batch_size=4, **options)


def test_batches_that_a_net_cannot_take_in_parts_are_tried_as_they_are():
    class OfSeven(Hidden):
        def forward(self, x):
            return super().forward(x.view(7, 5))

    kept = probe(ll.line(model=OfSeven(), **{**OPTIONS, "data": (X[:14], Y[:14])}, batch_size=7))
    assert kept["train samples"] == 7


def test_a_file_that_kept_fewer_is_compared_where_the_batches_are_those_and_else_continued(tmp_path, monkeypatch):
    """As earlier versions did with a small batch size."""
    out = tmp_path / "a.h5"
    held = ll.line(model=Hidden(), batch_size=4, out=out, **OPTIONS)
    with h5py.File(out, "r+") as file:
        known = json.loads(file.attrs["provenance"])
        kept = known["run"]["probe"]
        known["run"]["probe"] = {name.replace("/4", ""): kept[name] for name in kept if name.startswith("train/4 ")}
        assert known["run"]["probe"]["train samples"] == 4
        file.attrs["provenance"] = json.dumps(known)
    again = ll.line(model=Hidden(), batch_size=4, out=out, **OPTIONS)
    assert np.array_equal(again.values["train_loss"], held.values["train_loss"])
    monkeypatch.setitem(FACTOR, "factor", 1.5)
    with pytest.raises(LandscapeError, match="the train loss of the first 4 samples is"):
        ll.line(model=Hidden(), batch_size=4, out=out, **OPTIONS)
    ll.line(model=Hidden(), out=out, **OPTIONS)
