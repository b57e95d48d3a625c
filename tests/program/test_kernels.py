"""Law: whatever a device fuses, in whichever layout and precision, a program computes the function of its net."""

import copy
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from landscape.models.zoo import build_zoo
from landscape.program import forward
from landscape.program.forward import folded_net
from landscape.program.kernels import CuDnn, Kernels, OneDnn, kernels_for, layout_for
from tests.program.test_forward import images, lived_in

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@dataclass(frozen=True)
class Spelled(CuDnn):
    """What cuDNN fuses, spelled out in operations that a CPU has."""

    def call(self, x, other, filters, geometry, activation):
        assert x.dtype == filters.weight.dtype == filters.bias.dtype
        assert all(each.is_contiguous(memory_format=self.layout) for each in (x, filters.weight))
        out = F.conv2d(x, *filters, geometry.stride, geometry.padding, geometry.dilation, geometry.groups)
        calls.append((activation, other is not None))
        out = out if other is None else out + other
        return out if activation == "none" else out.relu()


calls = []


@pytest.fixture(autouse=True)
def inference():
    calls.clear()
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("name", ["resnet20", "resnet20_noshort", "resnet50", "vgg9"])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_the_kernels_of_a_gpu_compute_the_same_function(name, layout, monkeypatch):
    net, inputs = lived_in(build_zoo(name)), images()
    monkeypatch.setattr(forward, "kernels_for", lambda *_: Spelled(layout=layout))
    fast = folded_net(net, inputs[:4])
    expected = copy.deepcopy(net).double()(inputs.double())
    assert float((fast(inputs).double() - expected).abs().max()) < 1e-5 * float(expected.abs().max())
    assert ("relu", True) in calls or name in ("vgg9", "resnet20_noshort")
    assert ("relu", False) in calls


def test_a_convolution_without_batch_norm_is_fused_with_its_relu_alone(monkeypatch):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3)).eval()
    monkeypatch.setattr(forward, "kernels_for", lambda *_: Spelled())
    fast = folded_net(net, images(4))
    torch.testing.assert_close(fast(images()), net(images()), rtol=1e-5, atol=1e-5)
    assert set(calls) == {("relu", False)}


def test_bfloat16_is_as_near_as_autocast(monkeypatch):
    """To the outputs in float64; a program that rounds twice as coarsely fails."""
    net, inputs = lived_in(build_zoo("resnet20")), images(64)
    monkeypatch.setattr(forward, "kernels_for", lambda *_: Spelled(dtype=torch.bfloat16))
    expected = copy.deepcopy(net).double()(inputs.double())
    with torch.autocast("cpu", torch.bfloat16):
        fast = folded_net(net, inputs[:4], "bf16")
        found, usual = fast(inputs).double(), net(inputs).double()
    assert calls and (found - expected).norm() < 1.5 * (usual - expected).norm()
    assert fast.nbytes == sum(2 * p.numel() for n, p in net.named_parameters() if p.ndim == 4) + 2 * sum(
        len(m.weight) for m in net.modules() if isinstance(m, nn.Conv2d)
    )


class Centred(nn.Module):
    """A net that subtracts a float32 buffer before its convolution, which makes float32 of bfloat16."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.register_buffer("mean", torch.full((3, 1, 1), 0.1))

    def forward(self, x):
        return self.conv(x - self.mean).relu()


def test_tensors_of_other_precisions_meet_in_that_of_the_kernels(monkeypatch):
    monkeypatch.setattr(forward, "kernels_for", lambda *_: Spelled(dtype=torch.bfloat16))
    net = Centred().eval()
    with torch.autocast("cpu", torch.bfloat16):
        fast = folded_net(net, images(4), "bf16")
        torch.testing.assert_close(fast(images()).float(), net(images()).float(), rtol=5e-2, atol=5e-2)


def test_each_device_and_precision_has_its_kernels():
    """Measured: docs/performance.md."""
    assert isinstance(kernels_for(CPU, "fp32"), OneDnn) or not torch.backends.mkldnn.is_available()
    assert type(kernels_for(GPU, "fp32")) is Kernels
    assert isinstance(kernels_for(GPU, "tf32"), CuDnn) and kernels_for(GPU, "tf32").dtype is None
    assert kernels_for(GPU, "bf16").dtype == torch.bfloat16
    layouts = {(device.type, each): layout_for(device, each) for device in (CPU, GPU) for each in ("fp32", "tf32")}
    assert layouts.pop(("cuda", "fp32")) == torch.contiguous_format
    assert set(layouts.values()) == {torch.channels_last}
