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
        (["net.pt", "net.pt"], {}, r"net and net \(2\) have the same weights"),
        (["net.pt", "other.pt"], {"curve": "spline"}, "curve 'spline': expected one of bezier, polychain, neb"),
        (["net.pt", "other.pt"], {"bends": 2}, "bends is for a curve; give --curve"),
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

    with pytest.raises(UsageError, match=r"\(1\): ReLU\(\) here, \(1\): Tanh\(\) there"):
        ll.connect([net(0, nn.ReLU()), net(1, nn.Tanh())], data=DATA, points=3, quiet=True)
    pair = [masked(0), masked(1)]
    for scale, each in enumerate(pair):
        each.register_buffer("scale", torch.tensor(1.0 + scale), persistent=False)
    with pytest.raises(UsageError, match="differ in scale, a buffer that their state dicts leave out"):
        ll.connect(pair, data=DATA, points=3, quiet=True)


@pytest.mark.parametrize("options, said", [({"split": []}, "split: an empty list"), ({"l2": -1.0}, "l2 -1: expected"),
                                           ({"l2": float("nan")}, "l2 nan: expected")])  # fmt: skip
def test_options_that_mean_nothing_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        ll.connect([masked(0), masked(1)], data=DATA, points=3, quiet=True, **options)
