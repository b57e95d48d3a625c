"""Why filter normalization: a ReLU net whose layers are rescaled computes the same function, and gets the same picture.

Li et al. 2018, section 3: multiply all filters of a layer (and its biases) by c > 0 and divide the next layer by c.
Direction and weights of a layer scale together, so the surface is unchanged. (Scaling one filter alone and dividing only
the matching inputs of the next layer keeps the function but not the surface: the rows of the next layer then have
another norm, by which their direction is scaled as a whole.)
"""

import pytest
import torch
from torch import nn

from landscape.direction.filters import filter_rules
from landscape.direction.normalize import normalized
from landscape.direction.random import gaussian
from landscape.layout import Layout
from landscape.slice.plane import Plane


def conv_net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 6, 3, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(216, 3)
    ).double()


def dense_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 3)).double()


NETS = {"dense": (dense_net, (5, 6)), "convolutions": (conv_net, (5, 2, 6, 6))}


def rescaled(net, factor):
    """The first layer with weights is multiplied, the next one divided."""
    first, second = [layer for layer in net if hasattr(layer, "weight")][:2]
    with torch.no_grad():
        first.weight *= factor
        first.bias *= factor
        second.weight /= factor
    return net


def losses(net, shape, **options):
    """At a few points of the plane of seed 0, all in float64."""
    torch.manual_seed(1)
    inputs, targets = torch.randn(shape, dtype=torch.float64), torch.tensor([0, 1, 2, 1, 0])
    layout = Layout.of(net)
    weights = layout.tensors(net)
    drawn = [
        {name: tensor.double() for name, tensor in gaussian(weights, seed=0, axis=axis).items()} for axis in (0, 1)
    ]
    vectors = [normalized(vector, weights, filter_rules(net), **options) for vector in drawn]
    flat = [layout.flatten(vector, dtype=torch.float64) for vector in (weights, *vectors)]
    plane, found = Plane(flat[0].clone(), flat[1:]), []
    for coords in ((0, 0), (0.5, 0), (0, -0.7), (-1, 1), (0.3, 0.9)):
        named = {entry.name: view for entry, view in layout.views(plane.at(coords))}
        outputs = torch.func.functional_call(net, named, inputs)
        found.append(float(nn.functional.cross_entropy(outputs, targets)))
    return found


@pytest.mark.parametrize("factor", [0.05, 3.7, 100.0])
@pytest.mark.parametrize("kind", NETS)
def test_the_filter_normalized_surface_is_unchanged(kind, factor):
    make, shape = NETS[kind]
    before, after = losses(make(), shape), losses(rescaled(make(), factor), shape)
    assert max(before) - min(before) > 0.05  # a surface, not a constant
    assert after == pytest.approx(before, rel=1e-11)


@pytest.mark.parametrize("norm", ["none", "dfilter", "dlayer"])
def test_without_it_the_surface_changes(norm):
    make, shape = NETS["dense"]
    before, after = losses(make(), shape, norm=norm), losses(rescaled(make(), 10.0), shape, norm=norm)
    assert after[0] == pytest.approx(before[0], rel=1e-11)  # the same function,
    assert abs(after[1] - before[1]) > 0.1 * before[1]  # another picture
