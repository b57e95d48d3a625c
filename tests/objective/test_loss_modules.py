"""Losses that are modules, or contrast the samples of a batch, have the values of plain torch in evaluation mode."""

from __future__ import annotations

import copy
import functools
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import landscape as ll
from landscape.errors import EvaluationError, UsageError

MODE = "is in evaluation mode, as the net is"


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(3).double()

    def forward(self, outputs, targets):
        return F.cross_entropy(self.bn(outputs), targets, reduction="none")

    def method(self, outputs, targets):
        return 2 * self(outputs, targets)


class OfModel(Normed):
    def forward(self, model, batch):
        return super().forward(model(batch[0]), batch[1])


class WarmerOfModel(nn.Module):
    """Sets more than a mode, and writes into a buffer in every call."""

    def __init__(self):
        super().__init__()
        self.temperature = 4.0
        self.register_buffer("calls", torch.zeros(()))

    def train(self, mode=True):
        self.temperature = 4.0 if mode else 1.0
        return super().train(mode)

    def forward(self, model, batch):
        self.calls += 1
        return F.cross_entropy(model(batch[0]) / self.temperature, batch[1], reduction="none") * self.calls


class Warmer(nn.Module):
    """Its own `train` sets more than a mode; `forward` names none."""

    def __init__(self):
        super().__init__()
        self.temperature = 4.0

    def train(self, mode=True):
        self.temperature = 4.0 if mode else 1.0
        return super().train(mode)

    def forward(self, outputs, targets):
        return F.cross_entropy(outputs / self.temperature, targets, reduction="none")


def hooked(loss):
    loss.register_forward_hook(lambda module, given, found: 3 * found)
    return loss


def patched(loss):
    plain = loss.forward
    loss.forward = lambda outputs, targets: 3 * plain(outputs, targets)
    return loss


class Called(nn.CrossEntropyLoss):
    def __call__(self, outputs, targets):
        return 3 * super().__call__(outputs, targets)


def contrast(outputs, targets):
    """One value for each sample, from its likeness to the others of the batch."""
    same = torch.eye(len(outputs), dtype=torch.bool)
    likeness = F.log_softmax((outputs @ outputs.T).masked_fill(same, -1e9), 1)
    return -(likeness * ((targets[:, None] == targets[None]) & ~same)).sum(1)


@pytest.fixture(scope="module")
def given():
    torch.manual_seed(0)
    data = torch.randn(24, 5, dtype=torch.float64), torch.randint(3, (24,))
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).double(), data


def at_net(given, loss, **more):
    model, data = given
    options = {"model": model, "data": data, "loss": loss, "x": "0:1:2", "precision": "fp64", "threads": 1, **more}
    return ll.line(**options).values["train_loss"][0]


@torch.no_grad()
def plain(given, loss, size=24):
    model, (inputs, targets) = given
    parts = zip(inputs.split(size), targets.split(size), strict=True)
    return float(sum(loss(model(x), y).sum() for x, y in parts) / len(targets))


@pytest.mark.parametrize("kind", ["module", "partial", "method", "of the model", "own train()"])
def test_it_is_measured_in_evaluation_mode_and_left_as_it_was(kind, given, capsys):
    module = {"of the model": OfModel, "own train()": Warmer}.get(kind, Normed)()
    before, resting = copy.deepcopy(module.state_dict()), copy.deepcopy(module).eval()
    loss, wanted = {
        "module": (module, resting),
        "partial": (functools.partial(module), resting),
        "method": (getattr(module, "method", None), getattr(resting, "method", None)),
        "of the model": (ll.Loss(module, of="model"), functools.partial(Normed.forward, resting)),
        "own train()": (module, resting),
    }[kind]
    assert at_net(given, loss) == pytest.approx(plain(given, wanted), rel=1e-12)
    assert MODE in capsys.readouterr().err
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(part.training for part in module.modules())


def test_a_loss_of_the_model_is_borrowed(given):
    loss = WarmerOfModel()
    wanted = plain(given, functools.partial(F.cross_entropy, reduction="none"))
    found = ll.line(
        model=given[0], data=given[1], loss=ll.Loss(loss, of="model"), x="0:1:3", precision="fp64", threads=1
    )
    assert found.values["train_loss"][0] == pytest.approx(wanted, rel=1e-12)
    assert float(loss.calls) == 0 and loss.training and loss.temperature == 4.0


