"""How tangents and cotangents pass through the layers that have parameters: convolution, linear, batch norm.

Owns: their rules (see rules.py for what a rule is). Gradients of parameters are added up over batches under the names of the
parameters; what is folded into a layer is folded into its tangents and out of its gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from landscape.curvature.rules import Rule, Sums, Tangents, add_to, plus

_convolution, _convolution_backward = torch.ops.aten.convolution, torch.ops.aten.convolution_backward
_onto = getattr(torch.ops.mkldnn, "_convolution_pointwise_", None)
_convolution_onto = getattr(_onto, "binary", None)


class Filters(NamedTuple):
    """`there`: of a convolution. `back`: turned around, for its backward pass, with that one's `padding`; None without."""

    there: Tensor
    back: Tensor | None
    padding: list[int]


def _accumulates(weight: Tensor) -> bool:
    """Whether oneDNN can add a convolution to what is there, which saves a pass through memory."""
    known = _convolution_onto is not None and torch.backends.mkldnn.is_available() and weight.device.type == "cpu"
    return known and weight.dtype in (torch.float32, torch.bfloat16)


class Convolution(Rule):
    """A convolution of any number of dimensions, transposed or not, with batch norm behind it folded in.

    `norm`: the folded layer, whose own parameters must not be differentiated by. Its scale s turns the filters w into
    s w, so tangents are scaled on the way in and gradients on the way out.
    """

    keeps_cotangent = gives_new = True

    def __init__(self, conv: nn.Module, weight: str | None, bias: str | None, norm: nn.Module | None = None):
        self._conv, self._norm = conv, norm
        self._weight_name, self._bias_name = weight, bias
        self.parameters = tuple(name for name in (weight, bias) if name)
        self._format = torch.channels_last if conv.weight.ndim == 4 else torch.contiguous_format
        lead = (1, -1) if conv.transposed else (-1, 1)
        self._lead = lead + (1,) * (conv.weight.ndim - 2)
        self._settings = (list(conv.stride), list(conv.padding), list(conv.dilation))
        self._settings += (conv.transposed, list(conv.output_padding), conv.groups)
        self._weight = self._bias = self._scale = None

    def refresh(self) -> None:
        weight, bias, norm = self._conv.weight.detach(), self._conv.bias, self._norm
        bias = None if bias is None else bias.detach()
        if norm is not None:
            scale, shift = affine_of(norm)
            self._scale = scale
            weight = weight * scale.view(self._lead)
            bias = shift if bias is None else bias * scale + shift
        self._weight, self._bias = self._ready(weight), _cast(bias, self.dtype)

    def prepare(self, tangents: Tangents) -> tuple[Filters | None, Tensor | None]:
        weight, bias = tangents.get(self._weight_name), tangents.get(self._bias_name)
        if self._scale is not None:
            weight = None if weight is None else weight * self._scale.view(self._lead)
            bias = None if bias is None else bias * self._scale
        return None if weight is None else self._ready(weight), _cast(bias, self.dtype)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return _convolution(x, self._weight.there, self._bias, *self._settings), x

    def push(self, x, tangents, moved):
        (tangent,), (weight, bias) = tangents, moved or (None, None)
        out = None if tangent is None else _convolution(tangent, self._weight.there, None, *self._settings)
        if weight is not None:
            return self._forth(x, weight.there, bias, out)
        if bias is not None:
            return plus(out, _convolution(x, torch.zeros_like(self._weight.there), bias, *self._settings))
        return out

    def pull(self, x, rcotangent, wanted, sums, *, cotangent=None, tangents=(None,), moved=None):
        found, tangent, weight = None, tangents[0], moved[0] if moved else None
        if rcotangent is not None:
            found = self._back(rcotangent, x, self._weight, None) if wanted[0] else None
            self._add(rcotangent, x, sums, bias=True)
        if cotangent is not None:
            if wanted[0] and weight is not None:
                found = self._back(cotangent, x, weight, found)
            if tangent is not None:
                self._add(cotangent, tangent, sums, bias=False)
        return (found,)

    def finish(self, sums: Sums, out: Mapping[str, Tensor]) -> None:
        for name in self.parameters:
            if name in sums:
                scale = self._scale
                if scale is not None and name == self._weight_name:
                    scale = scale.view(self._lead)
                out[name].add_(sums[name] if scale is None else sums[name] * scale)

    def _ready(self, weight: Tensor) -> Filters:
        weight = _cast(weight, self.dtype).contiguous(memory_format=self._format)
        conv = self._conv
        turns = weight.ndim == 4 and not conv.transposed and conv.groups == 1 and set(conv.stride) == {1}
        padding = [d * (k - 1) - p for d, k, p in zip(conv.dilation, weight.shape[2:], conv.padding, strict=False)]
        if not turns or min(padding) < 0 or not _accumulates(weight):
            return Filters(weight, None, padding)
        return Filters(weight, weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=self._format), padding)

    def _forth(self, x: Tensor, weight: Tensor, bias: Tensor | None, onto: Tensor | None) -> Tensor:
        """The convolution, added to `onto`, which is written over."""
        stride, padding, dilation, transposed, _, groups = self._settings
        if onto is None or weight.ndim != 4 or transposed or not _accumulates(weight):
            return plus(onto, _convolution(x, weight, bias, *self._settings))
        return _convolution_onto(onto, x, weight, bias, padding, stride, dilation, groups, "add", 1.0, None, [], None)

    def _back(self, cotangent: Tensor, x: Tensor, filters: Filters, onto: Tensor | None) -> Tensor:
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
        return _convolution_onto(
            onto, cotangent, filters.back, None, padding, one, dilation, 1, "add", 1.0, None, [], None
        )

    def _add(self, cotangent: Tensor, x: Tensor, sums: Sums | None, *, bias: bool) -> None:
        """To the gradients of filters and bias."""
        mask = [False, bool(self._weight_name), bias and bool(self._bias_name)]
        if sums is None or not any(mask):
            return
        channels = [self._conv.out_channels]
        found = _convolution_backward(cotangent, x, self._weight.there, channels, *self._settings, mask)
        for name, wanted, each in zip((self._weight_name, self._bias_name), mask[1:], found[1:], strict=True):
            if wanted:
                add_to(sums, name, each)


