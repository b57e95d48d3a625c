"""How units pass through operations: the table of rules, by the names of torch's operators.

Owns: a rule for each operator that is understood. A rule says which units two tensors must have in common and returns the bundles
of the results; what raises NotUnderstood, or has no rule, keeps the units of its inputs where they are. Operators here are those
that torch's own library of functions is made of, so a handful covers most nets, however their Python is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from landscape.alignment.bundles import Bundle, Bundles, NotUnderstood, Operand, apart, joined, rearranged
from landscape.alignment.units import EMPTY, FIXED, Slots, Units


class Tracer(Protocol):
    """What rules need to know of a run."""

    units: Units

    def of(self, tensor: Tensor | None, *, zeros: bool = False) -> Bundles:
        """The bundles of a tensor; `zeros`: channels that are zero are told apart from those that are fixed."""

    def grouped(self, weight: Tensor, groups: int) -> list[Slots]:
        """For each group of a convolution the units that its filters read."""

    def reads(self, call: Call, tensor: Tensor) -> None:
        """A layer with weights reads a tensor."""


class Call:
    """A call of an operator: its arguments by the names in its signature, and the tensors that it gave."""

    def __init__(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], out: Any):
        self.func, self.args, self.kwargs = func, tuple(args), kwargs
        self.name = func._schema.name.removeprefix("aten::")
        known = func._schema.arguments
        self.by_name = {
            each.name: args[i] if i < len(args) else kwargs.get(each.name, each.default_value) for i, each in enumerate(known)
        }
        results = out if isinstance(out, (tuple, list)) else [out]
        self.results = [each for each in results if isinstance(each, Tensor)]

    def __getitem__(self, name: str) -> Any:
        return self.by_name[name]

    def get(self, *names: str) -> Any:
        """The first of these arguments that the operator has."""
        return next((self.by_name[name] for name in names if name in self.by_name), None)

    @property
    def tensors(self) -> list[Tensor]:
        given: list[Tensor] = []
        for value in self.by_name.values():
            given += [each for each in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(each, Tensor)]
        return given


Rule = Callable[[Tracer, Call], list[Bundles]]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    def add(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return add


def rule_of(func: Any) -> Rule | None:
    """The rule of an operator; every one that works entry by entry has the same."""
    found = RULES.get(func._schema.name.removeprefix("aten::"))
    return found or (pointwise if torch.Tag.pointwise in func.tags else None)


def dims_of(given: Any, ndim: int) -> list[int]:
    """Axes as numbers from 0 on; none given are all."""
    if given is None or (isinstance(given, (list, tuple)) and not given):
        return list(range(ndim))
    return [dim % ndim for dim in (given if isinstance(given, (list, tuple)) else [given])]


SUMS = ("add", "add_", "sub", "sub_")
KEEP_ZERO = (*SUMS, "relu", "relu_", "clone", "detach", "alias", "_to_copy", "neg")


@rule("hardswish", "hardswish_", "_prelu_kernel", "clone", "detach", "alias", "_to_copy", "lift_fresh", "copy_", "dropout", "rrelu")
def pointwise(tracer: Tracer, call: Call) -> list[Bundles]:
    """Entry by entry, with broadcasting."""
    out, zeros = call.results[0], call.name in KEEP_ZERO
    operands = [
        Operand.of(each, tracer.of(each, zeros=zeros), range(out.ndim - each.ndim, out.ndim)) for each in call.tensors
    ]
    found = joined(tracer.units, operands, zeros=call.name in SUMS)
    return [found] * len(call.results)


# moving entries

MOVES = (
    "view", "_unsafe_view", "reshape", "_reshape_alias", "permute", "transpose", "t", "unsqueeze", "squeeze", "expand", "slice",
    "select", "split", "split_with_sizes", "unsafe_split", "chunk", "unbind", "narrow", "flip", "roll", "repeat", "index_select", "unfold",
    "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle", "movedim", "diagonal", "gather",
    "repeat_interleave", "index", "flatten", "unflatten", "swapaxes", "rot90", "broadcast_to",
)  # fmt: skip


@rule(*MOVES)
def moves(tracer: Tracer, call: Call) -> list[Bundles]:
    """Whatever only takes entries of its first tensor from place to place."""
    tensor = call.tensors[0]
    if any(tracer.of(other) for other in call.tensors[1:]):
        raise NotUnderstood

    def move(numbers: Tensor) -> list[Tensor]:
        args = [numbers if each is tensor else each for each in call.args]
        out = call.func(*args, **{key: numbers if each is tensor else each for key, each in call.kwargs.items()})
        return list(out) if isinstance(out, (tuple, list)) else [out]

    bundles = tracer.of(tensor, zeros=True)
    return rearranged(tracer.units, tensor, bundles, move) if bundles else [()] * len(call.results)


@rule("constant_pad_nd")
def pad(tracer: Tracer, call: Call) -> list[Bundles]:
    """New channels are zero; of an axis without units nothing has to be known."""
    tensor, given = call.tensors[0], call["pad"]
    width = {tensor.ndim - 1 - i: (given[2 * i], given[2 * i + 1]) for i in range(len(given) // 2)}
    found: list[Bundle] = []
    for bundle in tracer.of(tensor, zeros=True):
        ends = [n for dim in reversed(range(tensor.ndim)) for n in (width.get(dim, (0, 0)) if dim in bundle.dims else (0, 0))]

        def move(numbers: Tensor, ends: list[int] = ends) -> list[Tensor]:
            return [torch.constant_pad_nd(numbers, ends)]

        padded = FIXED if call["value"] else EMPTY
        found += rearranged(tracer.units, tensor, (bundle,), move, padded)[0]
    return [tuple(found)]


@rule("cat")
def cat(tracer: Tracer, call: Call) -> list[Bundles]:
    """Units one after the other; along all other axes they must be the same."""
    tensors = [each for each in call["tensors"] if each.ndim == call.results[0].ndim]
    return [_laid(tracer, tensors, [tracer.of(each, zeros=True) for each in tensors], call["dim"] % call.results[0].ndim)]


@rule("stack")
def stack(tracer: Tracer, call: Call) -> list[Bundles]:
    dim = call["dim"] % call.results[0].ndim
    places = {old: old + (old >= dim) for old in range(call.results[0].ndim)}
    bundles = [tuple(b.moved(places) for b in tracer.of(each, zeros=True)) for each in call["tensors"]]
    return [_laid(tracer, [each.unsqueeze(dim) for each in call["tensors"]], bundles, dim)]


def _laid(tracer: Tracer, tensors: list[Tensor], bundles: list[Bundles], dim: int) -> Bundles:
    units = tracer.units
    if any(len(bundle.dims) > 1 and dim in bundle.dims for row in bundles for bundle in row):
        raise NotUnderstood
    beside = [tuple(bundle for bundle in row if dim not in bundle.dims) for row in bundles]
    operands = [
        Operand({d: size for d, size in enumerate(tensor.shape) if d != dim}, row)
        for tensor, row in zip(tensors, beside, strict=True)
    ]
    found = joined(units, operands)
    parts = [
        next((b.slots for b in row if b.dims == (dim,)), Slots(*np.full((2, tensor.shape[dim]), FIXED)))
        for tensor, row in zip(tensors, bundles, strict=True)
    ]
    if not any((units.resolved(part).unit > FIXED).any() for part in parts):
        return found
    return (*found, Bundle((dim,), _one_after_another(units, parts)))


def _one_after_another(units: Units, parts: list[Slots]) -> Slots:
    """With the number of the part as a position, where a unit is in several of them."""
    total = Slots(np.concatenate([part.unit for part in parts]), np.concatenate([part.position for part in parts]))
    known = units.resolved(total)
    pairs = np.stack([known.unit, known.position])[:, known.unit > EMPTY]
    if len(np.unique(pairs, axis=1).T) == len(pairs.T):
        return total
    number = np.concatenate([np.full(len(part.unit), i + 1) for i, part in enumerate(parts)])
    return Slots(total.unit, units.within(number, total.position))


@rule("glu")
def glu(tracer: Tracer, call: Call) -> list[Bundles]:
    """The halves of an axis, entry by entry."""
    tensor, dim = call.tensors[0], call["dim"] % call.tensors[0].ndim
    bundles = tracer.of(tensor)
    halves = rearranged(tracer.units, tensor, bundles, lambda t: t.chunk(2, dim)) if bundles else []
    out = call.results[0]
    return [joined(tracer.units, [Operand.of(out, half, range(out.ndim)) for half in halves])]


# sums over axes


@rule("sum", "mean", "amax", "amin", "var", "std", "logsumexp", "linalg_vector_norm", "norm", "prod", "any", "all")
def reduce(tracer: Tracer, call: Call) -> list[Bundles]:
    """What does not depend on the order along the axes that vanish."""
    tensor = call.tensors[0]
    gone, kept = dims_of(call.get("dim"), tensor.ndim), bool(call.get("keepdim"))
    places = {dim: dim if kept else dim - sum(g < dim for g in gone) for dim in range(tensor.ndim)}
    found = []
    for bundle in tracer.of(tensor):
        if not set(bundle.dims) & set(gone):
            found.append(bundle.moved(places))
        else:
            apart(tracer.units, bundle, [dim for dim in bundle.dims if dim not in gone])
    return [tuple(found)]


@rule("_softmax", "_log_softmax", "_safe_softmax", "max", "min", "argmax", "argmin", "cumsum", "sort", "topk")
def along(tracer: Tracer, call: Call) -> list[Bundles]:
    """Along one axis; a softmax does not mind the order there, the others do."""
    tensor, dims = call.tensors[0], dims_of(call.get("dim"), call.tensors[0].ndim)
    bundles = tracer.of(tensor)
    if "softmax" in call.name:
        for bundle in bundles:
            if set(bundle.dims) & set(dims):
                apart(tracer.units, bundle, [dim for dim in bundle.dims if dim not in dims])
        return [bundles]
    if len(call.tensors) > 1 or any(set(bundle.dims) & set(dims) for bundle in bundles):
        raise NotUnderstood
    gone = dims if call.results[0].ndim < tensor.ndim else []
    places = {dim: dim - sum(g < dim for g in gone) for dim in range(tensor.ndim)}
    return [tuple(bundle.moved(places) for bundle in bundles)] * len(call.results)


SPATIAL = (
    "max_pool", "avg_pool", "adaptive_", "_adaptive_", "upsample_", "_upsample_", "reflection_pad", "replication_pad", "lp_pool",
)  # fmt: skip


def spatial(tracer: Tracer, call: Call) -> list[Bundles]:
    """Pooling, resizing, padding with what is there: along the last one to three axes, in each channel alike."""
    number = next(int(letter) for letter in "123" if f"{letter}d" in call.name)
    tensor = call.tensors[0]
    bundles = tracer.of(tensor, zeros=True)
    if any(dim >= tensor.ndim - number for bundle in bundles for dim in bundle.dims):
        raise NotUnderstood
    return [bundles] * len(call.results)


for _operator in dir(torch.ops.aten):
    if _operator.startswith(SPATIAL) and any(f"{number}d" in _operator for number in "123") and "backward" not in _operator:
        RULES[_operator] = spatial


# normalization


@rule("native_layer_norm", "_fused_rms_norm")
def layer_norm(tracer: Tracer, call: Call) -> list[Bundles]:
    x, out = call["input"], call.results[0]
    normalized = range(x.ndim - len(call["normalized_shape"]), x.ndim)
    for bundle in tracer.of(x):
        if set(bundle.dims) & set(normalized):
            apart(tracer.units, bundle, [dim for dim in bundle.dims if dim not in normalized])
    given = [each for each in (x, call["weight"], call.get("bias")) if each is not None]
    operands = [Operand.of(each, tracer.of(each), range(out.ndim - each.ndim, out.ndim)) for each in given]
    found = joined(tracer.units, operands)
    outside = tuple(bundle for bundle in found if not set(bundle.dims) & set(normalized))
    return [found, *[outside] * (len(call.results) - 1)]


@rule("_weight_norm_interface")
def weight_norm(tracer: Tracer, call: Call) -> list[Bundles]:
    """Norms over all axes but one, by which the entries are divided."""
    v, g, dim = call["v"], call["g"], call["dim"] % call["v"].ndim
    operands = [Operand.of(each, tracer.of(each), range(v.ndim)) for each in (v, g)]
    found = joined(tracer.units, operands)
    return [found, tuple(bundle for bundle in found if bundle.dims == (dim,))]


@rule("native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm", "_native_batch_norm_legit", "batch_norm")
def batch_norm(tracer: Tracer, call: Call) -> list[Bundles]:
    x = call["input"]
    if any(bundle.dims != (1,) for bundle in tracer.of(x)):
        raise NotUnderstood
    statistics = [each for each in call.tensors if each is not x]
    operands = [Operand.of(x, tracer.of(x), range(x.ndim)), *(Operand.of(s, tracer.of(s), [1]) for s in statistics)]
    found = joined(tracer.units, operands)
    return [found, *[tuple(bundle.moved({1: 0}) for bundle in found)] * (len(call.results) - 1)]


@rule("native_group_norm")
def group_norm(tracer: Tracer, call: Call) -> list[Bundles]:
    """Channels of one group may change places, not groups."""
    x, groups = call["input"], call["group"]
    if any(bundle.dims != (1,) for bundle in tracer.of(x)):
        raise NotUnderstood
    given = [each for each in (call["weight"], call["bias"]) if each is not None]
    operands = [Operand.of(x, tracer.of(x), range(x.ndim)), *(Operand.of(each, tracer.of(each), [1]) for each in given)]
    found = joined(tracer.units, operands)
    for bundle in found:
        for part in np.arange(x.shape[1]).reshape(groups, -1):
            tracer.units.keep(bundle.slots.at(part))
    return [found, *[()] * (len(call.results) - 1)]
