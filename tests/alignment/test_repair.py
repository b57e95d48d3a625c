"""Laws of REPAIR: halfway, each unit has the mean and deviation halfway between those of the ends; the ends stay."""

import pytest
import torch
from torch import nn

import landscape as ll
from landscape.alignment.repair import between, repaired
from landscape.subject.net import load_net
from tests.alignment.nets import made


def pair(build):
    nets = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        nets.append(build().double().eval())
    return nets


def convolutions():
    return nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.ReLU(),
        nn.Conv2d(6, 5, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(80, 7),
        nn.ReLU(),
        nn.Linear(7, 3),
    )


def moments(net, inputs, layer):
    """Mean and deviation of the outputs of a layer by unit."""
    found = []
    handle = net[layer].register_forward_hook(lambda *given: found.append(given[2].movedim(1, 0).flatten(1)))
    with torch.no_grad():
        net(inputs)
    handle.remove()
    return found[0].mean(1), found[0].std(1, correction=0)


@pytest.mark.parametrize("t", [0.3, 0.5])
def test_units_have_the_statistics_between_those_of_the_ends(t):
    nets = pair(convolutions)
    inputs = torch.randn(40, 1, 8, 8, dtype=torch.float64)
    found = ll.align(*nets, inputs=inputs)
    middle = convolutions().double().eval()
    middle.load_state_dict(repaired(load_net(None, nets[0]), found, t, lambda: [inputs]))
    for layer in (0, 2, 5):
        ends = [moments(net, inputs, layer) for net in (nets[0], found.module())]
        for reached, first, second in zip(moments(middle, inputs, layer), *ends, strict=True):
            assert torch.allclose(reached, torch.lerp(first, second, t), rtol=1e-9, atol=1e-12)
    plain = between(nets[0].state_dict(), found.tensors, t)
    assert torch.equal(middle.state_dict()["7.weight"], plain["7.weight"])  # the last layer has no units


def test_at_the_ends_nothing_is_to_be_repaired():
    nets = pair(convolutions)
    inputs = torch.randn(40, 1, 8, 8, dtype=torch.float64)
    found = ll.align(*nets, inputs=inputs)
    for t, end in ((0.0, nets[0].state_dict()), (1.0, found.tensors)):
        tensors = repaired(load_net(None, nets[0]), found, t, lambda: [inputs[:13], inputs[13:]])
        assert all(torch.allclose(tensors[key], end[key], rtol=1e-7, atol=1e-9) for key in end)


def test_with_batch_norm_statistics_are_those_of_the_data():
    first, inputs = made("vgg", 1)
    second, _ = made("vgg", 2)
    found = ll.align(first, second, inputs=inputs)
    tensors = repaired(load_net(None, first), found, 0.5, lambda: [inputs])
    middle = made("vgg", 3)[0]
    middle.load_state_dict(tensors)
    conv, norm = middle.features[0], middle.features[1]
    with torch.no_grad():
        out = conv(inputs).movedim(1, 0).flatten(1)
    assert torch.allclose(norm.running_mean, out.mean(1)) and torch.allclose(norm.running_var, out.var(1))


def test_a_net_without_layers_to_rescale_is_said():
    nets = pair(lambda: nn.Sequential(nn.Linear(3, 5, bias=False), nn.ReLU(), nn.Linear(5, 2, bias=False)))
    found = ll.align(*nets)
    with pytest.raises(ll.LandscapeError, match="neither batch norm nor"):
        repaired(load_net(None, nets[0]), found, 0.5, lambda: [torch.randn(4, 3, dtype=torch.float64)])


def test_the_nets_stay_as_they_are():
    nets = pair(convolutions)
    inputs = torch.randn(10, 1, 8, 8, dtype=torch.float64)
    found = ll.align(*nets, inputs=inputs)
    before = {key: tensor.clone() for key, tensor in nets[0].state_dict().items()}
    repaired(load_net(None, nets[0]), found, 0.5, lambda: [inputs])
    assert all(torch.equal(nets[0].state_dict()[key], before[key]) for key in before)
