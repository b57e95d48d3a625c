"""How tangents and cotangents pass through one operation, for products with the Hessian.

Owns: the rules. With x the input of an operation, y its output, d the derivative of the loss by y, and R{.} the
derivative along a direction v in the space of the parameters, a product Hv needs R{y} on the way forward and R{d} on the
way back (Pearlmutter 1994, "Fast exact multiplication by the Hessian"). For an operation that is linear in its input and
in its parameters, such as a convolution f(x, w), both are calls of what its own forward and backward pass consist of:

    R{y}   = f(R{x}, w) + f(x, R{w})
    R{d x} = back(R{d}; x, w) + back(d; R{x}, R{w})         and likewise for the gradient of w,

because the backward pass of f is linear in each of d, x and w. That is six convolutions for a product; differentiating the
gradient by autograd takes nine, or six that also build and walk a graph. What is zero (the tangent of the data, the
cotangent of whatever has no parameter before it) is None and costs nothing.

Knows no graph and no loss: program.py puts rules together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Tangents = Mapping[str, Tensor]
Sums = dict[str, Tensor]
_threshold_backward = torch.ops.aten.threshold_backward  # the tangent where the value is positive, else 0
_convolution, _convolution_backward = torch.ops.aten.convolution, torch.ops.aten.convolution_backward


class Rule:
    """One operation with one output. `parameters`: the names of those that are differentiated by."""

    parameters: tuple[str, ...] = ()
    keeps_cotangent = False
    """Whether `pull` needs the plain cotangent."""

    def refresh(self) -> None:
        """Once for each set of weights."""

    def prepare(self, tangents: Tangents) -> Any:
        """Once for each direction: whatever `push` and `pull` want of its part."""
        return None

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Any]:
        """(output, what is to be kept of this batch)."""
        raise NotImplementedError

    def push(self, kept: Any, tangents: Sequence[Tensor | None], moved: Any) -> Tensor | None:
        """R{output} from R{inputs} and what `prepare` made of the direction (None: parameters at rest)."""
        raise NotImplementedError

    def pull(
        self,
        kept: Any,
        rcotangent: Tensor | None,
        wanted: Sequence[bool],
        sums: Sums | None,
        *,
        cotangent: Tensor | None = None,
        tangents: Sequence[Tensor | None] = (),
        moved: Any = None,
    ) -> Sequence[Tensor | None]:
        """R{cotangents of the inputs}, those `wanted`; R{gradients of parameters} are added to `sums` unless it is None.

        Without tangents and direction it is the ordinary backward pass of `rcotangent`.
        """
        raise NotImplementedError

    def finish(self, sums: Sums, out: Mapping[str, Tensor]) -> None:
        """Adds the sums over all batches to the parts of the result."""
        for name in self.parameters:
            if name in sums:
                out[name].add_(sums[name])


def add_to(sums: Sums, name: str, value: Tensor) -> None:
    """Adds to what is there under a name."""
    if name in sums:
        sums[name].add_(value)
    else:
        sums[name] = value


def plus(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """The sum, written into the first; None is zero."""
    if first is None or second is None:
        return second if first is None else first
    return first.add_(second)


class Convolution(Rule):
    """A convolution of any number of dimensions, transposed or not, with batch norm behind it folded in.

    `norm`: the folded layer, whose own parameters must not be differentiated by. Its scale s turns the filters w into
    s w, so tangents are scaled on the way in and gradients on the way out.
    """

    keeps_cotangent = True

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
        self._weight, self._bias = weight.contiguous(memory_format=self._format), bias

    def prepare(self, tangents: Tangents) -> tuple[Tensor | None, Tensor | None]:
        weight, bias = tangents.get(self._weight_name), tangents.get(self._bias_name)
        if self._scale is not None:
            weight = None if weight is None else weight * self._scale.view(self._lead)
            bias = None if bias is None else bias * self._scale
        return None if weight is None else weight.contiguous(memory_format=self._format), bias

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return _convolution(x, self._weight, self._bias, *self._settings), x

    def push(self, x, tangents, moved):
        (tangent,), (weight, bias) = tangents, moved or (None, None)
        out = None if tangent is None else _convolution(tangent, self._weight, None, *self._settings)
        if weight is not None:
            return plus(out, _convolution(x, weight, bias, *self._settings))
        if bias is not None:
            at_rest = torch.zeros_like(self._weight)
            return plus(out, _convolution(x, at_rest, bias, *self._settings))
        return out

    def pull(self, x, rcotangent, wanted, sums, *, cotangent=None, tangents=(None,), moved=None):
        found = None
        if rcotangent is not None:
            found = self._back(rcotangent, x, self._weight, (wanted[0], True, True), sums)
        weight = moved[0] if moved else None
        if cotangent is not None:
            tangent = tangents[0]
            mask = (wanted[0] and weight is not None, tangent is not None, False)
            more = self._back(cotangent, x if tangent is None else tangent, weight, mask, sums)
            found = plus(found, more)
        return (found,)

    def _back(self, cotangent: Tensor, x: Tensor, weight: Tensor | None, mask, sums: Sums) -> Tensor | None:
        wanted = sums is not None
        mask = [mask[0], mask[1] and wanted and bool(self._weight_name), mask[2] and wanted and bool(self._bias_name)]
        if not any(mask):
            return None
        weight = self._weight if weight is None else weight
        channels = [self._conv.out_channels]
        to_input, to_weight, to_bias = _convolution_backward(cotangent, x, weight, channels, *self._settings, mask)
        if mask[1]:
            add_to(sums, self._weight_name, to_weight)
        if mask[2]:
            add_to(sums, self._bias_name, to_bias)
        return to_input if mask[0] else None

    def finish(self, sums: Sums, out: Mapping[str, Tensor]) -> None:
        for name in self.parameters:
            if name in sums:
                scale = self._scale
                if scale is not None and name == self._weight_name:
                    scale = scale.view(self._lead)
                out[name].add_(sums[name] if scale is None else sums[name] * scale)


class Linear(Rule):
    """y = x w^T + b over the last dimension."""

    keeps_cotangent = True

    def __init__(self, linear: nn.Linear, weight: str | None, bias: str | None):
        self._linear, self._weight_name, self._bias_name = linear, weight, bias
        self.parameters = tuple(name for name in (weight, bias) if name)

    def prepare(self, tangents: Tangents) -> tuple[Tensor | None, Tensor | None]:
        return tangents.get(self._weight_name), tangents.get(self._bias_name)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        bias = self._linear.bias
        return nn.functional.linear(x, self._linear.weight.detach(), None if bias is None else bias.detach()), x

    def push(self, x, tangents, moved):
        (tangent,), (weight, bias) = tangents, moved or (None, None)
        out = None if tangent is None else tangent @ self._linear.weight.detach().mT
        if weight is not None:
            out = plus(out, x @ weight.mT)
        if bias is not None:
            out = bias.expand(*x.shape[:-1], len(bias)).clone() if out is None else out.add_(bias)
        return out

    def pull(self, x, rcotangent, wanted, sums, *, cotangent=None, tangents=(None,), moved=None):
        found, tangent, weight = None, tangents[0], moved[0] if moved else None
        if rcotangent is not None:
            found = rcotangent @ self._linear.weight.detach() if wanted[0] else None
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
        self._scale, self._shift = affine_of(self._norm)
        self._inverse = (self._norm.running_var + self._norm.eps).rsqrt()

    def prepare(self, tangents: Tangents) -> tuple[Tensor | None, Tensor | None]:
        return tangents.get(self._weight_name), tangents.get(self._bias_name)

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


class Relu(Rule):
    """max(x, 0): the tangent passes where x > 0; the second derivative is zero."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out = x.relu()
        return out, out

    def push(self, out, tangents, moved):
        return None if tangents[0] is None else _threshold_backward(tangents[0], out, 0)

    def pull(self, out, rcotangent, wanted, sums, *, cotangent=None, tangents=(), moved=None):
        return (None if rcotangent is None else _threshold_backward(rcotangent, out, 0),)


