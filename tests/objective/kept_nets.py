"""Nets of which a part rests, and what is compared for each: an objective that keeps activations with one that does not."""

import torch
from torch import nn

from landscape.data.load import load_splits
from landscape.objective.loss import make_measure
from landscape.objective.objective import Objective

POINTS = (0.0, 0.5, -1.0, 0.0)
CALLS = []


class Counted(nn.Linear):
    """A layer whose calls are counted."""

    def forward(self, x):
        CALLS.append(len(x))
        return super().forward(x)


class Net(nn.Module):
    """A layer that rests, one that moves, and a way to use them."""

    def __init__(self, way=lambda net, x: net.late(net.early(x)), **modules):
        super().__init__()
        self.early, self.late = Counted(5, 5), nn.Linear(5, 3)
        for name, module in modules.items():
            setattr(self, name, module)
        self.way = way

    def forward(self, x):
        return self.way(self, x)


def pairs(n=23, width=5):
    torch.manual_seed(3)
    return torch.randn(n, width), torch.randint(0, 3, (n,))


def built(net, data, moving, *, keeps=True, precision="fp64", **options):
    measure, _, _ = make_measure("cross_entropy", None)
    splits = measure.read(load_splits(data, split=("train",)).splits, net)
    names = [name for name, _ in net.named_parameters() if name.startswith(moving)]
    made = Objective(net, splits, measure, precision=precision, fast=keeps, names=names, **{"batch_size": 8} | options)
    made.check()
    return made


def points(objective, coordinates=POINTS):
    """The values at points along a direction."""
    origin = objective.weights.clone()
    direction = torch.randn(origin.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return [objective.evaluate(origin + t * direction.to(origin)) for t in coordinates]


def compared(net, data=None, moving="late", whole=None, **options):
    """What is kept of the net, after its values were found to be those of the whole net.

    `whole`: options of the other objective, which keeps nothing.
    """
    net, data = net.eval(), pairs() if data is None else data
    objective, other = built(net, data, moving, **options), built(net, data, moving, **options)
    other.keeping.__init__(0.0, wanted=False)
    assert points(objective) == points(other)
    return objective.keeping.kept


def reused(net, **options):
    """How often the layer that rests was passed, beside the batches of the whole net."""
    objective = built(net.eval(), pairs(), "late", **options)
    points(objective, (0.0, 0.5))  # the first batches of the second point are computed both ways
    CALLS.clear()
    points(objective, (1.0, 2.0))
    return not CALLS
