"""Nets and losses that keep something where two threads would share it are evaluated one after another; others are shared."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import threading
import types
from typing import ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from landscape.objective import twins
from landscape.objective.reach import Reach

STACK, TABLE, SCALE, LOCK = [], {}, {"now": 1.0}, threading.Lock()
FACTOR, SIDES, SHIFT, NAMES = 2.0, (1, 2), torch.tensor([0.1, 0.2, 0.3]), functools.partial(F.softmax, dim=1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(5, 8), nn.Linear(8, 3)
        self.register_buffer("depth", torch.zeros(()))

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)))


class Stack(Net):
    def forward(self, x):
        STACK.append(x[:, :1])
        return super().forward(x) * STACK.pop()


@contextlib.contextmanager
def scaled(factor):
    before = SCALE["now"]
    SCALE["now"] = factor
    try:
        yield
    finally:
        SCALE["now"] = before


class Context(Net):
    def forward(self, x):
        with scaled(3.0):
            return super().forward(x) * SCALE["now"]


@functools.lru_cache
def room(rows, columns):
    return torch.empty(rows, columns)


class Room(Net):
    def forward(self, x):
        into = room(len(x), 8)
        torch.mm(x, self.first.weight.t(), out=into)
        return self.last(into.tanh())


class Balanced(Net):
    def forward(self, x):
        self.depth += 1
        found = super().forward(x) * self.depth
        self.depth -= 1
        return found


class OfClass(Net):
    level = 0

    def forward(self, x):
        OfClass.level += 1
        found = super().forward(x) * OfClass.level
        OfClass.level -= 1
        return found


class ListOfClass(Net):
    kept: ClassVar = []

    def forward(self, x):
        self.kept.append(x)
        return super().forward(self.kept.pop())


class Swapped(Net):
    def forward(self, x):
        weight = self.first.weight.data
        self.first.weight.data = weight.sign()
        found = super().forward(x)
        self.first.weight.data = weight
        return found


class Locked(Net):
    def forward(self, x):
        with LOCK:
            return super().forward(x)


class Seeded(Net):
    def forward(self, x):
        with torch.random.fork_rng():
            torch.manual_seed(7)
            return super().forward(x) * torch.rand(1)


class NumpySeeded(Net):
    def forward(self, x):
        state = np.random.get_state()
        np.random.seed(5)
        found = super().forward(x) * float(np.random.rand())
        np.random.set_state(state)
        return found


class DefaultType(Net):
    def forward(self, x):
        torch.set_default_dtype(torch.float64)
        try:
            basis = torch.linspace(0, 1, 3)
        finally:
            torch.set_default_dtype(torch.float32)
        return super().forward(x) * basis.float()


def in_one_line(outputs, targets):
    return (TABLE.update(now=targets), F.cross_entropy(outputs, TABLE["now"], reduction="none"))[1]


def of_function(outputs, targets):
    of_function.targets = targets
    return F.cross_entropy(outputs, of_function.targets, reduction="none")


def of_module():
    inner = nn.Linear(3, 3)
    return lambda outputs, targets: F.cross_entropy(inner(outputs), targets, reduction="none")


class OfItsClass:
    """A loss that is not a module and keeps its outputs in a list of its class."""

    kept: ClassVar = []

    def __call__(self, outputs, targets):
        self.kept.append(outputs)
        return F.cross_entropy(self.kept.pop(), targets, reduction="none")


def by_default(outputs, targets, kept=[]):  # noqa: B006
    kept.append(outputs)
    return F.cross_entropy(kept.pop(), targets, reduction="none")


class ByDefault(Net):
    def forward(self, x, *, kept={}):  # noqa: B006
        kept["x"] = x
        return super().forward(kept.pop("x"))


class Unseen(Net):
    """Writes that no version counts."""

    def forward(self, x):
        self.first.weight.data.mul_(2)
        found = super().forward(x)
        self.first.weight.data.mul_(0.5)
        return found


class State:
    """A class as a place for values."""

    stack: ClassVar = []


class Namespace(Net):
    def forward(self, x):
        State.stack.append(x)
        return super().forward(State.stack.pop())


def noted(outputs, targets):
    noted.stack.append(targets)
    return F.cross_entropy(outputs, noted.stack.pop(), reduction="none")


noted.stack = []


class Registry:
    """Kept by a method of the class."""

    last = None

    @classmethod
    def put(cls, x):
        cls.last = x
        return cls


class OfRegistry(Net):
    def forward(self, x):
        return super().forward(Registry.put(x).last)


def around():
    last = None

    def loss(outputs, targets):
        nonlocal last
        last = targets
        return F.cross_entropy(outputs, last, reduction="none")

    return loss


def factory(kept):
    def passed(x):
        kept.append(x)
        return kept.pop()

    return passed


first, second = factory(()), factory([])


def of_factories(outputs, targets):
    return F.cross_entropy(second(outputs) if len(outputs) else first(outputs), targets, reduction="none")


def late(x):
    STACK.append(x)
    return STACK.pop()


class Late(Net):
    """Does something else with more samples than those that are tried."""

    def forward(self, x):
        return super().forward(late(x) if len(x) > 20 else x)


class Notebook(Net):
    """Of a module without a file, as in a notebook."""

    count: ClassVar = [0]

    def forward(self, x):
        self.count[0] += 1
        found = super().forward(x) * self.count[0]
        self.count[0] -= 1
        return found


Notebook.__module__ = "a_notebook"
sys.modules[Notebook.__module__] = types.ModuleType(Notebook.__module__)


def keep(module, given, found):
    STACK.append(found)


class Hooked(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
        self.net.register_forward_hook(keep)

    def forward(self, outputs, targets):
        self.net(outputs)
        return F.cross_entropy(outputs, targets, reduction="none")


def writes(outputs, targets):
    SHIFT.add_(1)
    found = F.cross_entropy(outputs + SHIFT, targets, reduction="none")
    SHIFT.sub_(1)
    return found


def weighted(weights, power):
    def loss(outputs, targets):
        return helped(outputs, targets) * weights[targets] ** power

    return loss


def helped(outputs, targets):
    return F.cross_entropy(FACTOR * outputs + SHIFT, targets, reduction="none") * SIDES[0] + 0 * NAMES(outputs)[:, 0]


log = logging.getLogger(__name__)


class Keeps(Net):
    steps = 3
    _unread: ClassVar = ["a list of the class that no code reads"]

    def forward(self, x):
        log.debug("called")
        self.kept = torch.tanh(self.first(x))
        for _ in range(self.steps):
            self.kept = self.kept + 0.1
        return self.last(self.kept).to(torch.float32)


LOSSES = (
    *(in_one_line, of_function, of_module(), Hooked(), writes, OfItsClass(), by_default, noted, around(), of_factories),
)


def sharers(objective, net, loss):
    """In how many threads a net may be evaluated, of two."""
    torch.manual_seed(0)
    data = {"train": (torch.randn(40, 5), torch.randint(3, (40,)))}
    made = objective(net(), data, loss, precision="fp32", batch_size=8)
    made.check(lenient=True)
    return len(twins.twins(made, 2))


@pytest.mark.parametrize(
    ("net", "loss"),
    [
        *((net, "cross_entropy") for net in (Stack, Context, Room, Balanced, OfClass, ListOfClass, Swapped, Locked, Seeded)),
        *((net, "cross_entropy") for net in (NumpySeeded, DefaultType, Notebook, ByDefault, Unseen, Namespace, OfRegistry, Late)),
        *((Net, loss) for loss in LOSSES),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)  # fmt: skip
def test_what_two_threads_would_share_is_not_shared(objective, net, loss):
    assert sharers(objective, net, loss) == 0


@pytest.mark.parametrize(
    ("net", "loss"),
    [(Net, "cross_entropy"), (Keeps, "cross_entropy"), (Net, helped), (Net, weighted(torch.ones(3), 2.0))],
    ids=["plain", "of its own", "constants of the file", "constants of a closure"],
)
def test_constants_and_what_a_net_keeps_for_itself_do_not_prevent_it(objective, net, loss):
    assert sharers(objective, net, loss) == 2


def test_a_write_to_a_tensor_counts_also_where_it_is_taken_back():
    reach, tensor = Reach(), torch.ones(3)
    reach.watch(tensor)
    assert not reach.wrote
    tensor.add_(1).sub_(1)
    assert reach.wrote and reach.state is None
    with torch.inference_mode():
        reach.watch(torch.ones(3))
    assert "inference" in reach.state


def test_a_wait_for_the_other_does_not_hang(objective, monkeypatch):
    """A lock that is not seen by reading, as in a library."""
    monkeypatch.setattr(twins.Reach, "look", lambda *_: None)
    monkeypatch.setattr(twins, "WAIT_SECONDS", 0.2)
    assert sharers(objective, Locked, "cross_entropy") == 0
    assert LOCK.acquire(timeout=60), "it goes on as soon as it may"
    LOCK.release()
