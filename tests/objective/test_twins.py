"""What forbids evaluations beside each other, and what twins have in common with the net."""

from __future__ import annotations

import itertools
from typing import ClassVar

import pytest
import torch
from torch import nn

from landscape.objective import twins


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(72, 3)

    def forward(self, x):
        return self.last(x.flatten(1))


class Late(Plain):
    """Shares something with all nets of the class in the last turn of a loop only, from one line to the next."""

    kept: ClassVar = [None]

    def forward(self, x):
        y = super().forward(x)
        for turn in range(3):
            self.kept[0] = y if turn == 2 else None
            y = y if turn < 2 else self.kept[0]
        return y


class Settles(Plain):
    """Takes the way on which it shares something from the second call of any net of the class on."""

    kept: ClassVar = [None]

    def __init__(self):
        super().__init__()
        Settles.calls = itertools.count()

    def forward(self, x):
        if next(Settles.calls):
            self.kept[0] = super().forward(x)
            return self.kept[0]
        return super().forward(x)


class Counts(Plain):
    """Writes into a buffer, which twins share, in each call."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return super().forward(x)


class Slopes(Plain):
    """Differentiates itself."""

    def forward(self, x):
        x = x.requires_grad_(True)
        return torch.autograd.grad(super().forward(x).square().sum(), x)[0].flatten(1)[:, :3]


@pytest.fixture
def made(objective):
    """made(net, ...) -> Objective in float32 on 60 samples."""
    inputs = torch.randn(60, 2, 6, 6, generator=torch.Generator().manual_seed(1))

    def make(net, **options):
        return objective(net, (inputs, torch.arange(60) % 3), **{"precision": "fp32", "batch_size": 16, **options})

    return make


@pytest.mark.parametrize("kind", [Late, Settles])
def test_the_last_execution_of_a_line_is_tried_and_lines_that_are_new_forbid_sharing(kind, made):
    assert twins.twins(made(kind()), 2) == []


def test_what_listens_to_this_thread_alone_or_to_all_modules_forbids_sharing(made):
    """It would hear a part of the evaluations, or hear them in another order each time."""
    plain = made(Plain())
    with twins.Largest():
        assert twins.twins(plain, 2) == []
    hook = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert twins.twins(plain, 2) == []
    finally:
        hook.remove()
    assert len(twins.twins(plain, 2)) == 2


@pytest.mark.parametrize(("kind", "name", "found"), [(Counts, "changes", ("calls",)), (Slopes, "gradients", "inputs")])
def test_what_an_evaluation_needs_beside_outputs_forbids_sharing_and_faster_programs(made, kind, name, found):
    other = made(kind(), fast=True)
    other.check()
    assert getattr(other.conduct, name) == found
    assert twins.obstacle(other) == "states, random numbers, gradients or batches decide values"
    assert other.net is other.model


def test_twins_have_the_statistics_of_the_net_wherever_these_go(made, cnn):
    """Between two nets with their batch statistics these move with the weights."""
    between, batch = made(cnn(), batchnorm="interpolate"), torch.randn(5, 2, 6, 6)
    (twin, _), before = twins.twins(between, 2), between.model(batch)
    between.weights.mul_(1.5)
    assert twin.net is not between.model
    assert torch.equal(twin.net(batch), between.model(batch)) and not torch.equal(between.model(batch), before)
    for own, other in zip(twin.net.buffers(), between.model.buffers(), strict=True):
        assert own is other