class Smooth(Rule):
    """An elementwise function with two derivatives, which autograd gives: R{d x} = f' R{d} + f'' R{x} d."""

    keeps_cotangent = True

    def __init__(self, function: Callable[[Tensor], Tensor]):
        self._function = function

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            y = self._function(x.clone())  # which may be one that works in place
            (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
            bend = torch.autograd.grad(slope.sum(), x)[0] if slope.requires_grad else torch.zeros_like(x)
        return y.detach(), (slope.detach(), bend)

    def push(self, kept, tangents, moved):
        return None if tangents[0] is None else tangents[0] * kept[0]

    def pull(self, kept, rcotangent, wanted, sums, *, cotangent=None, tangents=(None,), moved=None):
        slope, bend = kept
        found = None if rcotangent is None else rcotangent * slope
        if cotangent is not None and tangents[0] is not None:
            found = plus(found, cotangent * tangents[0] * bend)
        return (found,)


class Sum(Rule):
    """x + y of one shape, as shortcuts are."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, None]:
        return inputs[0] + inputs[1], None

    def push(self, kept, tangents, moved):
        first, second = tangents
        if first is None or second is None:
            return second if first is None else first
        return first + second

    def pull(self, kept, rcotangent, wanted, sums, *, cotangent=None, tangents=(), moved=None):
        return rcotangent, rcotangent


class LinearMap(Rule):
    """A function without parameters that is linear in all its tensors: pooling by means, slices, padding, reshaping.

    `function` takes the tensors; its backward pass is autograd's.
    """

    def __init__(self, function: Callable[..., Tensor]):
        self._function = function

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Any]:
        with torch.enable_grad():
            leaves = tuple(x.detach().requires_grad_() for x in inputs)
            out = self._function(*leaves)
        return out.detach(), (leaves, out)

    def push(self, kept, tangents, moved):
        if all(tangent is None for tangent in tangents):
            return None
        leaves, _ = kept
        pairs = zip(tangents, leaves, strict=True)
        return self._function(*(torch.zeros_like(x) if t is None else t for t, x in pairs))

    def pull(self, kept, rcotangent, wanted, sums, *, cotangent=None, tangents=(), moved=None):
        leaves, out = kept
        if rcotangent is None:
            return (None,) * len(leaves)
        chosen = [leaf for leaf, want in zip(leaves, wanted, strict=True) if want]
        found = iter(torch.autograd.grad(out, chosen, rcotangent, retain_graph=True))
        return tuple(next(found) if want else None for want in wanted)


class MaxPool(LinearMap):
    """Linear where the largest entries stay the same ones: tangents are taken from where the values came from."""

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            out, places = self._function(leaf)
        return out.detach(), ((leaf,), out, places)

    def push(self, kept, tangents, moved):
        (_, out, places), (tangent,) = kept, tangents
        return None if tangent is None else tangent.flatten(2).gather(2, places.flatten(2)).view(out.shape)

    def pull(self, kept, rcotangent, wanted, sums, **others):
        return super().pull(kept[:2], rcotangent, wanted, sums, **others)


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
