"""The runs of the tests of `landscape dynamics`, and what is measured along them, in plain torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

NET = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.Tanh(), nn.BatchNorm1d(6), nn.Linear(6, 10))
"""
DATA = """
import torch

def floats(split):
    return torch.randn(20, 1, 8, 8), torch.randn(20, 10)
"""


def samples(count: int):
    from landscape.data.digits import read_digits
    from landscape.data.load import subset
    from landscape.data.normalize import parse_normalize

    images, labels = read_digits("train")
    numbers = subset(len(images), count)
    pixels = parse_normalize("digits")(torch.from_numpy(np.asarray(images)[numbers]), torch.float64)
    return pixels, torch.from_numpy(np.asarray(labels)[numbers]).long()


def net_at(step: int) -> nn.Module:
    scope: dict = {}
    exec(NET, scope)
    net = scope["build"]().double().eval()
    stored = torch.load(f"run/checkpoints/step_{step:07d}.pt", weights_only=True)["state_dict"]
    net.load_state_dict(
        {name: value.double() if value.is_floating_point() else value for name, value in stored.items()}
    )
    return net


def gradient(net: nn.Module, inputs, labels, *, graph: bool = False):
    loss = nn.functional.cross_entropy(net(inputs), labels)
    return torch.cat([g.ravel() for g in torch.autograd.grad(loss, list(net.parameters()), create_graph=graph)])


def curvature_along(net: nn.Module, inputs, labels) -> float:
    slope = gradient(net, inputs, labels, graph=True)
    unit = slope.detach() / slope.detach().norm()
    product = torch.cat([p.ravel() for p in torch.autograd.grad(slope @ unit, list(net.parameters()))])
    return float(unit @ product)
