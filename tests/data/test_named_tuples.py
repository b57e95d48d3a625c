"""A loss of (model, batch) gets the named tuples that the data hold, by whatever way they are read."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

import landscape as ll


class Pair(NamedTuple):
    x: Tensor
    y: Tensor


class Labelled(NamedTuple):
    labels: Tensor
    x: Tensor


class Pairs(Dataset):
    def __init__(self, inputs, targets):
        self.inputs, self.targets = inputs, targets

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, i):
        return Pair(self.inputs[i], self.targets[i])


def loss(model, batch):
    assert isinstance(batch, (Pair, Labelled))
    targets = batch.y if isinstance(batch, Pair) else batch.labels
    return F.cross_entropy(model(batch.x), targets, reduction="none")


FORMS = {
    "a pair": Pair,
    "a list of one": lambda x, y: [Pair(x, y)],
    "batches": lambda x, y: [Pair(x[:10], y[:10]), Pair(x[10:], y[10:])],
    "batches of arrays": lambda x, y: [Pair(x.numpy(), y.numpy())],
    "a Dataset": Pairs,
    "a DataLoader": lambda x, y: DataLoader(Pairs(x, y), batch_size=7),
    "targets first": lambda x, y: [Labelled(y, x)],
    "splits": lambda x, y: {"train": Pair(x, y)},
}


@pytest.fixture
def task():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    return net, torch.randn(30, 5), torch.randint(0, 3, (30,))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("given", [{}, {"tolerance": 0.3}, {"samples": 20}])
def test_the_loss_gets_the_names(task, form, given):
    net, inputs, targets = task
    data = FORMS[form](inputs, targets)
    found = ll.line(model=net, data=data, loss=loss, x=(-1, 1, 5), quiet=True, **given)
    expected = F.cross_entropy(net(inputs), targets).item()
    assert found.at_origin("train_loss") == pytest.approx(expected, rel=1e-5) or "samples" in given
    usual = ll.line(model=net, data=data, x=(-1, 1, 5), quiet=True, **given)
    np.testing.assert_allclose(
        usual.values["train_loss"], found.values["train_loss"], rtol=0.3 if "tolerance" in given else 1e-5
    )


@pytest.mark.parametrize("form", ["a pair", "batches", "a Dataset"])
def test_entries_are_named_and_training_has_them_too(task, form, tmp_path):
    net, inputs, targets = task
    data = FORMS[form](inputs, targets)
    read = ll.Loss("cross_entropy", inputs="x", targets="y")
    expected = F.cross_entropy(net(inputs), targets).item()
    assert ll.line(model=net, data=data, loss=read, x=(-1, 1, 3), quiet=True).at_origin("train_loss") == pytest.approx(
        expected
    )
    beside = ll.line(model=net, data=data, loss=loss, metrics=["loss", "accuracy"], x=(-1, 1, 3), quiet=True)
    right = (net(inputs).argmax(1) == targets).float().mean().item()
    assert beside.at_origin("train_accuracy") == pytest.approx(right)
    ll.train(model=net, data=data, loss=loss, epochs=1, batch_size=10, out=tmp_path / "run", quiet=True)
