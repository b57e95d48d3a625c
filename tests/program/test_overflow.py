"""What fused kernels would hide: out of range, the folded net gives what the net gives, NaN for NaN."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from landscape.models.zoo import build_zoo
from landscape.program.convolution import FoldedConvolution
from landscape.program.forward import folded_net
from landscape.program.overflow import LIMIT, Watch


@pytest.fixture(autouse=True)
def inference():
    torch.manual_seed(0)  # weights of the zoo are random
    with torch.inference_mode():
        yield


@pytest.fixture
def inputs():
    return torch.randn(12, 3, 16, 16, generator=torch.Generator().manual_seed(6))


def layers(net):
    return [module for module in net._module.modules() if isinstance(module, FoldedConvolution)]


@pytest.mark.parametrize("name", ["resnet20", "resnet20_noshort", "vgg9"])
@pytest.mark.parametrize("kept", [True, False])
def test_a_net_that_overflows_gives_nan_where_the_net_does(name, kept, inputs, monkeypatch):
    if not kept:
        monkeypatch.setattr("landscape.program.forward.KEPT_BYTES", 0)
    inputs = torch.nn.functional.interpolate(inputs, size=32)
    net = build_zoo(name).eval()
    fast = folded_net(net, inputs[:4])
    first = [parameter.clone() for parameter in net.parameters()]
    finite = 0
    for factor in (1.0, 10.0, 100.0, 1e3, 1e4, 1e6, 1e8, 1e19, 1e20, 1e25, 1e36):
        for parameter, own in zip(net.parameters(), first, strict=True):
            parameter.copy_(own * factor if own.ndim > 1 else own)
        fast.refresh()
        found, expected = fast(inputs), net(inputs)
        np.testing.assert_array_equal(found.isfinite(), expected.isfinite())
        shown = expected.isfinite()
        finite += bool(shown.all())
        scale = float(expected[shown].abs().max()) if shown.any() else 1.0
        assert float((found - expected)[shown].abs().max() if shown.any() else 0.0) <= 1e-4 * scale
    assert 0 < finite < 11, "some of these are out of range"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_an_input_that_is_not_finite_is_not_hidden(value, inputs):
    net = build_zoo("resnet20").eval()
    fast = folded_net(net, inputs[:4])
    odd, usual = inputs.clone(), fast(inputs)
    odd[9, 1, 3, 3] = value
    found, expected = fast(odd), net(odd)
    assert expected[9].isnan().all() and found[9].isnan().all()
    rest = [n for n in range(12) if n != 9]
    torch.testing.assert_close(found[rest], expected[rest], rtol=1e-4, atol=1e-4)
    assert torch.equal(fast(inputs), usual) and not fast._watch.careful, "the next pass is one of the fused kernels"


@pytest.mark.parametrize("kept", [True, False])
def test_a_variance_below_zero_is_not_hidden(kept, inputs, monkeypatch):
    if not kept:
        monkeypatch.setattr("landscape.program.forward.KEPT_BYTES", 0)
    net = build_zoo("resnet20").eval()
    fast = folded_net(net, inputs[:4])
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    norms[6].running_var[2] = -1.0
    fast.refresh()
    assert net(inputs).isnan().all() and fast(inputs).isnan().all()


class Between(nn.Module):
    """NaN is made between two convolutions: a sample without spread, or one whose weights are all infinite."""

    def __init__(self, kind):
        super().__init__()
        self.first, self.last, self.kind = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 3), kind
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        x = torch.relu(self.first(x))
        if self.kind == "quotient":
            x = (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True)
        elif self.kind == "softmax":
            weights = torch.where(x.sum((1, 2, 3), keepdim=True) > 0, 0.0, -torch.inf).expand_as(x)
            x = x * torch.softmax(weights, 1)
        elif self.kind == "norm":
            x = self.norm(x.sigmoid())
        return torch.relu(self.last(x)).mean((2, 3))


@pytest.mark.parametrize("kind", ["quotient", "softmax", "norm", "none"])
def test_nan_that_is_made_between_layers_is_not_hidden(kind, inputs):
    torch.manual_seed(0)
    net = Between(kind).eval()
    fast = folded_net(net, inputs[:4])
    assert [layer.is_doubtful for layer in layers(fast)] == [False, kind in ("quotient", "softmax")]
    odd = inputs.clone()
    odd[9] = -100.0 if kind != "norm" else odd[9]
    net.first.bias.fill_(0.0)
    net.first.weight.abs_()
    if kind == "norm":
        net.norm.running_var[1] = -1.0
    fast.refresh()
    expected = net(odd)
    assert bool(expected[9].isnan().all()) == (kind != "none")
    np.testing.assert_array_equal(fast(odd).isnan(), expected.isnan())


def test_nothing_is_looked_at_where_nothing_is_computed(inputs):
    net = build_zoo("resnet20").eval()
    assert folded_net(net, inputs[:4])(inputs[:0]).shape == (0, 10)


def test_a_net_in_two_parts_hides_nothing_either(inputs):
    net = build_zoo("resnet20").eval()
    fast = folded_net(net, inputs[:4])
    moving = {id(tensor) for tensor in net.layer3.parameters()}
    parted = fast.parted(lambda tensor: id(tensor) in moving)
    odd = inputs.clone()
    odd[9, 0, 0, 0] = float("nan")
    assert parted.after(parted.before(odd), len(odd))[9].isnan().all()
    assert parted.after(parted.before(inputs), len(inputs)).isfinite().all()
    for parameter in net.layer3.parameters():
        parameter.mul_(1e8)
    fast.refresh()
    np.testing.assert_array_equal(parted.after(parted.before(inputs), 12).isnan(), net(inputs).isnan())


def test_usual_passes_are_made_by_the_fused_kernels_alone(inputs, monkeypatch):
    net = build_zoo("resnet20").eval()
    fast = folded_net(net, inputs[:4])
    expected = fast(inputs)
    monkeypatch.setattr("landscape.program.convolution.differentiable", lambda *_: pytest.fail("another kernel"))
    assert torch.equal(fast(inputs), expected)
    seen = [layer for layer in layers(fast) if layer.is_seen]
    assert 5 < len(seen) < len(layers(fast)) / 2 and seen[-1] is [each for each in layers(fast) if each.hides][-1]


def test_where_waiting_is_dear_nan_takes_the_place(monkeypatch):
    """As on a GPU, whose numbers are not looked at."""
    watch = Watch()

    class Elsewhere(torch.Tensor):
        device = torch.device("cuda")

    def passed(largest):
        monkeypatch.setattr(torch, "stack", lambda seen: sum(seen).as_subclass(Elsewhere))
        try:
            return watch.run(lambda: (watch.see(torch.full((3, 2), largest)), torch.ones(4))[1], [torch.ones(2)])
        finally:
            monkeypatch.undo()

    assert torch.equal(passed(0.9 * LIMIT), torch.ones(4))
    assert (
        passed(1.1 * LIMIT).isnan().all() and passed(float("inf")).isnan().all() and passed(float("nan")).isnan().all()
    )
    assert not watch.careful


def test_each_thread_has_what_it_saw(inputs):
    """Two passes at a time, one of them out of range."""
    from landscape.objective.team import Team

    net = build_zoo("resnet20").eval()
    fast = folded_net(net, inputs[:4])
    odd = inputs.clone()
    odd[:, 0, 0, 0] = float("nan")
    usual = copy.deepcopy(fast(inputs))

    def work(thread, images):
        with torch.inference_mode():
            return fast(images)

    for number, found in enumerate(Team(2).map(work, [inputs, odd] * 8)):
        assert torch.equal(found, usual) if number % 2 == 0 else found.isnan().all()
