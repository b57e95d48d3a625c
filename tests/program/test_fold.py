"""Law: where batch norm folds, one convolution does what both did; where it would be wrong, it does not fold."""

import copy

import pytest
import torch
from torch import nn

from landscape.program.fold import affine_of, folded
from landscape.program.table import ROW_OF, TABLE
from landscape.program.trace import NetTrace


def norm_of(channels, kind=nn.BatchNorm2d, **options):
    norm = kind(channels, **options).double().eval()
    for tensor in norm.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=torch.Generator().manual_seed(len(tensor))))
    return norm


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_one_convolution_does_what_both_did(bias, affine):
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(4, 6, 3, groups=2, bias=bias).double(), norm_of(6, affine=affine)
    x = torch.randn(2, 4, 5, 5, dtype=torch.float64)
    expected, one = norm(conv(x)), copy.deepcopy(conv)
    weight, shift = folded(conv, norm)
    one.weight.data, one.bias = weight, nn.Parameter(shift)
    torch.testing.assert_close(one(x), expected, rtol=1e-13, atol=1e-13)
    scale, offset = (each.view(-1, 1, 1) for each in affine_of(norm))
    torch.testing.assert_close(conv(x) * scale + offset, expected, rtol=1e-13, atol=1e-13)


class Net(nn.Module):
    def __init__(self, conv, norm):
        super().__init__()
        self.conv, self.norm = conv, norm

    def forward(self, x):
        return self.norm(self.conv(x))


class Twice(Net):
    def forward(self, x):
        return self.norm(self.norm(self.conv(x)))


class Read(Net):
    def forward(self, x):
        y = self.conv(x)
        return self.norm(y) + y


def folds(net):
    trace = NetTrace(net.double().eval(), torch.zeros(2, 3, 5, 5, dtype=torch.float64))
    (conv,) = (node for node in trace.nodes if node.target == "conv")
    return trace.norm_behind(conv) is not None


def hooked(norm):
    norm.register_forward_hook(lambda *_: None)
    return norm


def test_what_folds():
    assert folds(Net(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)))
    assert folds(Net(nn.Conv2d(3, 3, 3, stride=2, padding=1), nn.SyncBatchNorm(3)))
    assert not folds(Net(nn.Conv2d(3, 3, 3), hooked(nn.BatchNorm2d(3))))
    assert not folds(Net(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3, track_running_stats=False)))
    assert not folds(Net(nn.Conv2d(3, 3, 3, padding="same"), nn.BatchNorm2d(3)))
    assert not folds(Net(nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(3)))
    assert not folds(Net(nn.ConvTranspose2d(3, 3, 3), nn.BatchNorm2d(3)))
    assert not folds(Twice(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)))
    assert not folds(Read(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)))


def test_no_key_stands_in_two_rows():
    assert len(ROW_OF) == sum(len((*row.modules, *row.functions, *row.methods)) for row in TABLE)