class Linear(Rule):
    """y = x w^T + b over the last dimension."""

    keeps_cotangent = True

    def __init__(self, linear: nn.Linear, weight: str | None, bias: str | None):
        self._linear, self._weight_name, self._bias_name = linear, weight, bias
        self.parameters = tuple(name for name in (weight, bias) if name)

    def prepare(self, tangents: Tangents) -> tuple[Tensor | None, Tensor | None]:
        return _cast(tangents.get(self._weight_name), self.dtype), _cast(tangents.get(self._bias_name), self.dtype)

    def refresh(self) -> None:
        self._weight = _cast(self._linear.weight.detach(), self.dtype)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        bias = self._linear.bias
        return nn.functional.linear(x, self._linear.weight.detach(), None if bias is None else bias.detach()), x

    def push(self, x, tangents, moved):
        (tangent,), (weight, bias) = tangents, moved or (None, None)
        out = None if tangent is None else tangent @ self._weight.mT
        if weight is not None:
            out = plus(out, x @ weight.mT)
        if bias is not None:
            out = bias.expand(*x.shape[:-1], len(bias)).clone() if out is None else out.add_(bias)
        return out

    def pull(self, x, rcotangent, wanted, sums, *, cotangent=None, tangents=(None,), moved=None):
        found, tangent, weight = None, tangents[0], moved[0] if moved else None
        if rcotangent is not None:
            found = rcotangent @ self._weight if wanted[0] else None
            self._add(sums, rcotangent, x)
            if self._bias_name and sums is not None:
                add_to(sums, self._bias_name, rcotangent.flatten(0, -2).sum(0))
        if cotangent is not None:
            if wanted[0] and weight is not None:
                found = plus(found, cotangent @ weight)
            if tangent is not None:
                self._add(sums, cotangent, tangent)
        return (found,)

    def _add(self, sums: Sums | None, cotangent: Tensor, x: Tensor) -> None:
        if self._weight_name and sums is not None:
            add_to(sums, self._weight_name, cotangent.flatten(0, -2).mT @ x.flatten(0, -2))


class ChannelAffine(Rule):
    """Batch norm with its running statistics: y = n(x) g + b with n(x) = (x - mean) / deviation."""

    def __init__(self, norm: nn.Module, weight: str | None, bias: str | None):
        self._norm, self._weight_name, self._bias_name = norm, weight, bias
        self.parameters = tuple(name for name in (weight, bias) if name)
        self.keeps_cotangent = weight is not None
        self._scale = self._shift = self._inverse = None

    def refresh(self) -> None:
        self._scale, self._shift = (_cast(each, self.dtype) for each in affine_of(self._norm))
        self._inverse = _cast((self._norm.running_var + self._norm.eps).rsqrt(), self.dtype)

    def prepare(self, tangents: Tangents) -> tuple[Tensor | None, Tensor | None]:
        return _cast(tangents.get(self._weight_name), self.dtype), _cast(tangents.get(self._bias_name), self.dtype)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[torch.Size, Tensor | None]]:
        out = x * _along(self._scale, x.ndim) + _along(self._shift, x.ndim)
        if not self._weight_name:
            return out, (x.shape, None)
        return out, (x.shape, (x - _along(self._norm.running_mean, x.ndim)) * _along(self._inverse, x.ndim))

    def push(self, kept, tangents, moved):
        (shape, normalized), (tangent,), (weight, bias) = kept, tangents, moved or (None, None)
        out = None if tangent is None else tangent * _along(self._scale, len(shape))
        if weight is not None:
            out = plus(out, normalized * _along(weight, len(shape)))
        if bias is not None:
            bias = _along(bias, len(shape))
            out = bias.expand(shape).clone() if out is None else out.add_(bias)
        return out

    def pull(self, kept, rcotangent, wanted, sums, *, cotangent=None, tangents=(None,), moved=None):
        (shape, normalized), tangent, weight = kept, tangents[0], moved[0] if moved else None
        found = None
        if rcotangent is not None:
            found = rcotangent * _along(self._scale, len(shape)) if wanted[0] else None
            if self._weight_name and sums is not None:
                add_to(sums, self._weight_name, _over_channels(rcotangent * normalized))
            if self._bias_name and sums is not None:
                add_to(sums, self._bias_name, _over_channels(rcotangent))
        if cotangent is not None and self._weight_name:
            if wanted[0] and weight is not None:
                found = plus(found, cotangent * _along(weight * self._inverse, len(shape)))
            if tangent is not None:
                add_to(sums, self._weight_name, _over_channels(cotangent * tangent) * self._inverse)
        return (found,)


def _cast(tensor: Tensor | None, dtype: torch.dtype | None) -> Tensor | None:
    return tensor if tensor is None or dtype is None else tensor.to(dtype)


def affine_of(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """(scale, shift), each (C,), of a batch norm that uses its running statistics."""
    scale = (norm.running_var + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.detach()
    shift = -norm.running_mean * scale
    return scale, shift if norm.bias is None else shift + norm.bias.detach()


def _along(channels: Tensor, ndim: int) -> Tensor:
    return channels.view(-1, *(1,) * (ndim - 2))


def _over_channels(values: Tensor) -> Tensor:
    return values.sum(dim=[d for d in range(values.ndim) if d != 1])
