"""A loss that is a module: in training mode while it trains, in evaluation mode while it is measured, part of what goes on."""

from __future__ import annotations

import copy
import enum
import signal
from collections import deque

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


class Lazy(Warm):
    """The buffer is there from the first step on."""

    def __init__(self):
        super().__init__()
        self.n = None

    def forward(self, outputs, targets):
        if self.n is None:
            self.n = torch.zeros(())
        return super().forward(outputs, targets)


class Queue(Warm):
    """A memory that grows, as a buffer, with a view of one number that is not contiguous."""

    def __init__(self):
        super().__init__()
        self.register_buffer("queue", torch.zeros(0, 3))
        self.register_buffer("spread", torch.zeros(1).expand(4))

    def forward(self, outputs, targets):
        if self.training:
            self.queue = torch.cat([self.queue, outputs.detach().float()])
            self.n = torch.tensor(len(self.queue) / 16)
        return F.cross_entropy(outputs, targets, reduction="none") * (0.1 + 0.05 * self.n) + self.spread.sum()


class Aliased(Warm):
    """One buffer under two names, and only one of them is a buffer: the loss writes by one and reads by the other."""

    def __init__(self):
        super().__init__()
        self.seen = self.n

    def forward(self, outputs, targets):
        if self.training:
            self.seen += 1
        return F.cross_entropy(outputs, targets, reduction="none") * (0.1 + 0.05 * self.n)


class Kind(enum.IntEnum):
    """A number that no file of tensors holds."""

    ONE = 1


class Odd(Warm):
    """Grows by what no file of tensors holds."""

    def __init__(self):
        super().__init__()
        self.history = deque()

    def forward(self, outputs, targets):
        if self.training:
            self.history.append(1.0)
        return F.cross_entropy(outputs, targets, reduction="none") * (0.1 + 0.05 * len(self.history))


class Scripted(Warm):
    def __init__(self):
        super().__init__()
        self.part = torch.jit.script(nn.BatchNorm1d(3))

    def forward(self, outputs, targets):
        return super().forward(self.part(outputs), targets)


class Listed(Warm):
    """A history in a list, and a tensor that is not a buffer, inside a part of the module."""

    def __init__(self):
        super().__init__()
        self.part = nn.Identity()
        self.part.history, self.part.c, self.part.kind = [], torch.zeros(()), Kind.ONE

    def forward(self, outputs, targets):
        if self.training:
            self.part.history.append(1.0)
            self.part.c += 1
        return F.cross_entropy(outputs, targets, reduction="none") * (
            0.1 + 0.02 * len(self.part.history) + 0.03 * self.part.c
        )


KINDS = [Warm, Counting, Lazy, Queue, Listed, Scripted, Aliased]


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


@pytest.mark.parametrize("kind", [Warm, Counting, Queue, Odd])
def test_it_trains_as_in_plain_torch_and_what_is_measured_moves_nothing(kind, data, tmp_path, monkeypatch):
    loss, seen, advance = kind(), [], Trainer.advance

    def keeping(trainer):
        seen.append(trainer.loader.batch(trainer.step))
        advance(trainer)

    monkeypatch.setattr(Trainer, "advance", keeping)
    run = ll.train(net(), data={"train": data, "test": data}, loss=loss, out=tmp_path / "run", **OPTIONS)
    plain, model = kind().double(), net().double()
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
    plain_n, loss_n = (len(each.history) if kind is Odd else float(each.n) for each in (plain, loss))
    assert plain_n == 9 and loss_n == 0, "the loss that is given is copied"
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(run.model.state_dict()[name].double(), tensor, rtol=1e-12, atol=0)
    assert run.metrics["train_loss"] == pytest.approx(run.log[-1]["test_loss"], rel=1e-9)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_run_goes_on_with_what_its_loss_keeps(kind, data, tmp_path, monkeypatch, capsys):
    whole = ll.train(net(), data=data, loss=kind(), out=tmp_path / "whole", **{**OPTIONS, "quiet": False})
    assert "the loss changes" not in capsys.readouterr().err
    advance, steps = Trainer.advance, []

    def stopping(trainer):
        advance(trainer)
        steps.append(trainer.step)
        if trainer.step == 4:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        patched.setattr(Trainer, "advance", stopping)
        ll.train(net(), data=data, loss=(loss := kind()), out=tmp_path / "run", **OPTIONS)
    again = ll.train(net(), data=data, loss=loss, out=tmp_path / "run", **OPTIONS)  # as a cell of a notebook run again
    assert steps == [1, 2, 3, 4]
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor)


