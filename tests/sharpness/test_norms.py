"""Norms against brute force: the path norm over all paths, the Fisher-Rao norm sample by sample."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from landscape.sharpness import norms
from tests.sharpness.conftest import rescaled


def all_paths(net: nn.Sequential) -> float:
    """The sum over paths, from each input and from each bias, of the product of squared weights."""
    layers = [layer for layer in net if isinstance(layer, nn.Linear)]
    sizes = [layers[0].in_features, *(layer.out_features for layer in layers)]
    total = 0.0
    for start in range(len(sizes)):  # where a path begins: at an input, or at the bias of layer `start`
        for path in itertools.product(*(range(size) for size in sizes[start:])):
            weights = [float(layers[start + k].weight.detach()[path[k + 1], path[k]]) for k in range(len(path) - 1)]
            first = 1.0 if start == 0 else float(layers[start - 1].bias.detach()[path[0]])
            total += first**2 * math.prod(weight**2 for weight in weights)
    return total


def test_path_norm_is_the_sum_over_all_paths(mlp):
    net = mlp().double()
    assert norms.path_norm(net, torch.zeros(5, 6)) == pytest.approx(all_paths(net), rel=1e-12)


def test_path_norm_does_not_change_the_net_and_ignores_rescaling():
    torch.manual_seed(2)
    net = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)).double()
    before = [p.clone() for p in net.parameters()]
    found = norms.path_norm(net, torch.zeros(1, 4))
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert norms.path_norm(rescaled(net, 5.0), torch.zeros(1, 4)) == pytest.approx(found, rel=1e-12)


def test_path_norm_of_batch_norm_is_that_of_the_linear_layer_it_is(cnn):
    net = cnn().double()
    layers = []
    for layer in net:
        if isinstance(layer, nn.BatchNorm2d):
            scale = layer.weight / (layer.running_var + layer.eps).sqrt()
            last = layers[-1]
            folded = nn.Conv2d(last.in_channels, last.out_channels, last.kernel_size).double()
            with torch.no_grad():
                folded.weight.copy_(last.weight * scale[:, None, None, None])
                bias = torch.zeros_like(scale) if last.bias is None else last.bias
                folded.bias.copy_((bias - layer.running_mean) * scale + layer.bias)
            layers[-1] = folded
        else:
            layers.append(layer)
    # squares are taken per layer there, and of the two layers apart here, which agree where no bias is mixed into the shift
    plain = nn.Sequential(*layers)
    assert torch.allclose(net(torch.ones(1, 2, 6, 6).double()), plain(torch.ones(1, 2, 6, 6).double()))
    first = nn.Sequential(*list(net)[:3], nn.Flatten(), nn.Linear(4 * 16, 2).double())
    assert norms.path_norm(first, torch.zeros(1, 2, 6, 6)) == pytest.approx(
        norms.path_norm(nn.Sequential(layers[0], *list(first)[2:]), torch.zeros(1, 2, 6, 6)), rel=1e-10
    )


@pytest.mark.parametrize(
    "net", [nn.Sequential(nn.Linear(4, 3), nn.Tanh()), nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3))]
)
def test_path_norm_is_unknown_where_paths_are_no_products(net):
    assert math.isnan(norms.path_norm(net, torch.zeros(1, 4)))


def test_spectral_product(mlp):
    net = mlp().double()
    weights = [p.detach() for p in net.parameters()]
    expected = math.prod(np.linalg.svd(w.numpy())[1][0] for w in weights if w.ndim > 1)
    assert norms.spectral_product(weights) == pytest.approx(expected, rel=1e-12)


def test_fisher_rao_is_the_loop_over_samples(around, mlp, classes):
    net = mlp().double()
    here = around(net, classes)
    total = 0.0
    for sample, label in zip(*classes, strict=True):
        net.zero_grad()
        nn.functional.cross_entropy(net(sample[None]), label[None]).backward()
        total += sum(float((p.detach() * p.grad).sum()) for p in net.parameters()) ** 2
    found = norms.fisher_rao(here.objective, here.operator.names)
    assert found == pytest.approx(total / len(classes[1]), rel=1e-10)
    assert not any(p.requires_grad for p in here.objective.model.parameters())


def test_fisher_rao_of_a_homogeneous_net_is_the_theorem_of_liang(around, classes):
    """(L + 1)^2 E[(dl/df . f)^2] for L hidden layers without biases, here L = 1."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 7, bias=False), nn.ReLU(), nn.Linear(7, 3, bias=False)).double()
    here = around(net, classes)
    outputs = net(classes[0]).detach()
    slopes = outputs.softmax(1) - nn.functional.one_hot(classes[1], 3)
    expected = 4 * float(((slopes * outputs).sum(1) ** 2).mean())
    assert norms.fisher_rao(here.objective, here.operator.names) == pytest.approx(expected, rel=1e-10)


def test_distance():
    own = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([4.0])}
    first = {"a": torch.zeros(2), "b": torch.zeros(1)}
    assert norms.distance(own, first) == 5.0
    assert math.isnan(norms.distance(own, None))


class Residual(nn.Module):
    """x + W x over an empty sequence, as identity shortcuts are often written."""

    def __init__(self):
        super().__init__()
        self.inner, self.shortcut, self.out = nn.Linear(3, 3, bias=False), nn.Sequential(), nn.Linear(3, 2, bias=False)

    def forward(self, x):
        return self.out(self.inner(x) + self.shortcut(x))


def test_an_identity_shortcut_has_paths():
    torch.manual_seed(0)
    net = Residual().double()
    inner, out = net.inner.weight.detach() ** 2, net.out.weight.detach() ** 2
    expected = sum(float(out[k, j] * (inner[j, i] + (i == j))) for i in range(3) for j in range(3) for k in range(2))
    assert norms.path_norm(net, torch.zeros(1, 3)) == pytest.approx(expected, rel=1e-12)
