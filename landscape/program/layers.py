"""How tangents and cotangents pass through the layers that have parameters: convolution, linear, batch norm.

Owns: their rules (see rules.py for what a rule is). Gradients of parameters are added up over batches under the names of the
parameters; what is folded into a layer is folded into its tangents and out of its gradients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from landscape.program.fold import affine_of, inverse_deviation, scaled, statistics
from landscape.program.rules import FIRST_ORDER, ROUNDED_LAYOUT, LayerCall, NoRule, Rule, Sums, Tangents, add_to, plus

AnyTensor = TypeVar("AnyTensor", Tensor, Tensor | None)
_convolution, _convolution_backward = torch.ops.aten.convolution, torch.ops.aten.convolution_backward
_convolution_onto: Any = getattr(getattr(torch.ops.mkldnn, "_convolution_pointwise_", None), "binary", None)


class BothFilters(NamedTuple):
    """`there`: of a convolution. `back`: turned around, for its backward pass, with that one's `padding`; None without."""

    there: Tensor
    back: Tensor | None
    padding: list[int]


def _accumulates(weight: Tensor) -> bool:
    """Whether oneDNN can add a convolution to what is there, which saves a pass through memory."""
    known = _convolution_onto is not None and torch.backends.mkldnn.is_available() and weight.device.type == "cpu"
    return known and weight.dtype in (torch.float32, torch.bfloat16)


def _rounded(tensor: AnyTensor, dtype: torch.dtype | None) -> AnyTensor:
    return tensor if tensor is None or dtype is None else tensor.to(dtype)