class Own:
    """Not a module: the object itself is called, and what it keeps is not part of the state."""

    def __init__(self, kept):
        self.kept = kept

    def __call__(self, outputs, targets):
        if isinstance(self.kept, (list, deque)):
            self.kept.append(1.0)
        else:
            self.kept += 1
        return F.cross_entropy(outputs, targets, reduction="none")


@pytest.mark.parametrize(
    "kept", [1.0, [1.0], deque([1.0]), torch.zeros(()), np.zeros(2)], ids=lambda kept: type(kept).__name__
)
def test_what_is_kept_elsewhere_is_named(kept, data, tmp_path, capsys):
    ll.train(net(), data=data, loss=Own(kept), out=tmp_path / "run", **{**OPTIONS, "quiet": False})
    assert (
        "the loss changes kept while it trains, and a run that was stopped goes on without that"
        in capsys.readouterr().err
    )
    ll.train(net(), data=data, loss=nn.CrossEntropyLoss(), out=tmp_path / "other", **{**OPTIONS, "quiet": False})
    assert "the loss changes" not in capsys.readouterr().err


def test_copies_of_a_run_begin_with_the_same_loss(data, tmp_path, monkeypatch):
    begun, advance = [], Trainer.advance

    def noting(trainer):
        if trainer.step == 0:
            begun.append(float(next(iter(trainer.measure.functions.values())).n))
        advance(trainer)

    monkeypatch.setattr(Trainer, "advance", noting)
    for kind in (Warm, Counting):
        options = {**OPTIONS, "at": [0], "points": 3, "out": tmp_path / kind.__name__}
        ll.instability(net(), data=data, loss=(loss := kind()), **options)
        assert ll.instability(net(), data=data, loss=loss, **options).grid.size, "and the same command goes on"
    assert begun and set(begun) == {0.0}


def test_a_surface_is_that_of_evaluation_mode_and_says_so(data, tmp_path, capsys):
    model, loss = net().double(), Noisy()
    found = ll.line(model=model, data=data, loss=loss, x="-1:1:3", precision="fp64", ignore="none", threads=1)
    assert "the loss Noisy is in evaluation mode, as the net is" in capsys.readouterr().err
    plain = ll.line(model=model, data=data, loss=nn.CrossEntropyLoss(reduction="none"), x="-1:1:3", precision="fp64",
                    ignore="none", threads=1)  # fmt: skip
    assert "evaluation mode" not in capsys.readouterr().err
    np.testing.assert_allclose(found.values["train_loss"], plain.values["train_loss"], rtol=1e-12)
    assert loss.training and loss.drop.training, "the caller's loss is as it was"


def test_a_buffer_that_moves_in_evaluation_too_is_put_back_and_an_attribute_refused(data, capsys):
    class Moving(Warm):
        def forward(self, outputs, targets):
            self.n += 1
            return super().forward(outputs, targets)

    class Gradients(Warm):
        """Moves only where gradients flow, as in a product with the Hessian."""

        def forward(self, outputs, targets):
            self.n += torch.is_grad_enabled()
            return super().forward(outputs, targets)

    class Centred(Counting):
        def forward(self, outputs, targets):
            self.n += 1
            return super().forward(outputs, targets)

    model, mean = net().double(), float(F.cross_entropy(net().double()(data[0].double()), data[1]))
    options = {"model": model, "data": data, "precision": "fp64", "threads": 1}
    largest = max(ll.spectrum(loss=nn.CrossEntropyLoss(), quiet=True, **options).whole.values)
    for kind in (Moving, Gradients):  # each call is the first one: n is 1
        found = ll.line(loss=kind(), x="0:1:2", batch_size=16, **options)
        assert found.values["train_loss"][0] == pytest.approx(0.15 * mean, rel=1e-6)
        assert "an evaluation changes n of the loss: put back before each batch" in capsys.readouterr().err
        assert max(ll.spectrum(loss=kind(), quiet=True, **options).whole.values) == pytest.approx(
            0.15 * largest, rel=1e-6
        )
    with pytest.raises(EvaluationError, match="two evaluations of the same batch at the same weights differ"):
        ll.line(model=net(), data=data, loss=Centred(), x="-1:1:3", threads=1)
