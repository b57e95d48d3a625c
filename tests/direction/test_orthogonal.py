"""Orthogonal directions: |cos| < 1e-6, and every norm is still the one that was chosen."""

import pytest
import torch
from torch import nn

from landscape.direction.filters import filter_rules
from landscape.direction.normalize import NORMS, normalized
from landscape.direction.orthogonal import orthogonalize_, orthogonalized
from landscape.direction.random import gaussian
from landscape.errors import LandscapeError


def flat(vector):
    return torch.cat([tensor.double().flatten() for tensor in vector.values()])


def cosine(x, y):
    x, y = flat(x), flat(y)
    return float(x @ y / x.norm() / y.norm())


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.bn = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)
        self.up, self.fc, self.narrow = nn.ConvTranspose2d(4, 6, 2, groups=2), nn.Linear(5, 3), nn.Linear(1, 4)


def axes(norm, ignore, near=0.0):
    """Two directions; with `near`, the second is that much of the first and little else, as when a user repeats a net."""
    net = Net()
    weights = {name: tensor.detach() for name, tensor in net.named_parameters()}
    rules = filter_rules(net)
    raw = [gaussian(weights, seed=0, axis=axis) for axis in (0, 1)]
    raw[1] = {name: (1 - near) * raw[1][name] + near * raw[0][name] for name in weights}
    x, y = (normalized(vector, weights, rules, norm=norm, ignore=ignore) for vector in raw)
    return x, y, rules


@pytest.mark.parametrize("near", [0.0, 0.99])
@pytest.mark.parametrize("ignore", ["biasbn", "none"])
@pytest.mark.parametrize("norm", NORMS)
def test_orthogonal_with_the_same_norms(norm, ignore, near):
    x, y, rules = axes(norm, ignore, near)
    turned = orthogonalized(y, x, rules, norm=norm)
    assert abs(cosine(x, y)) > 1e-4  # there was something to do
    assert abs(cosine(x, turned)) < 1e-6
    if norm in ("filter", "dfilter"):
        for name in ("conv.weight", "up.weight", "fc.weight"):
            assert torch.allclose(rules[name].norms(turned[name]), rules[name].norms(y[name]), rtol=1e-6), name
    elif norm in ("layer", "dlayer"):
        for name in y:
            assert float(turned[name].double().norm()) == pytest.approx(float(y[name].double().norm()), rel=1e-6)
    else:
        assert float(flat(turned).norm()) == pytest.approx(float(flat(y).norm()), rel=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_orthogonal_directions_stay_as_they_are(norm):
    x, y, rules = axes(norm, "biasbn")
    once = orthogonalized(y, x, rules, norm=norm)
    twice = orthogonalized(once, x, rules, norm=norm)
    assert torch.allclose(flat(once), flat(twice), rtol=0, atol=1e-6 * float(flat(once).abs().max()))


def test_a_filter_with_one_entry_cannot_turn_so_its_layer_does():
    x, y, rules = axes("filter", "none")
    turned = orthogonalized(y, x, rules, norm="filter")
    for name in ("narrow.weight", "bn.weight"):
        a, b = x[name].double().flatten(), turned[name].double().flatten()
        assert abs(float(a @ b)) < 1e-6 * float(a.norm() * b.norm())
        assert float(b.norm()) == pytest.approx(float(y[name].double().norm()), rel=1e-6)


def test_a_parallel_filter_becomes_zero_and_not_noise():
    x, y, rules = axes("filter", "biasbn")
    y["fc.weight"] = -3 * x["fc.weight"]
    turned = orthogonalized(y, x, rules, norm="filter")
    assert not turned["fc.weight"].any() and bool(turned["conv.weight"].any())


def test_zero_filters_stay_zero():
    x, y, rules = axes("filter", "biasbn")
    x["conv.weight"][1] = 0
    y["conv.weight"][2] = 0
    turned = orthogonalized(y, x, rules, norm="filter")
    assert torch.equal(turned["conv.weight"][1], y["conv.weight"][1]) and not turned["conv.weight"][2].any()
    assert bool(flat(turned).isfinite().all())


def test_the_same_direction_twice_spans_no_plane():
    x, _, rules = axes("none", "none")
    with pytest.raises(LandscapeError, match="parallel"):
        orthogonalized({name: -3 * tensor for name, tensor in x.items()}, x, rules, norm="none")


@pytest.mark.parametrize("norm", NORMS)
def test_a_third_direction_is_orthogonal_to_both(norm):
    net = nn.Sequential(Net(), nn.Linear(2, 5, bias=False))  # two entries have no room for three directions
    weights = {name: tensor.detach() for name, tensor in net.named_parameters()}
    rules = filter_rules(net)
    x, y, z = (
        normalized(gaussian(weights, seed=0, axis=axis), weights, rules, norm=norm, ignore="biasbn")
        for axis in range(3)
    )
    orthogonalize_(y, x, rules, norm=norm)
    lengths = {name: float(tensor.norm()) for name, tensor in z.items()}
    for number, other in enumerate((x, y), 1):
        orthogonalize_(z, other, rules, norm=norm, others=number)
    assert abs(cosine(x, z)) < 1e-6 and abs(cosine(y, z)) < 1e-6
    if norm in ("filter", "layer"):
        assert float(z["1.weight"].norm()) == pytest.approx(lengths["1.weight"], rel=1e-5)
        assert float(z["0.conv.weight"].norm()) == pytest.approx(lengths["0.conv.weight"], rel=1e-5)