@pytest.mark.parametrize(
    "loss", [hooked(nn.CrossEntropyLoss()), patched(nn.CrossEntropyLoss()), Called(), hooked(nn.CrossEntropyLoss(torch.ones(3)))],
    ids=["hook", "forward", "call", "with weights"],
)  # fmt: skip
def test_what_was_added_to_a_loss_of_torch_counts(loss, given, tmp_path):
    mean = plain(given, F.cross_entropy) * 24
    assert at_net(given, loss) == pytest.approx(3 * mean, rel=1e-6)
    run = ll.train(given[0], data=given[1], loss=loss, epochs=0, precision="fp64", out=tmp_path / "run", quiet=True)
    assert run.metrics["train_loss"] == pytest.approx(3 * mean, rel=1e-6)


def test_a_function_that_leads_back_to_the_given_loss_is_refused_where_its_mode_counts(given):
    loss = Normed()
    loss.normed = lambda outputs: loss.bn(outputs)
    loss.forward = lambda outputs, targets: F.cross_entropy(loss.normed(outputs), targets, reduction="none")
    with pytest.raises(
        UsageError, match="the loss Normed keeps a function, normed, that leads back to it, such as a lambda"
    ):
        at_net(given, loss)
    scaled = nn.CrossEntropyLoss(reduction="none")
    scaled.factor = 2.0
    scaled.forward = lambda outputs, targets: scaled.factor * F.cross_entropy(outputs, targets, reduction="none")
    assert at_net(given, scaled) == pytest.approx(2 * plain(given, F.cross_entropy) * 24, rel=1e-6)


class Drifting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("n", torch.zeros(()))

    def compute(self, outputs, targets):
        self.n += 1
        return F.cross_entropy(outputs, targets, reduction="none") * (1 + (self.n > 30))

    def forward(self, outputs, targets):
        return self.compute(outputs, targets)


class Direct(Drifting):
    def __call__(self, outputs, targets):
        return self.compute(outputs, targets)


def test_a_buffer_that_moves_is_put_back_or_refused_where_no_hook_is_called(given):
    model, data = given
    options = {"model": model, "data": data, "x": "0:1:60", "precision": "fp64", "threads": 1}
    found = ll.line(loss=Drifting(), **options).values["train_loss"]
    np.testing.assert_allclose(found, ll.line(loss=nn.CrossEntropyLoss(), **options).values["train_loss"], rtol=1e-12)
    for loss in (Drifting().compute, Direct()):
        with pytest.raises(
            EvaluationError, match="the loss changes its buffer n where it is measured, by a method or a __call__"
        ):
            ll.line(loss=loss, **options)


def test_one_that_cannot_be_copied_is_one_line(given):
    loss = Normed()
    loss.lock = threading.Lock()
    with pytest.raises(
        UsageError, match=r"the loss Normed cannot be copied \(TypeError: .*\); keep what cannot be outside of it"
    ):
        at_net(given, loss)


@pytest.mark.parametrize("wrap", [torch.jit.script, torch.compile, lambda module: module])
@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_scripted_and_compiled_losses_are_losses(wrap, given, capsys):
    assert at_net(given, wrap(nn.CrossEntropyLoss())) == pytest.approx(plain(given, F.cross_entropy) * 24, rel=1e-6)
    assert MODE not in capsys.readouterr().err


@pytest.mark.parametrize("size", [24, 8])
def test_values_of_samples_that_depend_on_the_batch_say_so_and_are_those_of_the_batches(size, given, capsys):
    wanted = plain(given, contrast, size)
    assert at_net(given, contrast, batch_size=size) == pytest.approx(wanted, rel=1e-12)
    assert f"values depend on the batches ({size} samples), through the loss" in capsys.readouterr().err
    loader = DataLoader(TensorDataset(*given[1]), batch_size=size)
    assert at_net(given, contrast, data=loader) == pytest.approx(wanted, rel=1e-12)
    assert f"({24 // size} x {size} samples as given), through the loss" in capsys.readouterr().err
    metric = at_net(given, "cross_entropy", metrics=["loss", ("contrast", contrast)], batch_size=size)
    assert metric == pytest.approx(plain(given, functools.partial(F.cross_entropy, reduction="none")), rel=1e-12)
    assert "through the metric contrast" in capsys.readouterr().err
    at_net(given, lambda outputs, targets: F.cross_entropy(outputs, targets, reduction="none"), batch_size=size)
    assert "depend" not in capsys.readouterr().err
