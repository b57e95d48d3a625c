"""Trace, weighted trace and largest eigenvalue are those of the dense Hessian in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from landscape.sharpness import second
from tests.sharpness.conftest import rescaled


def dense_hessian(here) -> np.ndarray:
    """Column by column, in the order of the flat vector, gaps included."""
    with here.home() as apply:
        return torch.stack([apply(unit) for unit in torch.eye(apply.size, dtype=torch.float64)]).numpy()


@pytest.fixture
def small(around, classes):
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    return net, around(net, classes)


def truth(net: nn.Module, data) -> np.ndarray:
    """By torch alone."""
    from torch.func import functional_call, hessian

    own = {name: p.detach() for name, p in net.named_parameters()}
    sizes = [p.numel() for p in own.values()]

    def loss(flat):
        parts = {name: part.view(own[name].shape) for name, part in zip(own, flat.split(sizes), strict=True)}
        return nn.functional.cross_entropy(functional_call(net, parts, (data[0],)), data[1])

    return hessian(loss)(torch.cat([p.flatten() for p in own.values()])).numpy()


def test_they_are_those_of_the_dense_hessian(small, classes):
    net, here = small
    dense = truth(net, classes)
    weights = torch.cat([p.detach().flatten() for p in net.parameters()]).numpy()
    many = 3 * len(weights)
    assert second.hessian_trace(here, many)[0] == pytest.approx(np.trace(dense), rel=1e-9)
    assert second.weighted_trace(here, many)[0] == pytest.approx(weights**2 @ np.diag(dense), rel=1e-9)
    assert second.largest_eigenvalue(here, 1e-6)[0] == pytest.approx(np.linalg.eigvalsh(dense)[-1], rel=1e-6)


def test_estimates_lie_within_their_errors(small, classes):
    net, here = small
    dense = truth(net, classes)
    errors = []
    for seed in range(8):
        here.seed = seed
        found, error = second.hessian_trace(here, 30)
        errors.append((found - np.trace(dense)) / error)
    assert np.sqrt(np.mean(np.square(errors))) < 2.5


def test_the_weighted_trace_ignores_a_rescaling_that_the_trace_does_not(small, around, classes):
    net, here = small
    other = around(rescaled(net, 3.0), classes)
    many = 3 * here.operator.dimension
    assert second.weighted_trace(here, many)[0] == pytest.approx(second.weighted_trace(other, many)[0], rel=1e-8)
    assert second.hessian_trace(other, many)[0] / second.hessian_trace(here, many)[0] > 1.2
