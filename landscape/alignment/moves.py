"""How units pass through whatever moves entries from place to place: views, slices, padding, concatenation.

Owns: the rules of these operators.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from landscape.alignment.bundles import Bundle, Bundles, NotUnderstood, Operand, joined, rearranged
from landscape.alignment.rules import OperatorCall, Tracer, rule
from landscape.alignment.units import EMPTY, FIXED, Slots, Units

MOVES = (
    "view", "_unsafe_view", "reshape", "_reshape_alias", "permute", "transpose", "t", "unsqueeze", "squeeze", "expand", "slice",
    "select", "split", "split_with_sizes", "unsafe_split", "chunk", "unbind", "narrow", "flip", "roll", "repeat", "index",
    "index_select", "unfold", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle", "movedim", "rot90",
    "diagonal", "gather", "repeat_interleave", "flatten", "unflatten", "swapaxes", "broadcast_to",
)  # fmt: skip


@rule(*MOVES)
def moves(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
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
def pad(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    """New channels are zero; of an axis without units nothing has to be known."""
    tensor, given = call.tensors[0], call["pad"]
    width = {tensor.ndim - 1 - i: (given[2 * i], given[2 * i + 1]) for i in range(len(given) // 2)}
    found: list[Bundle] = []
    for bundle in tracer.of(tensor, zeros=True):
        ends = [
            n
            for dim in reversed(range(tensor.ndim))
            for n in (width.get(dim, (0, 0)) if dim in bundle.dims else (0, 0))
        ]

        def move(numbers: Tensor, ends: list[int] = ends) -> list[Tensor]:
            return [torch.constant_pad_nd(numbers, ends)]

        padded = FIXED if call["value"] else EMPTY
        found += rearranged(tracer.units, tensor, (bundle,), move, padded)[0]
    return [tuple(found)]


@rule("cat")
def cat(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    """Units one after the other; along all other axes they must be the same."""
    tensors = [each for each in call["tensors"] if each.ndim == call.results[0].ndim]
    return [
        _laid(tracer, tensors, [tracer.of(each, zeros=True) for each in tensors], call["dim"] % call.results[0].ndim)
    ]


@rule("stack")
def stack(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
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
def glu(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    """The halves of an axis, entry by entry."""
    tensor, dim = call.tensors[0], call["dim"] % call.tensors[0].ndim
    bundles = tracer.of(tensor)
    halves = rearranged(tracer.units, tensor, bundles, lambda t: t.chunk(2, dim)) if bundles else []
    out = call.results[0]
    return [joined(tracer.units, [Operand.of(out, half, range(out.ndim)) for half in halves])]
