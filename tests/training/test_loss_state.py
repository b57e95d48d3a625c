"""A loss that is a module: in training mode while it trains, in evaluation mode while it is measured, part of what goes on."""

from __future__ import annotations

import copy
import signal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.errors import EvaluationError, Interrupted
from landscape.training.trainer import Trainer


class Warm(nn.Module):
    """Grows with the steps of training; `n` is a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("n", torch.zeros(()))

    def forward(self, outputs, targets):
        if self.training:
            self.n += 1
        return F.cross_entropy(outputs, targets, reduction="none") * (0.1 + 0.05 * self.n)


class Counting(Warm):
    """The same with a plain attribute."""

    def __init__(self):
        super().__init__()
        del self.n
        self.n = 0.0


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, outputs, targets):
        return F.cross_entropy(self.drop(outputs), targets, reduction="none")


@pytest.fixture
def data():
    torch.manual_seed(0)
    return torch.randn(48, 5), torch.randint(3, (48,))


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))


OPTIONS = {"batch_size": 16, "epochs": 3, "optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "schedule": "constant",
           "quiet": True, "threads": 1, "precision": "fp64", "seed": 0}  # fmt: skip


@pytest.mark.parametrize("kind", [Warm, Counting])
def test_it_trains_as_in_plain_torch_and_what_is_measured_moves_nothing(kind, data, tmp_path, monkeypatch):
    loss, seen, advance = kind(), [], Trainer.advance

    def keeping(trainer):
        seen.append(trainer.loader.batch(trainer.step))
        advance(trainer)

    monkeypatch.setattr(Trainer, "advance", keeping)
    run = ll.train(net(), data={"train": data, "test": data}, loss=loss, out=tmp_path / "run", **OPTIONS)
    plain, model = kind(), net().double()
    for step, (inputs, targets) in enumerate(seen):
        model.zero_grad()
        plain(model(inputs), targets).mean().backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad
        if (step + 1) % 3 == 0:  # the row of an epoch, with the loss as it stands
            evaluated = copy.deepcopy(plain).eval()
            wanted = float(evaluated(model(data[0].double()), data[1]).mean())
            assert run.log[(step + 1) // 3]["test_loss"] == pytest.approx(wanted, rel=1e-6)
    assert float(plain.n) == float(loss.n) == 9
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(run.model.state_dict()[name].double(), tensor, rtol=1e-12, atol=0)
    assert run.metrics["train_loss"] == pytest.approx(run.log[-1]["test_loss"], rel=1e-9)


def test_a_stopped_run_goes_on_with_its_buffers(data, tmp_path, monkeypatch):
    whole = ll.train(net(), data=data, loss=Warm(), out=tmp_path / "whole", **OPTIONS)
    advance, steps = Trainer.advance, []

    def stopping(trainer):
        advance(trainer)
        steps.append(trainer.step)
        if trainer.step == 4:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        patched.setattr(Trainer, "advance", stopping)
        ll.train(net(), data=data, loss=Warm(), out=tmp_path / "run", **OPTIONS)
    later = Warm()
    again = ll.train(net(), data=data, loss=later, out=tmp_path / "run", **OPTIONS)
    assert steps == [1, 2, 3, 4] and float(later.n) == 9
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor)


def test_what_is_kept_beside_buffers_is_named(data, tmp_path, capsys):
    for kind, said in ((Counting, True), (Warm, False), (nn.CrossEntropyLoss, False)):
        ll.train(net(), data=data, loss=kind(), out=tmp_path / kind.__name__, **{**OPTIONS, "quiet": False})
        text = capsys.readouterr().err
        assert ("the loss changes n while it trains, and a run that was stopped goes on without that" in text) == said


def test_a_surface_is_that_of_evaluation_mode_and_says_so(data, tmp_path, capsys):
    model, loss = net().double(), Noisy()
    found = ll.line(model=model, data=data, loss=loss, x="-1:1:3", precision="fp64", ignore="none", threads=1)
    assert "the loss Noisy is in evaluation mode, as the net is" in capsys.readouterr().err
    plain = ll.line(model=model, data=data, loss=nn.CrossEntropyLoss(reduction="none"), x="-1:1:3", precision="fp64",
                    ignore="none", threads=1)  # fmt: skip
    assert "evaluation mode" not in capsys.readouterr().err
    np.testing.assert_allclose(found.values["train_loss"], plain.values["train_loss"], rtol=1e-12)
    assert loss.training and loss.drop.training, "the caller's loss is as it was"


def test_one_that_moves_in_evaluation_mode_too_is_refused(data):
    class Centred(Warm):
        def forward(self, outputs, targets):
            self.n += 1
            return super().forward(outputs, targets)

    with pytest.raises(EvaluationError, match="two evaluations of the same batch at the same weights differ"):
        ll.line(model=net(), data=data, loss=Centred(), x="-1:1:3", threads=1)