def _detached(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.detach()


class _Layer(Rule):
    """What the rules of layers share: the names of weight and bias, where these are differentiated by."""

    def __init__(self, call: LayerCall):
        self._weight_name, self._bias_name = call.weight, call.bias
        self.parameters = tuple(name for name in (call.weight, call.bias) if name)

    def _parts(self, tangents: Tangents) -> tuple[Tensor | None, Tensor | None]:
        """The tangents of weight and bias."""
        weight, bias = self._weight_name, self._bias_name
        return tangents.get(weight) if weight else None, tangents.get(bias) if bias else None

    def prepare(self, tangents: Tangents) -> Any:
        weight, bias = self._parts(tangents)
        return _rounded(weight, self.dtype), _rounded(bias, self.dtype)


class Convolution(_Layer):
    """A convolution of any number of dimensions, transposed or not, with batch norm behind it folded in.

    The parameters of the folded layer must not be differentiated by. Its scale s turns the filters w into s w, so tangents
    are scaled on the way in and gradients on the way out.
    """

    keeps_cotangent = owns_results = True

    def __init__(self, call: LayerCall):
        super().__init__(call)
        conv = call.module
        assert isinstance(conv, _ConvNd)
        if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
            raise NoRule(f"{call.node.target} pads with other values than zeros, or by a word")
        self._conv, self._norm, self._padding = conv, call.norm, list(conv.padding)
        self._layout = call.layout
        self._settings = (
            *(list(conv.stride), self._padding, list(conv.dilation)),
            *(conv.transposed, list(conv.output_padding), conv.groups),
        )
        self._scale: Tensor | None = None
        self._weight: BothFilters
        self._bias: Tensor | None

    def of_precision(self, dtype: torch.dtype) -> Convolution:
        found = super().of_precision(dtype)
        found._layout = ROUNDED_LAYOUT
        return found

    def refresh(self) -> None:
        weight = self._conv.weight.detach()
        bias = _detached(self._conv.bias)
        if self._norm is not None:
            self._scale, shift = affine_of(self._norm)
            weight = scaled(weight, self._scale)
            bias = shift if bias is None else bias * self._scale + shift
        self._weight, self._bias = self._ready(weight), _rounded(bias, self.dtype)

    def prepare(self, tangents: Tangents) -> tuple[BothFilters | None, Tensor | None]:
        weight, bias = self._parts(tangents)
        if self._scale is not None:
            weight = None if weight is None else scaled(weight, self._scale)
            bias = None if bias is None else bias * self._scale
        return None if weight is None else self._ready(weight), _rounded(bias, self.dtype)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        return _convolution(inputs[0], self._weight.there, self._bias, *self._settings), inputs[0]

    def jvp(self, kept, tangents, parameters):
        (tangent,), (weight, bias) = tangents, parameters
        out = None if tangent is None else _convolution(tangent, self._weight.there, None, *self._settings)
        if weight is not None:
            return self._forth(kept, weight.there, bias, out)
        if bias is not None:
            return plus(out, _convolution(kept, torch.zeros_like(self._weight.there), bias, *self._settings))
        return out

    def vjp(self, kept, cotangent, wanted, sums, along=FIRST_ORDER):
        found = self._back(cotangent, kept, self._weight, None) if wanted[0] else None
        self._add(cotangent, kept, sums, bias=True)
        if along.cotangent is not None:
            weight, _ = along.parameters
            if wanted[0] and weight is not None:
                found = self._back(along.cotangent, kept, weight, found)
            if along.tangents[0] is not None:
                self._add(along.cotangent, along.tangents[0], sums, bias=False)
        return (found,)

    def finish(self, sums: Sums, out: Mapping[str, Tensor]) -> None:
        if self._scale is None:
            return super().finish(sums, out)
        for name in self.parameters:
            if name in sums:
                out[name].add_(
                    scaled(sums[name], self._scale) if name == self._weight_name else sums[name] * self._scale
                )

    def _ready(self, weight: Tensor) -> BothFilters:
        layout = self._layout if weight.ndim == 4 else torch.contiguous_format
        weight, conv = _rounded(weight, self.dtype).contiguous(memory_format=layout), self._conv
        turns = weight.ndim == 4 and not conv.transposed and conv.groups == 1 and set(conv.stride) == {1}
        padding = [d * (k - 1) - p for d, k, p in zip(conv.dilation, weight.shape[2:], self._padding, strict=False)]
        if not turns or min(padding) < 0 or not _accumulates(weight):
            return BothFilters(weight, None, padding)
        return BothFilters(weight, weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=layout), padding)

    def _forth(self, x: Tensor, weight: Tensor, bias: Tensor | None, onto: Tensor | None) -> Tensor:
        """The convolution, added to `onto`, which is written over."""
        stride, padding, dilation, transposed, _, groups = self._settings
        if onto is None or weight.ndim != 4 or transposed or not _accumulates(weight):
            return plus(onto, _convolution(x, weight, bias, *self._settings))
        return _add_convolution(onto, x, weight, bias, padding, stride, dilation, groups)

    def _back(self, cotangent: Tensor, x: Tensor, filters: BothFilters, onto: Tensor | None) -> Tensor:
        """The cotangent of the input, added to `onto`, which is written over.

        With stride 1 that is a convolution too, with the filters turned around.
        """
        if filters.back is None:
            mask = [True, False, False]
            found = _convolution_backward(cotangent, x, filters.there, None, *self._settings, mask)[0]
            return plus(onto, found)
        one, padding, dilation = [1, 1], filters.padding, self._settings[2]
        if onto is None:
            return _convolution(cotangent, filters.back, None, one, padding, dilation, False, [0, 0], 1)
        return _add_convolution(onto, cotangent, filters.back, None, padding, one, dilation, 1)

    def _add(self, cotangent: Tensor, x: Tensor, sums: Sums | None, *, bias: bool) -> None:
        """To the gradients of filters and bias."""
        mask = [False, bool(self._weight_name), bias and bool(self._bias_name)]
        if sums is None or not any(mask):
            return
        channels = [self._conv.out_channels]
        found = _convolution_backward(cotangent, x, self._weight.there, channels, *self._settings, mask)
        for name, wanted, each in zip((self._weight_name, self._bias_name), mask[1:], found[1:], strict=True):
            if name and wanted:
                add_to(sums, name, each)


def _add_convolution(onto, x, weight, bias, padding, stride, dilation, groups):
    """The convolution, added to `onto` by oneDNN."""
    return _convolution_onto(onto, x, weight, bias, padding, stride, dilation, groups, "add", 1.0, None, [], None)


