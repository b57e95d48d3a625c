"""What one step of training a curve sees: gradients against plain torch in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call

from landscape.between.curve_net import CurveMeasure, CurveNet
from landscape.layout import Layout
from landscape.objective.loss import make_measure
from landscape.slice.paths import shares

torch.manual_seed(0)
BATCH = (torch.randn(12, 6, dtype=torch.float64), torch.arange(12) % 3)


def curve(mlp, kind: str, count: int, decay: float = 0.0) -> CurveNet:
    nets = [mlp(seed).double() for seed in range(count + 2)]
    layout = Layout.of(nets[0])
    flat = [layout.flatten(layout.tensors(net), dtype=torch.float64) for net in nets]
    measure = make_measure("cross_entropy", None)[0]
    return CurveNet(copy.deepcopy(nets[0]), measure, layout, (flat[0], flat[-1]), flat[1:-1], kind=kind, decay=decay)


def gradient_at(net: CurveNet, weights: torch.Tensor, decay: float) -> torch.Tensor:
    """Of the loss on BATCH and decay / 2 |w|^2, by plain torch."""
    weights = weights.detach().clone().requires_grad_()
    module = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 3)).double()
    loss = nn.functional.cross_entropy(functional_call(module, net._layout.named(weights), (BATCH[0],)), BATCH[1])
    (loss + decay / 2 * weights.square().sum()).backward()
    return weights.grad


def loss_of(net: CurveNet) -> torch.Tensor:
    return CurveMeasure(make_measure("cross_entropy", None)[0])(net, BATCH)["loss"].mean()


@pytest.mark.parametrize("kind", ["bezier", "polychain"])
def test_the_gradient_of_each_bend_is_its_share_of_that_of_the_net_on_the_curve(mlp, kind):
    net = curve(mlp, kind, 2, decay=0.01)
    torch.manual_seed(3)
    loss_of(net).backward()
    torch.manual_seed(3)
    place = float(torch.rand(()))
    weights = shares(kind, 4, place)
    point = sum(share * each for share, each in zip(weights, net.points, strict=True))
    expected = gradient_at(net, point, 0.01)
    assert float(expected.norm()) > 0.01
    for bend, share in zip(net.bends, weights[1:-1], strict=True):
        if share == 0:
            assert bend.grad is None
        else:
            torch.testing.assert_close(bend.grad, share * expected, rtol=1e-10, atol=1e-12)


def test_the_mean_over_draws_is_the_gradient_of_the_mean_loss_along_the_curve(mlp):
    net = curve(mlp, "bezier", 1)
    torch.manual_seed(0)
    draws = 1000
    for _ in range(draws):
        loss_of(net).backward()
    places = (torch.arange(100, dtype=torch.float64) + 0.5) / 100
    exact = torch.zeros_like(net.bends[0])
    for t in places.tolist():
        s = shares("bezier", 3, t)
        point = sum(share * each for share, each in zip(s, net.points, strict=True))
        exact += s[1] * gradient_at(net, point, 0.0) / len(places)
    drawn = net.bends[0].grad / draws
    assert float((drawn - exact).norm()) < 0.1 * float(exact.norm())


def test_a_band_moves_across_itself_only_and_keeps_its_bends_apart(mlp):
    net = curve(mlp, "neb", 3, decay=0.01)
    before = [point.detach().clone() for point in net.points]
    net.train()
    torch.manual_seed(1)
    loss_of(net).backward()
    (number,) = [k for k, bend in enumerate(net.bends) if bend.grad is not None]
    tangent = before[number + 2] - before[number]
    tangent /= tangent.norm()
    moved = net.bends[number].detach()
    expected = gradient_at(net, moved, 0.01)
    expected = expected - (expected @ tangent) * tangent
    torch.testing.assert_close(net.bends[number].grad, expected, rtol=1e-10, atol=1e-12)
    # moved along the band alone, toward the middle of its neighbours
    shift = moved - before[number + 1]
    torch.testing.assert_close(shift, (shift @ tangent) * tangent, rtol=1e-9, atol=1e-12)
    assert float(shift.norm()) > 1e-3
    torch.testing.assert_close((before[number + 2] - moved).norm(), (moved - before[number]).norm(), rtol=1e-12, atol=0)
    for k, bend in enumerate(net.bends):
        assert k == number or torch.equal(bend.detach(), before[k + 1])


def test_the_ends_and_the_net_do_not_move(mlp):
    net = curve(mlp, "bezier", 1)
    fixed = [net.get_buffer("start").clone(), net.get_buffer("end").clone()]
    steps = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], 0.1)
    loss_of(net).backward()
    steps.step()
    assert torch.equal(net.get_buffer("start"), fixed[0])
    assert torch.equal(net.get_buffer("end"), fixed[1])
    assert [name for name, p in net.named_parameters() if p.requires_grad] == ["bends.0"]


def test_a_loss_of_the_net_itself_sees_the_weights_of_the_curve(mlp):
    seen = []

    def loss(model, batch):
        seen.append(model[0].weight.detach().clone())
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    net = curve(mlp, "bezier", 1)
    net._measured._measure = make_measure(loss, None)[0]
    torch.manual_seed(5)
    CurveMeasure(net._measured._measure)(net, BATCH)
    torch.manual_seed(5)
    place = float(torch.rand(()))
    point = sum(s * each for s, each in zip(shares("bezier", 3, place), net.points, strict=True))
    torch.testing.assert_close(seen[0], net._layout.named(point.detach())["0.weight"], rtol=1e-12, atol=1e-14)
