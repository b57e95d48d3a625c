"""What `landscape connect` refuses: nets that no path joins, and options that mean nothing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import landscape as ll
from landscape.errors import LandscapeError, UsageError
from tests.recipes.conftest import OPTIONS


@pytest.mark.parametrize(
    "nets, options, said",
    [
        (["net.pt"], {}, "1 net: a path joins two"),
        (["net.pt", "net.pt"], {}, r"net and net #2 have the same weights"),
        (["net.pt", "other.pt"], {"curve": "spline"}, "curve 'spline': expected one of bezier, polychain, neb"),
        (["net.pt", "other.pt"], {"bends": 2}, "bends is for a curve; give curve="),
        (["net.pt", "other.pt"], {"plane": 5}, "plane is for a curve"),
        (["net.pt", "other.pt"], {"curve": "neb", "bends": 0}, "bends 0: expected 1 to 1000"),
        (["net.pt", "other.pt"], {"curve": "bezier", "train_batch": 0}, "train-batch 0: expected"),
        (["net.pt", "other.pt"], {"points": 1}, "points 1: expected 2"),
        (["net.pt", "other.pt"], {"curve": "bezier", "batchnorm": "interpolate"}, "have no statistics"),
        ("net.pt", {}, "nets 'net.pt': expected a list"),
        (["net.pt", "other.pt"], {"data": {"test": (torch.zeros(4, 1, 8, 8), torch.arange(4))}, "curve": "bezier"}, "train"),
    ],
)  # fmt: skip
def test_what_is_refused(here, nets, options, said):
    with pytest.raises(UsageError, match=said):
        ll.connect(nets, **{**{name: value for name, value in OPTIONS.items() if name not in options}, **options})


class Masked(nn.Module):
    """With a buffer of whole numbers, and two layers that may share a weight."""

    def __init__(self, last: int, tied: bool):
        super().__init__()
        self.first, self.second, self.out = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        if tied:
            self.second.weight = self.first.weight
        self.register_buffer("order", torch.tensor([0, 1, 2, 3, 4, last]))

    def forward(self, x):
        return self.out(self.second(self.first(x[:, self.order]).relu()))


def masked(seed: int, last: int = 5, tied: bool = False) -> Masked:
    torch.manual_seed(seed)
    return Masked(last, tied)


DATA = (torch.randn(20, 6), torch.arange(20) % 3)


def test_buffers_that_cannot_be_interpolated_are_refused():
    with pytest.raises(UsageError, match=r"differ in order \(int64\), which cannot be interpolated"):
        ll.connect([masked(0), masked(1, last=0)], data=DATA, points=3, quiet=True)
    assert ll.connect([masked(0), masked(1)], data=DATA, points=3, quiet=True).shape == (1, 3)


def test_nets_that_share_parameters_in_one_and_not_in_the_other_are_refused():
    with pytest.raises(LandscapeError, match="shares first.weight and second.weight, and the"):
        ll.connect([masked(0, tied=True), masked(1)], data=DATA, points=3, quiet=True)
    with pytest.raises(LandscapeError, match="shares first.weight and second.weight, and the"):
        ll.connect([masked(0), masked(1, tied=True)], data=DATA, points=3, quiet=True)
    with pytest.raises(LandscapeError, match="the second net shares first.weight and second.weight"):
        ll.connect([masked(0), ll.Checkpoint(masked(1, tied=True).state_dict())], data=DATA, points=3, quiet=True)
    untied = {
        **masked(1).state_dict(),
        "second.weight": torch.ones(6, 6),
    }
    with pytest.raises(LandscapeError, match="first.weight and second.weight are one tensor there, and differ"):
        ll.connect([masked(0, tied=True), ll.Checkpoint(untied)], data=DATA, points=3, quiet=True)
    assert ll.connect([masked(0, tied=True), masked(1, tied=True)], data=DATA, points=3, quiet=True).shape == (1, 3)


def test_modules_that_differ_in_more_than_their_weights_are_refused():
    def net(seed: int, activation: nn.Module) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 5), activation, nn.Linear(5, 3))

    with pytest.raises(UsageError, match="class ReLU is in the first only"):
        ll.connect([net(0, nn.ReLU()), net(1, nn.Tanh())], data=DATA, points=3, quiet=True)
    pair = [masked(0), masked(1)]
    for scale, each in enumerate(pair):
        each.register_buffer("scale", torch.tensor(1.0 + scale), persistent=False)
    with pytest.raises(UsageError, match="setting scale differs"):
        ll.connect(pair, data=DATA, points=3, quiet=True)


class Scaled(nn.Module):
    """A net whose settings a state dict does not hold."""

    def __init__(self, seed: int, scale: float):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.scale, self.calls = nn.Linear(6, 3), scale, 0

    def forward(self, x):
        self.calls += 1
        return self.scale * self.first(x)


def test_weights_of_a_module_that_computes_something_else_lead_nowhere():
    x = torch.randn(8, 6)
    one, two, used = Scaled(0, 1.0), Scaled(1, 2.0), Scaled(1, 1.0)
    used(x)  # what a call changes is no setting
    y = torch.randint(3, (8,))
    taken = {"data": [(x, y)], "quiet": True, "x": (0, 1, 3)}
    refused = pytest.raises(UsageError, match="setting scale is 1.0 in the first, 2.0 in the second")
    with refused:
        ll.line(model=one, to=two, **taken)
    with refused:
        ll.align(one, two, inputs=x)
    assert ll.line(model=one, to=used, **taken).shape == (3,)
    line = ll.line(model=one, to=ll.Checkpoint(two.state_dict()), **taken)  # the way out that the message names
    expected = nn.functional.cross_entropy(one.scale * two.first(x), y).item()
    assert line.values["train_loss"].flat[-1] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("options, said", [({"split": []}, "split: an empty list"), ({"l2": -1.0}, "l2 -1: expected"),
                                           ({"l2": float("nan")}, "l2 nan: expected")])  # fmt: skip
def test_options_that_mean_nothing_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        ll.connect([masked(0), masked(1)], data=DATA, points=3, quiet=True, **options)
