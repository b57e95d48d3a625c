"""What these tests share: the surroundings of a net in float64, and a linear net whose loss is an exact quadratic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from landscape.sharpness.neighbourhood import Neighbourhood

SAMPLES = 40


@pytest.fixture
def around():
    """around(model, (inputs, targets), loss, seed) -> Around, in float64."""
    from landscape.curvature.operator import CurvatureOperator
    from landscape.data.load import load_splits
    from landscape.objective.loss import make_measure
    from landscape.objective.objective import Objective

    def make(model, data, loss="cross_entropy", seed=0) -> Neighbourhood:
        splits = load_splits(data, split=("train",)).splits
        objective = Objective(model, splits, make_measure(loss, ["loss"])[0], precision="fp64", batch_size=16)
        objective.check()
        return Neighbourhood(objective, CurvatureOperator(objective, ignore="none"), seed)

    return make


@dataclass(frozen=True)
class Quadratic:
    """L(w) = mean of (x . w - y)^2, with its gradient and Hessian at the weights."""

    around: Neighbourhood
    gradient: np.ndarray
    hessian: np.ndarray

    def flat(self, vector: torch.Tensor) -> np.ndarray:
        return vector[: len(self.gradient)].numpy()


@pytest.fixture
def quadratic(around):
    """quadratic(at_minimum) -> a linear net of 6 weights without bias."""

    def make(*, at_minimum: bool = False) -> Quadratic:
        chance = np.random.default_rng(3)
        inputs = chance.normal(size=(SAMPLES, 6)) * np.array([3.0, 1.5, 1.0, 0.7, 0.5, 0.2])
        targets = chance.normal(size=(SAMPLES, 1))
        weights = np.linalg.lstsq(inputs, targets, rcond=None)[0] if at_minimum else chance.normal(size=(6, 1))
        net = nn.Linear(6, 1, bias=False)
        net = net.double()
        with torch.no_grad():
            net.weight.copy_(torch.from_numpy(weights.T))
        found = around(net, (torch.from_numpy(inputs), torch.from_numpy(targets)), "mse")
        residual = inputs @ weights - targets
        return Quadratic(found, (2 * inputs.T @ residual / SAMPLES)[:, 0], 2 * inputs.T @ inputs / SAMPLES)

    return make


@pytest.fixture
def classes():
    """Inputs (40, 6) float64 and labels (40,) of 3 classes."""
    generator = torch.Generator().manual_seed(7)
    return torch.randn(SAMPLES, 6, dtype=torch.float64, generator=generator), torch.arange(SAMPLES) % 3


@pytest.fixture
def images():
    """Inputs (23, 2, 6, 6) float64 and labels (23,) of 3 classes."""
    generator = torch.Generator().manual_seed(5)
    return torch.randn(23, 2, 6, 6, dtype=torch.float64, generator=generator), torch.arange(23) % 3


def rescaled(net: nn.Sequential, factor: float) -> nn.Sequential:
    """The same function of a ReLU net: its first layer times a factor, its second divided by it."""
    import copy

    other = copy.deepcopy(net)
    first, second = (layer for layer in list(other) if isinstance(layer, nn.Linear))
    with torch.no_grad():
        first.weight.mul_(factor)
        first.bias.mul_(factor)
        second.weight.div_(factor)
    return other