class Linear(_Layer):
    """y = x w^T + b over the last dimension."""

    keeps_cotangent = True

    def __init__(self, call: LayerCall):
        super().__init__(call)
        assert isinstance(call.module, nn.Linear)
        self._linear = call.module
        self._weight: Tensor

    def refresh(self) -> None:
        self._weight = _rounded(self._linear.weight.detach(), self.dtype)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        return nn.functional.linear(inputs[0], self._linear.weight.detach(), _detached(self._linear.bias)), inputs[0]

    def jvp(self, kept, tangents, parameters):
        (tangent,), (weight, bias) = tangents, parameters
        out = None if tangent is None else tangent @ self._weight.mT
        if weight is not None:
            out = plus(out, kept @ weight.mT)
        if bias is not None:
            out = bias.expand(*kept.shape[:-1], len(bias)).clone() if out is None else out.add_(bias)
        return out

    def vjp(self, kept, cotangent, wanted, sums, along=FIRST_ORDER):
        found = cotangent @ self._weight if wanted[0] else None
        self._add(sums, cotangent, kept)
        if self._bias_name and sums is not None:
            add_to(sums, self._bias_name, cotangent.flatten(0, -2).sum(0))
        if along.cotangent is not None:
            weight, _ = along.parameters
            if wanted[0] and weight is not None:
                found = plus(found, along.cotangent @ weight)
            if along.tangents[0] is not None:
                self._add(sums, along.cotangent, along.tangents[0])
        return (found,)

    def _add(self, sums: Sums | None, cotangent: Tensor, x: Tensor) -> None:
        if self._weight_name and sums is not None:
            add_to(sums, self._weight_name, cotangent.flatten(0, -2).mT @ x.flatten(0, -2))


class ChannelAffine(_Layer):
    """Batch norm with its running statistics: y = n(x) g + b with n(x) = (x - mean) / deviation."""

    def __init__(self, call: LayerCall):
        super().__init__(call)
        assert isinstance(call.module, _BatchNorm)
        if call.module.running_var is None:
            raise NoRule(f"{call.node.target} has no running statistics")
        self._norm = call.module
        self.keeps_cotangent = call.weight is not None
        self._scale: Tensor
        self._shift: Tensor
        self._inverse: Tensor

    def refresh(self) -> None:
        self._scale, self._shift = (_rounded(each, self.dtype) for each in affine_of(self._norm))
        self._inverse = _rounded(inverse_deviation(self._norm), self.dtype)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, tuple[torch.Size, Tensor | None]]:
        (x,) = inputs
        out = x * _per_channel(self._scale, x.ndim) + _per_channel(self._shift, x.ndim)
        if not self._weight_name:
            return out, (x.shape, None)
        mean = statistics(self._norm)[0]
        return out, (x.shape, (x - _per_channel(mean, x.ndim)) * _per_channel(self._inverse, x.ndim))

    def jvp(self, kept, tangents, parameters):
        (shape, normalized), (tangent,), (weight, bias) = kept, tangents, parameters
        out = None if tangent is None else tangent * _per_channel(self._scale, len(shape))
        if weight is not None:
            out = plus(out, normalized * _per_channel(weight, len(shape)))
        if bias is not None:
            bias = _per_channel(bias, len(shape))
            out = bias.expand(shape).clone() if out is None else out.add_(bias)
        return out

    def vjp(self, kept, cotangent, wanted, sums, along=FIRST_ORDER):
        shape, normalized = kept
        found = cotangent * _per_channel(self._scale, len(shape)) if wanted[0] else None
        if self._weight_name and sums is not None:
            add_to(sums, self._weight_name, _over_channels(cotangent * normalized))
        if self._bias_name and sums is not None:
            add_to(sums, self._bias_name, _over_channels(cotangent))
        if along.cotangent is not None and self._weight_name:
            weight, _ = along.parameters
            if wanted[0] and weight is not None:
                found = plus(found, along.cotangent * _per_channel(weight * self._inverse, len(shape)))
            if along.tangents[0] is not None:
                products = _over_channels(along.cotangent * along.tangents[0])
                add_to(sums, self._weight_name, products * self._inverse)
        return (found,)


def _per_channel(channels: Tensor, ndim: int) -> Tensor:
    return channels.view(-1, *(1,) * (ndim - 2))


def _over_channels(values: Tensor) -> Tensor:
    return values.sum(dim=[d for d in range(values.ndim) if d != 1])
