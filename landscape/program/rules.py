"""How tangents and cotangents pass through one operation, for Hessian-vector products.

Owns: the rules. With x the input of an operation, y its output, d the derivative of the loss by y, and R{.} the
derivative along a direction v in the space of the parameters, a product Hv needs R{y} on the way forward and R{d} on the
way back (Pearlmutter 1994, "Fast exact multiplication by the Hessian"). For an operation that is linear in its input and
in its parameters, such as a convolution f(x, w), both are calls of what its own forward and backward pass consist of:

    R{y}   = f(R{x}, w) + f(x, R{w})
    R{d x} = back(R{d}; x, w) + back(d; R{x}, R{w})         and likewise for the gradient of w,

because the backward pass of f is linear in each of d, x and w. That is six convolutions for a product; differentiating the
gradient by autograd takes nine, or six that also build and walk a graph. What is zero (the tangent of the data, the
cotangent of whatever has no parameter before it) is None and costs nothing.

These are the operations without parameters; those with parameters are in layers.py. Knows no graph and no loss: hvp.py
puts rules together.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

Tangents = Mapping[str, Tensor]
Sums = dict[str, Tensor]
AnyRule = TypeVar("AnyRule", bound="Rule")
ROUNDED_LAYOUT = torch.channels_last  # of images in low precision: tensor cores and the vector units of CPUs like it
_threshold_backward = torch.ops.aten.threshold_backward  # the tangent where the value is positive, else 0


class NoRule(Exception):
    """Something in a net has no rule for curvature; says what."""


@dataclass(frozen=True)
class LayerCall:
    """A call of an operation in a net, as its rule is made from it.

    `function`: the call as a function of its tensors, `shapes`, all else filled in. `weight`, `bias`: the names of these
    parameters of `module` if they are differentiated by. `norm`: the batch norm that is folded in. `layout`: that of images in
    memory.
    """

    node: fx.Node
    function: Callable[..., Tensor]
    shapes: tuple[torch.Size, ...]
    module: nn.Module | None = None
    weight: str | None = None
    bias: str | None = None
    norm: _BatchNorm | None = None
    layout: torch.memory_format = torch.channels_last


class SecondOrder(NamedTuple):
    """What the second-order term of a backward pass needs: the cotangent of the output, the tangents of the inputs, and
    what `prepare` made of the direction. As it stands, nothing: the pass is an ordinary one."""

    cotangent: Tensor | None = None
    tangents: Sequence[Tensor | None] = (None, None)
    parameters: Any = None


FIRST_ORDER = SecondOrder()


class Rule:
    """One operation with one output. `parameters`: the names of those that are differentiated by."""

    parameters: tuple[str, ...] = ()
    keeps_cotangent = False
    """Whether the second-order term of `vjp` needs the plain cotangent."""
    owns_results = False
    """Whether `jvp` and `vjp` return memory of their own, so that the next rule may write over it."""
    self_adjoint = False
    """Whether `jvp` and `vjp` are one map of one tensor that needs nothing else, which `in_place` writes over it."""

    dtype: torch.dtype | None = None
    """The precision that it computes in; None is that of the parameters."""

    def of_precision(self: AnyRule, dtype: torch.dtype) -> AnyRule:
        """The same rule in another precision; it wants a `refresh` of its own."""
        found = copy.copy(self)
        found.dtype = dtype
        return found

    def rounded(self, kept: Any, cast: Callable[[Tensor], Tensor]) -> Any:
        """What the same rule has kept in another precision, for this one."""
        return _mapped(kept, cast)

    def refresh(self) -> None:
        """Once for each set of weights."""

    def prepare(self, tangents: Tangents) -> Any:
        """Once for each direction: whatever `jvp` and `vjp` need of its part."""
        return None

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Any]:
        """(output, what is to be kept of this batch)."""
        raise NotImplementedError

    def jvp(self, kept: Any, tangents: Sequence[Tensor | None], parameters: Any) -> Tensor | None:
        """R{output} from R{inputs} and what `prepare` made of the direction."""
        raise NotImplementedError

    def vjp(
        self, kept: Any, cotangent: Tensor, wanted: Sequence[bool], sums: Sums | None, along: SecondOrder = FIRST_ORDER
    ) -> Sequence[Tensor | None]:
        """The cotangents of the inputs, those `wanted`; gradients of parameters are added to `sums` unless it is None.

        With `along`, `cotangent` is R{d}, and the results are R{cotangents of the inputs} and R{gradients}.
        """
        raise NotImplementedError

    def in_place(self, kept: Any, tensor: Tensor) -> Tensor:
        """What `jvp` and `vjp` make of a (co)tangent, written over it; only of a `self_adjoint` rule."""
        raise NotImplementedError

    def finish(self, sums: Sums, out: Mapping[str, Tensor]) -> None:
        """Adds the sums over all batches to the parts of the result."""
        for name in self.parameters:
            if name in sums:
                out[name].add_(sums[name])


def _mapped(kept: Any, cast: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(kept, Tensor):
        return cast(kept)
    if type(kept) is tuple:
        return tuple(_mapped(each, cast) for each in kept)
    return kept


def add_to(sums: Sums, name: str, value: Tensor) -> None:
    """Adds to what is there under a name."""
    if name in sums:
        sums[name].add_(value)
    else:
        sums[name] = value.float() if value.dtype == torch.bfloat16 else value  # what is summed up keeps its digits


def plus(first: Tensor | None, second: Tensor) -> Tensor:
    """The sum, written into the first; None is zero."""
    return second if first is None else first.add_(second)


class Relu(Rule):
    """max(x, 0): the tangent passes where x > 0; the second derivative is zero."""

    owns_results = self_adjoint = True

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        out = inputs[0].relu()
        return out, out

    def rounded(self, kept: Tensor, cast: Callable[[Tensor], Tensor]) -> Tensor:
        """A mask of bits: `and` with it is several times as fast as comparing two-byte numbers."""
        mask = (kept > 0).to(torch.int16).neg_()
        return mask.contiguous(memory_format=ROUNDED_LAYOUT) if mask.ndim == 4 else mask

    def in_place(self, kept: Tensor, tensor: Tensor) -> Tensor:
        if kept.dtype == torch.int16:
            tensor.view(torch.int16).bitwise_and_(kept)
            return tensor
        return _threshold_backward.grad_input(tensor, kept, 0, grad_input=tensor)

    def jvp(self, kept, tangents, parameters):
        return None if tangents[0] is None else self._passed(tangents[0], kept)

    def vjp(self, kept, cotangent, wanted, sums, along=FIRST_ORDER):
        return (self._passed(cotangent, kept),)

    @staticmethod
    def _passed(tensor: Tensor, kept: Tensor) -> Tensor:
        if kept.dtype == torch.int16:
            return (tensor.view(torch.int16) & kept).view(tensor.dtype)
        return _threshold_backward(tensor, kept, 0)


class Smooth(Rule):
    """An elementwise function with two derivatives, which autograd gives: R{d x} = f' R{d} + f'' R{x} d."""

    keeps_cotangent = True

    def __init__(self, call: LayerCall):
        if len(call.shapes) != 1:
            raise NoRule(f"{call.node.name} takes several tensors")
        self._function = call.function

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        with torch.enable_grad():
            x = inputs[0].detach().requires_grad_()
            y = self._function(x.clone())  # which may be one that works in place
            (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
            second = torch.autograd.grad(first.sum(), x)[0] if first.requires_grad else torch.zeros_like(x)
        return y.detach(), (first.detach(), second)

    def jvp(self, kept, tangents, parameters):
        return None if tangents[0] is None else tangents[0] * kept[0]

    def vjp(self, kept, cotangent, wanted, sums, along=FIRST_ORDER):
        first, second = kept
        found = cotangent * first
        if along.cotangent is not None and along.tangents[0] is not None:
            found = plus(found, along.cotangent * along.tangents[0] * second)
        return (found,)


class Sum(Rule):
    """x + y of one shape, as shortcuts are."""

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, None]:
        return inputs[0] + inputs[1], None

    def jvp(self, kept, tangents, parameters):
        first, second = tangents
        if first is None or second is None:
            return second if first is None else first
        return first + second

    def vjp(self, kept, cotangent, wanted, sums, along=FIRST_ORDER):
        return cotangent, cotangent


