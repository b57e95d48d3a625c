"""The weights as one vector: what is in it, where, and that nothing else is."""

import copy

import pytest
import torch
from torch import nn

from landscape.errors import LandscapeError
from landscape.layout import ALIGNMENT, Layout


def test_weights_and_states(cnn):
    net = cnn()
    weights, states = Layout.of(net), Layout.of(net, state="states")
    assert weights.names == tuple(dict(net.named_parameters()))
    assert set(states.names) - set(weights.names) == {f"{k}.running_{s}" for k in (1, 4) for s in ("mean", "var")}
    assert states.names[: len(weights.names)] == weights.names, "parameters come first"
    assert sum(entry.numel for entry in weights.entries) == sum(p.numel() for p in net.parameters())


def test_entries_are_aligned_and_do_not_overlap(cnn):
    layout = Layout.of(cnn(), state="states")
    end = 0
    for entry in layout.entries:
        assert entry.offset % ALIGNMENT == 0 and entry.offset >= end
        end = entry.offset + entry.numel
    assert end <= layout.size


@pytest.mark.parametrize("state", ["weights", "states"])
def test_flatten_and_views_are_inverse(state, cnn):
    net = cnn()
    layout = Layout.of(net, state=state)
    flat = layout.flatten(layout.tensors(net), dtype=torch.float32)
    assert flat.shape == (layout.size,)
    for entry, view in layout.views(flat):
        assert torch.equal(view, net.state_dict()[entry.name]) and view.shape == entry.shape
        view.zero_()
    assert not flat.any(), "the gaps between entries are zero"


def test_absent_names_are_zero(cnn):
    layout = Layout.of(cnn())
    flat = layout.flatten({"0.weight": torch.ones(4, 2, 3, 3)}, dtype=torch.float64)
    assert flat.sum() == 72 and flat.dtype == torch.float64


def test_attached_the_vector_is_the_net(cnn):
    net, inputs = cnn(), torch.randn(3, 2, 6, 6)
    reference = copy.deepcopy(net)
    layout = Layout.of(net, state="states")
    flat = layout.flatten(layout.tensors(net), dtype=torch.float32)
    layout.attach(net, flat)
    with torch.no_grad():
        assert torch.equal(net(inputs), reference(inputs))
        flat.mul_(1.5)
        for tensor in reference.state_dict().values():
            if tensor.is_floating_point():
                tensor.mul_(1.5)
        assert torch.equal(net(inputs), reference(inputs))


def test_a_shared_parameter_is_there_once():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    layout = Layout.of(net)
    assert layout.names == ("0.weight", "0.bias", "1.bias")
    layout.attach(net, layout.flatten(layout.tensors(net), dtype=torch.float32))
    assert net[1].weight is net[0].weight


def test_buffers_that_are_not_saved_do_not_move():
    net = nn.Linear(2, 2)
    net.register_buffer("kept", torch.ones(2))
    net.register_buffer("scratch", torch.ones(2), persistent=False)
    net.register_buffer("count", torch.tensor(3))
    assert Layout.of(net, state="states").names == ("weight", "bias", "kept")


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.ReLU(), "no floating-point parameters"),
        (nn.LazyLinear(3), "not initialized yet"),
    ],
    ids=["none", "lazy"],
)
def test_nets_without_a_landscape(net, message):
    with pytest.raises(LandscapeError, match=message):
        Layout.of(net)


def test_integer_parameters_stay_where_they_are():
    net = nn.Linear(2, 2)
    net.table = nn.Parameter(torch.arange(3), requires_grad=False)
    assert Layout.of(net).names == ("weight", "bias")
