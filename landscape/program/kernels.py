"""A convolution and what follows it as one kernel, where a device has one.

Owns: which kernels there are, in which memory layout and precision they take their tensors, and their calls. Knows no net.

oneDNN, on a CPU: every convolution, with a sum and an activation behind it. cuDNN, on a GPU: with ReLU, and with a sum before it;
a forward pass through small images is bound by memory, and each pass through memory that is saved counts. These kernels need
tensor cores, so only TF32 and bfloat16 have them; in float32 there is nothing to fuse, and cuDNN's kernels for the layout of
torch are the faster ones (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# By the names of the table; "none" passes values on.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"none": lambda x: x, "relu": torch.relu}


class Geometry(NamedTuple):
    """How a convolution moves over its input."""

    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]
    groups: int


class Affine(NamedTuple):
    """What a convolution multiplies by and adds."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class Kernels:
    """The plain convolution of torch, in a memory layout. `dtype`: of the tensors; None is that of the net."""

    layout: torch.memory_format = torch.channels_last
    dtype: torch.dtype | None = None

    activations: tuple[str, ...] = ()
    """What is fused, by the names of the table; also behind a sum."""
    alone = False
    """Whether a convolution that nothing follows gains, too."""
    hides = False
    """Whether its ReLU gives 0 for NaN (overflow.py)."""

    def call(self, x: Tensor, other: Tensor | None, filters: Affine, geometry: Geometry, activation: str) -> Tensor:
        """activation(convolution of x [+ other]), without gradients."""
        return F.conv2d(x, *filters, geometry.stride, geometry.padding, geometry.dilation, geometry.groups)


def differentiable(x: Tensor, other: Tensor | None, filters: Affine, geometry: Geometry, activation: str) -> Tensor:
    """What every kernel's `call` computes, by operations of torch that have gradients by x and other."""
    found = F.conv2d(x, *filters, geometry.stride, geometry.padding, geometry.dilation, geometry.groups)
    found = found if other is None else found + other
    return ACTIVATIONS[activation](found)


@dataclass(frozen=True)
class OneDnn(Kernels):
    activations: tuple[str, ...] = ("relu",)
    alone = hides = True

    def call(self, x, other, filters, geometry, activation):
        stride, padding, dilation, groups = geometry
        one = torch.ops.mkldnn._convolution_pointwise
        if other is None:
            return one(x, *filters, padding, stride, dilation, groups, activation, [], "")
        return one.binary(x, other, *filters, padding, stride, dilation, groups, "add", 1.0, activation, [], "")


@dataclass(frozen=True)
class CuDnn(Kernels):
    activations: tuple[str, ...] = ("relu",)
    hides = True

    def call(self, x, other, filters, geometry, activation):
        if activation == "none":
            return super().call(x, other, filters, geometry, activation)
        if other is None:
            return torch.cudnn_convolution_relu(x, *filters, *geometry)
        return torch.cudnn_convolution_add_relu(x, filters.weight, other, 1.0, filters.bias, *geometry)


def layout_for(device: torch.device, precision: str) -> torch.memory_format:
    """How images lie in memory where convolutions are fastest: channels-last, but on a GPU without tensor cores."""
    return torch.contiguous_format if device.type == "cuda" and precision in ("fp32", "fp64") else torch.channels_last


def kernels_for(device: torch.device, precision: str) -> Kernels:
    """The kernels of a device. `precision`: fp32, tf32 or bf16."""
    dtype = torch.bfloat16 if precision == "bf16" else None
    if device.type == "cpu":
        known = hasattr(torch.ops.mkldnn, "_convolution_pointwise") and torch.backends.mkldnn.is_available()
        return OneDnn(dtype=dtype) if known else Kernels(dtype=dtype)
    if precision == "fp32":
        return Kernels(layout=layout_for(device, precision))
    known = hasattr(torch, "cudnn_convolution_add_relu") and torch.version.hip is None
    return CuDnn(dtype=dtype) if known else Kernels(dtype=dtype)