class LinearMap(Rule):
    """A function without parameters that is linear in all its tensors: pooling by means, slices, padding, reshaping.

    Its backward pass is autograd's.
    """

    def __init__(self, call: LayerCall):
        self._function = call.function

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Any]:
        with torch.enable_grad():
            leaves = tuple(x.detach().requires_grad_() for x in inputs)
            out = self._function(*leaves)
        return out.detach(), (leaves, out)

    def rounded(self, kept: Any, cast: Callable[[Tensor], Tensor]) -> Any:
        return self.forward([cast(leaf.detach()) for leaf in kept[0]])[1]

    def jvp(self, kept, tangents, parameters):
        if all(tangent is None for tangent in tangents):
            return None
        pairs = zip(tangents, kept[0], strict=True)
        return self._function(*(torch.zeros_like(x) if t is None else t for t, x in pairs))

    def vjp(self, kept, cotangent, wanted, sums, along=FIRST_ORDER):
        leaves, out = kept[:2]
        chosen = [leaf for leaf, want in zip(leaves, wanted, strict=True) if want]
        found = iter(torch.autograd.grad(out, chosen, cotangent, retain_graph=True))
        return tuple(next(found) if want else None for want in wanted)


class MaxPool(LinearMap):
    """Linear where the largest entries stay the same ones: tangents are taken from where the values came from."""

    def __init__(self, call: LayerCall):
        pool = call.module
        assert isinstance(pool, nn.MaxPool2d)
        self._sizes: tuple[Any, ...] = (pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Any]:
        with torch.enable_grad():
            leaf = inputs[0].detach().requires_grad_()
            out, places = F.max_pool2d_with_indices(leaf, *self._sizes)
        return out.detach(), ((leaf,), out, places)

    def jvp(self, kept, tangents, parameters):
        (_, out, places), (tangent,) = kept, tangents
        return None if tangent is None else tangent.flatten(2).gather(2, places.flatten(2)).view(out.shape)
