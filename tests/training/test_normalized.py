"""What a run has done with its data is done when it is drawn, or said: pixels of a user's own tensors, other losses before."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import landscape as ll

FILE = """
import torch
from torch import nn

def build():
    return nn.Linear(4, 3)

def data():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(60, 1, 2, 2, generator=generator)
    return images, images.flatten(1)[:, :3].argmax(1)

def model():
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
"""
OWN = {"data": "own.py:data", "quiet": True, "threads": 1}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(FILE)


def test_tensors_that_training_normalized_are_when_the_run_is_drawn(here):
    run = ll.train("own.py:model", normalize="0.5/0.25", epochs=20, batch_size=16, out="run", **OWN)
    found = ll.line("run", model="own.py:model", x="-1:1:3", **OWN)
    assert found.values["train_loss"][1] == pytest.approx(run.metrics["train_loss"], rel=1e-5)
    other = ll.line("run", model="own.py:model", x="-1:1:3", normalize="none", **OWN)
    assert other.values["train_loss"][1] != pytest.approx(run.metrics["train_loss"], rel=1e-2)


def test_data_that_are_others_now_are_named(here, capsys):
    ll.train("own.py:model", epochs=20, batch_size=16, out="run", **OWN)
    loud = {**OWN, "quiet": False}
    ll.line("run", model="own.py:model", x="-1:1:3", **loud)
    assert "its training recorded" not in capsys.readouterr().err
    with open("own.py", "a") as file:
        file.write("\nplain = data\ndef data():\n    images, labels = plain()\n    return images / 4, labels\n")
    ll.line("run", model="own.py:model", x="-1:1:3", **loud)
    said = capsys.readouterr().err
    assert "its training recorded" in said and "have the data, their normalization or the code changed since?" in said


def test_first_weights_of_another_loss_or_other_pixels_say_so(here, capsys):
    loud = {**OWN, "quiet": False, "epochs": 1, "batch_size": 16}
    ll.train("own.py:model", normalize="0.5/0.25", out="a", **loud)
    capsys.readouterr()
    ll.train("own.py:model", normalize="0.5/0.25", init="a", out="b", **loud)
    assert "the first weights" not in capsys.readouterr().err
    ll.train("own.py:model", init="a", out="c", loss="cross_entropy(label_smoothing=0.1)", **loud)
    assert (
        "the first weights, a/final.pt, were trained with loss cross_entropy and normalize 0.5/0.25; this run has loss "
        "cross_entropy(label_smoothing=0.1) and normalize none"
    ) in capsys.readouterr().err
    torch.save(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).state_dict(), "plain.pt")
    ll.train("own.py:model", init="plain.pt", out="d", **loud)
    assert "the first weights" not in capsys.readouterr().err
