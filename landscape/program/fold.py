"""The arithmetic of folding batch norm with running statistics into the convolution before it.

In eval mode batch norm is an affine map per channel, so folding is exact up to rounding. Where it is possible is decided in
`trace.py`.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd


def affine_of(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """(scale, shift), each (C,): in eval mode the layer is x * scale + shift."""
    scale = inverse_deviation(norm)
    scale = scale if norm.weight is None else scale * norm.weight.detach()
    shift = -statistics(norm)[0] * scale
    return scale, shift if norm.bias is None else shift + norm.bias.detach()


def inverse_deviation(norm: _BatchNorm) -> Tensor:
    """(C,) 1 / sqrt(variance + eps)."""
    return (statistics(norm)[1] + norm.eps).rsqrt()


def statistics(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """(mean, variance), each (C,), as the layer has recorded them."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None  # a layer without running statistics is not recognized
    return mean, variance


def scaled(filters: Tensor, scale: Tensor) -> Tensor:
    """Filters (out, ...) times a number (out,) for each output channel."""
    return filters * scale.view(-1, *(1,) * (filters.ndim - 1))


def folded(conv: _ConvNd, norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """(weight, bias) of the one convolution that does what both do.

    The bias is not formed from `affine_of`: the order of its operations decides the last bits of every surface in a file.
    """
    (mean, _), scale = statistics(norm), inverse_deviation(norm)
    bias = (-mean if conv.bias is None else conv.bias - mean) * scale
    if norm.weight is not None:
        scale, bias = scale * norm.weight, bias * norm.weight
    return scaled(conv.weight, scale), bias if norm.bias is None else bias + norm.bias
