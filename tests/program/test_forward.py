"""Law: the folded forward pass computes the same function, at any weights, under every batch-norm policy."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from landscape.data.split import TensorSplit
from landscape.models.zoo import build_zoo
from landscape.objective.loss import make_measure
from landscape.objective.objective import Objective
from landscape.program.forward import folded_net


def lived_in(net: nn.Module) -> nn.Module:
    """Running statistics and affine weights as a trained net has them: neither zero nor one."""
    generator = torch.Generator().manual_seed(5)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(0.2 * torch.randn(tensor.shape, generator=generator))
    return net.eval()


def images(n: int = 12, channels: int = 3, size: int = 32) -> torch.Tensor:
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(6))


@pytest.fixture(autouse=True)
def inference():
    torch.manual_seed(0)  # weights of the zoo are random
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("name", ["resnet20", "resnet20_a", "resnet20_noshort", "resnet50", "vgg9", "densenet_cifar"])
def test_the_same_outputs_as_the_net(name):
    net, inputs = lived_in(build_zoo(name)), images()
    fast = folded_net(net, inputs[:4])
    assert fast is not None
    expected = copy.deepcopy(net).double()(inputs.double())
    scale = float(expected.abs().max())
    assert float((fast(inputs).double() - expected).abs().max()) < 1e-5 * scale


def test_a_large_net_is_folded_layer_by_layer_to_the_same_values(monkeypatch):
    """Its folded weights are formed when they are needed, so they take no memory beside the net's own."""
    net, inputs = lived_in(build_zoo("resnet20")), images()
    kept = folded_net(net, inputs[:4])
    monkeypatch.setattr("landscape.program.forward.KEPT_BYTES", 0)
    passing = folded_net(net, inputs[:4])
    assert kept.nbytes > 1e6 and passing.nbytes == 0
    assert torch.equal(kept(inputs), passing(inputs))


@pytest.mark.parametrize("name", ["resnet20", "vgg9"])
def test_gradients_by_the_inputs_are_those_of_the_net(name):
    with torch.inference_mode(False):
        net, inputs = lived_in(build_zoo(name)).requires_grad_(False), images(4).requires_grad_()
    fast = folded_net(net, inputs.detach())
    with torch.inference_mode(False), torch.enable_grad():
        (found,) = torch.autograd.grad(fast(inputs).square().sum(), inputs)
        exact = inputs.detach().double().requires_grad_()
        (expected,) = torch.autograd.grad(copy.deepcopy(net).double()(exact).square().sum(), exact)
    assert float((found - expected).abs().max()) < 1e-4 * float(expected.abs().max())


def test_refresh_folds_the_present_weights():
    net, inputs = lived_in(build_zoo("resnet20")), images()
    fast = folded_net(net, inputs[:4])
    before = fast(inputs)
    for name, tensor in net.state_dict().items():
        if tensor.is_floating_point() and not name.startswith("linear"):  # the last layer is read as it is
            tensor.mul_(1.1)
    assert torch.equal(fast(inputs), before)
    fast.refresh()
    torch.testing.assert_close(fast(inputs), net(inputs), rtol=1e-4, atol=1e-4 * float(before.abs().max()))
    assert not torch.allclose(fast(inputs), before, rtol=1e-2)


class Block(nn.Module):
    """The parts that tests below arrange in ways that must not be fused wrongly."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.bn = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.other = nn.Conv2d(3, 3, 3, padding=1)


class AddsInPlace(Block):
    def forward(self, x):
        y = self.other(x)
        kept = y
        y += self.bn(self.conv(x))  # changes what `kept` reads
        return F.relu(y) + kept


class UsesTheConvolutionTwice(Block):
    def forward(self, x):
        y = self.conv(x)
        return self.bn(y) + y


class CallsTheSameLayerTwice(Block):
    def forward(self, x):
        return self.bn(self.conv(F.relu(self.bn(self.conv(x)))))


class AddsAnotherShape(Block):
    def forward(self, x):
        return F.relu(self.bn(self.conv(x)) + self.other(x).mean((2, 3), keepdim=True))


class AddsItself(Block):
    def forward(self, x):
        y = self.bn(self.conv(x))
        return F.relu(y + y)


class SubtractsAndScales(Block):
    def forward(self, x):
        return F.relu(torch.add(self.bn(self.conv(x)), self.other(x), alpha=-2))


@pytest.mark.parametrize(
    "kind",
    [AddsInPlace, UsesTheConvolutionTwice, CallsTheSameLayerTwice, AddsAnotherShape, AddsItself, SubtractsAndScales],
)
def test_what_must_not_be_fused_is_not(kind):
    net, inputs = lived_in(kind()), images(size=8)
    fast = folded_net(net, inputs[:4])
    if fast is not None:
        torch.testing.assert_close(fast(inputs), net(inputs), rtol=1e-5, atol=1e-5)


class Branches(Block):
    def forward(self, x):
        return self.bn(self.conv(x)) if x.mean() > 0 else self.other(x)


class BakesTheBatchSize(Block):
    def forward(self, x):
        return self.bn(self.conv(x)) * int(x.shape[0] if isinstance(x, torch.Tensor) else 4)


class ReturnsATuple(Block):
    def forward(self, x):
        return (self.bn(self.conv(x)),)


@pytest.mark.parametrize("kind", [Branches, BakesTheBatchSize, ReturnsATuple])
def test_nets_that_cannot_be_rewritten_are_left_as_they_are(kind):
    assert folded_net(lived_in(kind()), images(4, size=8)) is None


def test_layers_with_hooks_are_left_as_they_are():
    net = lived_in(AddsItself())
    net.conv.register_forward_hook(lambda module, inputs, output: output * 2)
    assert folded_net(net, images(4, size=8)) is None


@pytest.mark.parametrize("batchnorm", ["keep", "interpolate", "recompute"])
def test_objectives_agree_under_every_policy_and_away_from_the_centre(batchnorm):
    net, inputs = lived_in(build_zoo("resnet20", in_channels=1)), images(40, 1, 8)
    split = TensorSplit(inputs, torch.arange(40) % 10)
    measure = make_measure("cross_entropy", None)[0]
    both = [Objective(net, {"train": split}, measure, batchnorm=batchnorm, fast=fast) for fast in (False, True)]
    assert both[0].net is both[0].model and both[1].net is not both[1].model
    generator = torch.Generator().manual_seed(7)
    noise = torch.rand(both[0].weights.shape, generator=generator)
    for distance in (0.0, 0.3):
        plain, fast = (one.evaluate(one.weights * (1 + distance * noise)) for one in both)
        assert fast == pytest.approx(plain, rel=1e-5)
        assert fast["train_loss"] != 0
