"""What stands in a dictionary beside the keys that code writes is a setting, of any type; the keys themselves are none, nor is
what a loss that is a module counts, what lies in slots or belongs to a thread, and what is drawn from generators.
"""

import random
import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import landscape as ll
from landscape.subject.code_names import names_in

torch.manual_seed(0)
# without the class whose weight changes among the first samples, so that no value tells
DATA = torch.randn(20, 5), torch.tensor([0, 1] * 4 + [2] * 12)
WRONG = "was computed from something else: the code of the loss"
SETTINGS = {
    "a tensor": (torch.tensor([1.0, 1.0, 1.0]), torch.tensor([1.0, 1.0, 9.0])),
    "a list": ([1.0, 1.0, 1.0], [1.0, 1.0, 9.0]),
    "a tuple": ((1.0, 1.0, 1.0), (1.0, 1.0, 9.0)),
    "a dictionary": ({0: 1.0, 1: 1.0, 2: 1.0}, {0: 1.0, 1: 1.0, 2: 9.0}),
    "a function": (lambda: (1.0, 1.0, 1.0), lambda: (1.0, 1.0, 9.0)),
}


def weighted(outputs, targets, setting):
    found = setting() if callable(setting) else [*setting.values()] if isinstance(setting, dict) else setting
    return F.cross_entropy(outputs, targets, weight=torch.as_tensor(found), reduction="none")


def by_hook(store):
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))

    def hook(module, inputs, outputs):
        store["seen"] = True
        store["h"] = outputs

    net[0].register_forward_hook(hook)
    return net, lambda outputs, targets: weighted(outputs, targets, store["w"]) + 0.3 * store["h"].square().mean(1)


def by_loss(store):
    net, _ = by_hook({})
    store["calls"] = 0

    def loss(outputs, targets):
        store["calls"] += 1
        if "made" not in store:
            store["made"] = [2.0]
        return weighted(outputs, targets, store["w"]) * store["made"][0]

    return net, loss


@pytest.mark.parametrize("form", [by_hook, by_loss])
@pytest.mark.parametrize("kind", SETTINGS)
def test_a_setting_beside_what_code_writes_is_part_of_the_run(form, kind):
    before, after = SETTINGS[kind]
    store = {"w": before}
    net, loss = form(store)
    given = {"model": net, "data": DATA, "loss": loss, "quiet": True, "threads": 1}
    line = ll.line(x=(-1, 1, 3), **given)
    loss(net(DATA[0]), DATA[1])
    ll.hessian(line, **given)  # the same run, whatever the calls have stored
    store["w"] = after
    with pytest.raises(ll.LandscapeError, match=WRONG):
        ll.hessian(line, **given)


def test_keys_are_known_where_code_names_all_of_them():
    store, key = {}, "k"

    def named(value):
        store["a"] = value
        store["b"] += 1

    def computed(value):
        store["a"] = value
        store[key] = value

    def filled(value):
        store["a"] = value
        store.update(value)

    assert names_in(named).keys_of("store") == {"a", "b"}
    assert names_in(computed).keys_of("store") is None and names_in(filled).keys_of("store") is None


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls, self.weight, self.seen = 0, 1.0, []

    def forward(self, outputs, targets):
        self.calls += 1
        self.seen.append(len(outputs))
        return self.weight * F.cross_entropy(outputs, targets, reduction="none")


class Slots:
    __slots__ = ("calls", "weight")

    def __init__(self):
        self.calls, self.weight = 0, 1.0

    def __call__(self, outputs, targets):
        count(self)
        return self.weight * F.cross_entropy(outputs, targets, reduction="none")


def count(meter):
    meter.calls += 1


class OfThread(threading.local):
    calls, weight = 0, 1.0

    def __call__(self, outputs, targets):
        count(self)
        return self.weight * F.cross_entropy(outputs, targets, reduction="none")


class Drawing:
    def __init__(self):
        self.weight, self.sources = (
            1.0,
            (np.random.RandomState(0), np.random.default_rng(0), random.Random(0), torch.Generator()),
        )

    def __call__(self, outputs, targets):
        old, new, plain, torchs = self.sources
        old.rand(), new.random(), plain.random(), torch.rand(1, generator=torchs)
        return self.weight * F.cross_entropy(outputs, targets, reduction="none")


@pytest.mark.parametrize("kind", [Counting, Slots, OfThread, Drawing])
def test_what_evaluating_writes_is_no_setting_and_what_is_beside_it_is_one(kind):
    net, loss = by_hook({})[0], kind()
    given = {"model": net, "data": DATA, "loss": loss, "quiet": True, "threads": 1}
    line = ll.line(x=(-1, 1, 3), **given)
    assert line.at_origin("train_loss") == pytest.approx(loss(net(DATA[0]), DATA[1]).mean().item(), rel=1e-5)
    ll.hessian(line, **given)
    loss.weight = 1.00001
    with pytest.raises(ll.LandscapeError, match="was computed from something else: (the code of the )?loss"):
        ll.hessian(line, **given)
