"""A loss of (model, batch) gets the named tuples that the data hold, by whatever way they are read."""

from collections import namedtuple
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

import landscape as ll
from landscape.errors import EvaluationError


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


class Scaled(namedtuple("Scaled", "x y")):
    def __new__(cls, x, y, scale=1.0):
        made = super().__new__(cls, x, y)
        made.scale = scale
        return made


class OfOne(namedtuple("OfOne", "x y")):
    __slots__ = ()

    def __new__(cls, pair):
        return super().__new__(cls, *pair)


class Three(namedtuple("Three", "x y weight")):
    pass


def three(x, y, scale):
    made = Three(x, y, torch.ones(len(x)))
    made.scale = scale
    return made


def scaled_loss(model, batch):
    return F.cross_entropy(model(batch.x), batch.y, reduction="none") * batch.scale


SCALED = {
    "a pair": lambda x, y, by: Scaled(x, y, by),
    "a list of one": lambda x, y, by: [Scaled(x, y, by)],
    "of three": lambda x, y, by: [three(x, y, by)],
    "arrays": lambda x, y, by: [Scaled(x.numpy(), y.numpy(), by)],
}


@pytest.mark.parametrize("form", SCALED)
@pytest.mark.parametrize("scale", [3.0, torch.linspace(0, 1, 30)])
def test_attributes_beside_the_parts_are_kept(task, form, scale):
    net, inputs, targets = task
    found = ll.line(model=net, data=SCALED[form](inputs, targets, scale), loss=scaled_loss, x=(-1, 1, 3), quiet=True)
    expected = (F.cross_entropy(net(inputs), targets, reduction="none") * scale).mean().item()
    assert found.at_origin("train_loss") == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("make", [Scaled, three])
@pytest.mark.parametrize("scales", [(2.0, 3.0), (2.0, torch.ones(20))])
def test_batches_keep_attributes_of_their_own(task, make, scales):
    net, inputs, targets = task
    data = [make(inputs[:10], targets[:10], scales[0]), make(inputs[10:], targets[10:], scales[1])]
    found = ll.line(model=net, data=data, loss=scaled_loss, x=(-1, 1, 3), quiet=True)
    expected = torch.cat([scaled_loss(net, batch) for batch in data]).mean().item()
    assert found.at_origin("train_loss") == pytest.approx(expected, rel=1e-5)


# torch joins the samples of a DataLoader itself, and those with targets first are of another class
@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("a DataLoader", "targets first")])
def test_a_class_that_is_made_of_something_else_keeps_its_names(task, form, monkeypatch):
    monkeypatch.setitem(globals(), "Pair", lambda x, y: OfOne((x, y)))
    net, inputs, targets = task
    data = OfOne((inputs, targets)) if form == "a pair" else FORMS[form](inputs, targets)

    def loss(model, batch):
        assert isinstance(batch, OfOne)
        return F.cross_entropy(model(batch.x), batch.y, reduction="none")

    for given in ({}, {"tolerance": 0.3}):
        found = ll.line(model=net, data=data, loss=loss, x=(-1, 1, 3), quiet=True, **given)
        expected = F.cross_entropy(net(inputs), targets).item()
        assert found.at_origin("train_loss") == pytest.approx(expected, rel=1e-5)


class Weighted(NamedTuple):
    x: Tensor
    weight: Tensor
    y: Tensor


@pytest.mark.parametrize("batch", [lambda x, y: Labelled(y, x), lambda x, y: Labelled(y.numpy(), x.numpy())])
def test_a_named_tuple_that_says_its_targets_is_one_batch_by_itself(task, batch):
    net, inputs, targets = task
    expected = F.cross_entropy(net(inputs), targets).item()
    found = ll.line(model=net, data=batch(inputs, targets), x=(-1, 1, 3), quiet=True)
    assert found.at_origin("train_loss") == pytest.approx(expected, rel=1e-5)
    three = Weighted(inputs, torch.full((30,), 2.0), targets)

    def loss(model, batch):
        return F.cross_entropy(model(batch.x), batch.y, reduction="none") * batch.weight

    found = ll.line(model=net, data=three, loss=loss, x=(-1, 1, 3), quiet=True)
    assert found.at_origin("train_loss") == pytest.approx(2 * expected, rel=1e-5)


@dataclass
class Record:
    x: Tensor
    y: Tensor
    name: str = "one"


def test_what_a_net_takes_of_an_object_is_asked_for_by_name(task):
    net, inputs, targets = task
    with pytest.raises(EvaluationError, match=r"passed to the net as a whole: .*ll\.Loss\(your_loss, inputs='x'\)"):
        ll.line(model=net, data=[Record(inputs, targets)], x=(-1, 1, 3), quiet=True)
    read = ll.Loss("cross_entropy", inputs="x")
    found = ll.line(model=net, data=[Record(inputs, targets)], loss=read, x=(-1, 1, 3), quiet=True)
    assert found.at_origin("train_loss") == pytest.approx(F.cross_entropy(net(inputs), targets).item(), rel=1e-5)
