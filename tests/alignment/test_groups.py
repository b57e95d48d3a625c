"""Laws of permutation groups: a net with its units in another order is the same function, and no freedom is missed.

The number of groups of a net follows from its architecture by hand; that they are true follows from outputs in float64.
"""

import math

import pytest
import torch
import torchvision
from torch import nn

from landscape.alignment.groups import permuted, symmetry_of
from landscape.alignment.trace import plain_run
from tests.alignment.nets import NETS, Fourier, Tied, drawn, filled, inverse, made, state, with_tensors

# name -> sizes of the groups, as counted by hand
SIZES = {
    "mlp": [12, 16],
    "layer_norm": [9, 16],
    "vgg": [5, 6, 7, 8, 8, 8],
    # a stage with shortcuts has one group, and each block one inside it
    "resnet": [6, 6, 6, 12, 12, 12, 24, 24, 24],
    # padding puts the channels of a stage between new ones
    "resnet_padded": [6, 6, 6, 6, 12, 12, 12, 24, 24],
    "resnet_noshort": [6] * 5 + [12] * 4 + [24] * 4,
    "residual": [32] + [64] * 8,
    "gated": [4, 4, 6, 6, 4],
    "halves": [8, 7],
    "slices": [2, 2, 4],
    "transposed": [6, 8],
    # per layer: the hidden units, and for each of two heads of four channels those of keys and those of values
    "transformer": [4] * 8 + [8, 12, 12],
}


def found(net, inputs):
    return symmetry_of(net, plain_run, inputs)


@pytest.mark.parametrize("name", NETS)
def test_permuting_keeps_the_function(name):
    net, inputs = made(name)
    groups = found(net, inputs).groups
    order = drawn(groups, 3)
    other = with_tensors(NETS[name][0], permuted(state(net), groups, order))
    assert any(
        not torch.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True)
    )
    with torch.no_grad():
        assert torch.allclose(net(inputs), other(inputs), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SIZES)
def test_groups_are_those_of_the_architecture(name):
    net, inputs = made(name)
    symmetry = found(net, inputs)
    assert sorted(group.size for group in symmetry.groups) == sorted(SIZES[name])
    assert not symmetry.fixed


@pytest.mark.parametrize("name", ["resnet", "densenet", "gated", "shuffled"])
def test_a_permutation_and_its_inverse_leave_every_bit(name):
    net, inputs = made(name)
    groups, tensors = found(net, inputs).groups, state(net)
    order = drawn(groups, 1)
    back = permuted(permuted(tensors, groups, order), groups, inverse(order))
    assert all(torch.equal(back[key], tensors[key]) for key in tensors)


def torchvision_resnet():
    return torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 2, 1, 1], num_classes=10)


def timm_resnet(**options):
    """Of timm: a deep stem and pooled shortcuts are its own forms."""
    timm = pytest.importorskip("timm")
    options = {"stem_width": 8, "num_classes": 10, **options}
    return timm.models.resnet.ResNet(timm.models.resnet.BasicBlock, [1, 2, 1, 1], channels=(8, 12, 16, 20), **options)


RESNETS = {
    "torchvision": torchvision_resnet,
    "timm": timm_resnet,
    "timm, deep stem, pooled shortcuts": lambda: timm_resnet(stem_type="deep", avg_down=True),
}


@pytest.mark.parametrize("name", RESNETS)
def test_a_planted_permutation_of_a_resnet_of_another_library_is_found_and_changes_no_output(name):
    import landscape as ll

    build = RESNETS[name]
    net, inputs = filled(build()), torch.randn(2, 3, 33, 33, dtype=torch.float64)
    symmetry = found(net, inputs)
    if name == "torchvision":  # each stage, and each block inside it
        assert sorted(group.size for group in symmetry.groups) == sorted([64, 128, 256, 512] * 2 + [128])
    other = filled(build())
    order = drawn(symmetry.groups, 0)
    other.load_state_dict({**net.state_dict(), **permuted(net.state_dict(), symmetry.groups, order)})
    with torch.no_grad():
        expected = net(inputs)
        assert float((expected - other(inputs)).abs().max()) <= 1e-6 * float(expected.abs().max())
    again = ll.align(net, other, inputs=inputs, restarts=1)
    assert all((a == b).all() for a, b in zip(again.permutations, inverse(order), strict=True)) and again.moved
    assert all(torch.equal(tensor, again.tensors[key]) for key, tensor in net.state_dict().items())


def test_statistics_of_batch_norm_move_too():
    net, inputs = made("resnet")
    groups = found(net, inputs).groups
    moved = {place.tensor for group in groups for place in group.places}
    assert {name for name, _ in net.named_buffers() if not name.endswith("tracked")} <= moved


def test_tied_weights_move_in_all_their_places():
    net, inputs = filled(Tied()), torch.arange(10).reshape(2, 5)
    (group,) = found(net, inputs).groups
    assert group.size == 8
    other = filled(Tied(), 1)
    moved = permuted(state(net), [group], drawn([group], 0))
    other.load_state_dict({**moved, "out.weight": moved["table.weight"]})
    with torch.no_grad():
        assert torch.allclose(net(inputs), other(inputs), rtol=1e-9, atol=1e-9)


def test_what_is_not_understood_stays_in_place_and_is_named():
    net, inputs = filled(Fourier()), torch.randn(3, 6, dtype=torch.float64)
    symmetry = found(net, inputs)
    assert [group.size for group in symmetry.groups] == [8]  # the units of b, behind the transform
    assert any("fft" in where for where in symmetry.fixed)


def test_channels_of_a_group_norm_stay_in_their_group():
    net = filled(nn.Sequential(nn.Conv2d(3, 6, 1), nn.GroupNorm(2, 6), nn.ReLU(), nn.Conv2d(6, 2, 1)))
    groups = found(net, torch.randn(2, 3, 4, 4, dtype=torch.float64)).groups
    rows = sorted(sorted(group.places[0].index.ravel().tolist()) for group in groups)
    assert rows == [[0, 1, 2], [3, 4, 5]]


def test_a_flattened_image_keeps_the_pixels_of_each_channel():
    net = filled(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2)))
    (group,) = found(net, torch.randn(2, 1, 4, 4, dtype=torch.float64)).groups
    place = next(place for place in group.places if place.tensor == "2.weight")
    assert place.index.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]]


def test_groups_do_not_depend_on_the_order_of_registration():
    class Two(nn.Module):
        def __init__(self, swapped):
            super().__init__()
            layers = {"a": nn.Linear(3, 5), "b": nn.Linear(5, 4), "c": nn.Linear(4, 2)}
            for name in sorted(layers, reverse=swapped):
                self.add_module(name, layers[name])

        def forward(self, x):
            return self.c(torch.relu(self.b(torch.relu(self.a(x)))))

    inputs = torch.randn(2, 3, dtype=torch.float64)
    one, two = (found(filled(Two(swapped)), inputs).groups for swapped in (False, True))
    described = [
        [[(p.tensor, p.axis, p.index.tolist()) for p in group.places] for group in groups] for groups in (one, two)
    ]
    assert described[0] == described[1] and math.prod(group.size for group in one) == 20
