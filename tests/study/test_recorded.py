"""A loss that training has changed is another one in the next run, and a line says so where the recorded loss shows it."""

from pathlib import Path

import pytest

import landscape as ll
from landscape.scene.facts.surface import recorded_facts
from landscape.study import recorded
from landscape.study.recorded import COARSE, EXACT, Record

CODE = """
import torch
from torch import nn
from torch.nn import functional as F


def net():
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))


def data():
    made = torch.Generator().manual_seed(0)
    return torch.randn(20, 5, generator=made), torch.randint(0, 3, (20,), generator=made)


class Warm:
    def __init__(self):
        self.factor = 0.0

    def __call__(self, model, batch):
        if model.training:
            self.factor = min(1.0, self.factor + 0.3)
        return F.cross_entropy(model(batch[0]), batch[1], reduction="none") * (0.5 + self.factor)


class Center(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("centers", torch.zeros(3, 3))

    def forward(self, outputs, targets):
        if self.training and torch.is_grad_enabled():
            self.centers.mul_(0.5).add_(0.5 * outputs.detach().mean(0))
        return F.cross_entropy(outputs, targets, reduction="none") + (outputs - self.centers[targets]).square().sum(1)


def noisy(outputs, targets):
    return F.cross_entropy(outputs, targets, reduction="none") * torch.rand(len(targets))


class Counts:
    def __init__(self):
        self.calls = 0

    def __call__(self, outputs, targets):
        self.calls += 1
        return F.cross_entropy(outputs, targets, reduction="none")
"""
AFRESH = "this run made a new t.py:{}, which lacks what training made of the old one"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.py").write_text(CODE)

    def trained(loss, **more):
        named = {"model": "t.py:net", "data": "t.py:data", "loss": f"t.py:{loss}", "threads": 1}
        return ll.train(epochs=2, out="run", lr=0.5, quiet=True, **named, **more), named

    return trained


def test_a_loss_that_training_changed_is_said_to_be_another(run, capsys):
    done, named = run(loss := "Warm")
    found = ll.line("run", x=(-1, 1, 3), **named).at_origin("train_loss")
    assert found != pytest.approx(done.metrics["train_loss"], rel=2e-3)
    said = capsys.readouterr().err
    assert f"is {found:.4g}, and its training recorded {done.metrics['train_loss']:.4g}: " in said
    assert AFRESH.format(loss) in said


def test_a_module_is_as_training_left_it(run, capsys):
    done, named = run("Center")
    line = ll.line("run", x=(-1, 1, 3), **named)
    assert line.at_origin("train_loss") == pytest.approx(done.metrics["train_loss"], rel=1e-4)
    assert "t.py:Center, as training left it" in recorded_facts(line)
    first = ll.line("run/checkpoints/step_0000000.pt", x=(-1, 1, 3), **named)
    assert "t.py:Center" in recorded_facts(first)  # as it is made
    said = capsys.readouterr().err
    assert (
        "its training recorded" not in said
        and "the loss t.py:Center is as the training of run left it: centers" in said
    )


def test_a_loss_that_is_the_same_needs_no_word(run, capsys):
    done, named = run("Counts")
    assert ll.line("run", x=(-1, 1, 3), **named).at_origin("train_loss") == pytest.approx(
        done.metrics["train_loss"], rel=1e-4
    )
    assert "its training recorded" not in capsys.readouterr().err


def test_values_of_other_weights_data_or_losses_are_not_compared(run, capsys):
    _, named = run("Warm")
    step = sorted(Path("run/checkpoints").iterdir())[-1]
    ll.line(step, x=(-1, 1, 3), **named)  # holds means over the steps
    ll.line("run", x=(0.5, 1, 3), **named)
    ll.line("run", x=(-1, 1, 3), **named, l2=0.1)
    ll.line("run", x=(-1, 1, 3), **{**named, "loss": "cross_entropy"})
    ll.line("run", x=(-1, 1, 3), **named, samples=10)
    assert "its training recorded" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("loss", "trained", "measured"),
    [("noisy", {}, {"batch_size": 5}), ("Counts", {"samples": 10}, {}), ("Counts", {"precision": "bf16"}, {})],
)
def test_what_training_measured_by_chance_on_a_part_or_roughly_is_not_compared(
    loss, trained, measured, run, capsys, monkeypatch
):
    monkeypatch.setattr(recorded, "EXACT", 1e-6)
    done, named = run(loss, **trained)
    found = ll.line("run", x=(-1, 1, 3), **named, **measured).at_origin("train_loss")
    assert found != pytest.approx(done.metrics["train_loss"], rel=1e-5)
    assert "its training recorded" not in capsys.readouterr().err


@pytest.mark.parametrize("limit", [EXACT, COARSE])
def test_a_loss_is_another_beyond_rounding(limit):
    """Those of nets that fit every sample are small differences of large numbers."""
    record = Record({"train_loss": 2.0, "test_loss": 1e-8}, "why", limit)
    same = {"train_loss": 2.0 * (1 + 0.9 * limit), "test_loss": 5e-7}
    assert record.note(same) is None and record.note({**same, "train_loss": float("inf")}) is None
    assert record.note({**same, "train_loss": 2.0 * (1 + 1.2 * limit)}).endswith("and its training recorded 2: why")
    assert record.note({**same, "test_loss": 2e-6}).startswith("the test loss at the net's own weights is 2e-06")


def test_a_trained_net_is_known_by_another_name_too(run, capsys):
    _, named = run("Warm")
    Path("copied.pt").write_bytes(Path("run/final.pt").read_bytes())
    ll.line("copied.pt", x=(-1, 1, 3), **named)
    assert AFRESH.format("Warm") in capsys.readouterr().err
    last = sorted(Path("run/checkpoints").iterdir())[-1]  # means over the steps
    ll.line(last, x=(-1, 1, 3), **named)
    assert "its training recorded" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [(lambda x, y: (x, y), False), (lambda x, y: (1.01 * x, y), False), (lambda x, y: (2 * x, (y + 1) % 3), True)],
    ids=["the same", "nearly", "others"],
)
def test_other_data_are_named_where_their_loss_is_far_from_the_recorded_one(run, capsys, change, said):
    done, named = run("Counts")
    exec(CODE, found := {})
    now = ll.line("run", x=(-1, 1, 3), **{**named, "data": change(*found["data"]())}).at_origin("train_loss")
    line = f"is {now:.4g}, and its training recorded {done.metrics['train_loss']:.4g}: that was on t.py:data, and this is on"
    assert (f"{line} data in memory" in capsys.readouterr().err) == said


def test_the_name_of_other_data_is_said(run, capsys):
    _, named = run("Counts")
    Path("o.py").write_text("import t\n\n\ndef data():\n    x, y = t.data()\n    return 2 * x, (y + 1) % 3\n")
    ll.line("run", x=(-1, 1, 3), **{**named, "data": "o.py:data"})
    assert "that was on t.py:data, and this is on o.py:data" in capsys.readouterr().err
    ll.line("run", x=(-1, 1, 3), **{**named, "data": f"{Path('t.py').resolve()}:data"})
    assert "its training recorded" not in capsys.readouterr().err  # the same by another path
