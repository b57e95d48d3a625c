"""How units pass through layers with weights: sums over an axis that two tensors share.

Owns: the rules of convolutions, matrix products and embeddings. What is summed over must be the same units on both sides; the
result has those of the axes that remain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from landscape.alignment.bundles import Bundle, Bundles, NotUnderstood, Operand, apart, joined
from landscape.alignment.rules import OperatorCall, Tracer, rule
from landscape.alignment.units import Slots, Units


def along(bundles: Bundles, dim: int) -> Slots | None:
    """The slots of an axis that is alone in its bundle; None if it carries no units."""
    found = next((bundle for bundle in bundles if dim in bundle.dims), None)
    if found is not None and len(found.dims) > 1:
        raise NotUnderstood
    return None if found is None else found.slots


def meet(units: Units, *arrays: Slots | None) -> Slots | None:
    """Arrays of units become the same; beside an axis without units they are fixed."""
    known = [slots for slots in arrays if slots is not None]
    if len(known) < len(arrays):
        for slots in known:
            units.fix(slots)
        return None
    total = known[0]
    for slots in known[1:]:
        total = units.unite(total, slots)
    return total


def bundle_of(slots: Slots | None, dim: int) -> Bundles:
    return () if slots is None else (Bundle((dim,), slots),)


def with_bias(tracer: Tracer, out: Slots | None, bias: Tensor | None) -> Slots | None:
    return out if bias is None or bias.numel() == 1 else meet(tracer.units, out, along(tracer.of(bias), bias.ndim - 1))


@rule("convolution", "_convolution", "mkldnn_convolution", "conv1d", "conv2d", "conv3d")
def convolution(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    """Dimension 0 of a weight is the channels of the output, 1 those of the input; of a transposed one the other way."""
    units, x, weight = tracer.units, call["input"], call["weight"]
    tracer.reads(call, x)
    groups, transposed = call["groups"], bool(call.get("transposed"))
    channels = x.ndim - (weight.ndim - 1)
    for bundle in tracer.of(x) + tracer.of(weight):
        if len(bundle.dims) > 1:
            raise NotUnderstood
    for bundle in tracer.of(x):
        if bundle.dims != (channels,):
            units.fix(bundle.slots)
    for bundle in tracer.of(weight):
        if bundle.dims[0] > 1:
            units.fix(bundle.slots)
    inside = along(tracer.of(x), channels)
    if groups == 1:
        meet(units, inside, along(tracer.of(weight), 0 if transposed else 1))
        out = along(tracer.of(weight), 1 if transposed else 0)
    elif transposed:
        raise NotUnderstood
    else:
        out = _grouped(tracer, inside, weight, groups)
    return [bundle_of(with_bias(tracer, out, call["bias"]), channels)]


def _grouped(tracer: Tracer, inside: Slots | None, weight: Tensor, groups: int) -> Slots | None:
    """Units stay in their group; where each group reads one channel, its outputs follow that channel."""
    units, out = tracer.units, along(tracer.of(weight), 0)
    if inside is None or out is None:
        return meet(units, inside, out, None)
    each = len(weight) // groups
    if weight.shape[1] == 1:
        number = np.tile(np.arange(each), groups)
        follows = inside.at(np.repeat(np.arange(groups), each))
        return units.unite(Slots(follows.unit, units.within(follows.position, number)), out)
    size = weight.shape[1]
    for group, reads in enumerate(tracer.grouped(weight, groups)):
        meet(units, inside.at(np.arange(group * size, (group + 1) * size)), reads)
        units.keep(out.at(np.arange(group * each, (group + 1) * each)))
    return out


@rule("mm", "mv", "dot", "vdot", "matmul")
def product(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    return [_product(tracer, call, *call.tensors)]


@rule("addmm", "addmv", "_addmm_activation", "addmm_")
def product_and_sum(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    added, first, second = call.tensors
    found = _product(tracer, call, first, second)
    out = call.results[0]
    operands = [
        Operand.of(out, found, range(out.ndim)),
        Operand.of(added, tracer.of(added), range(out.ndim - added.ndim, out.ndim)),
    ]
    return [joined(tracer.units, operands)]


@rule("linear")
def linear(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    x, weight = call["input"], call["weight"]
    tracer.reads(call, x)
    rest = _without(tracer, tracer.of(x), x.ndim - 1)
    meet(tracer.units, along(tracer.of(x), x.ndim - 1), along(tracer.of(weight), 1))
    return [rest + bundle_of(with_bias(tracer, along(tracer.of(weight), 0), call["bias"]), x.ndim - 1)]


def _without(tracer: Tracer, bundles: Bundles, dim: int) -> Bundles:
    """The bundles of other axes; one that is joint with this axis cannot be parted."""
    if any(dim in bundle.dims and len(bundle.dims) > 1 for bundle in bundles):
        raise NotUnderstood
    return tuple(bundle for bundle in bundles if dim not in bundle.dims)


def _product(tracer: Tracer, call: OperatorCall, first: Tensor, second: Tensor) -> Bundles:
    """(i, k) times (k, j), either without its outer axis."""
    if max(first.ndim, second.ndim) > 2:
        raise NotUnderstood
    tracer.reads(call, first)
    a, b = tracer.of(first), tracer.of(second)
    rows = _without(tracer, a, first.ndim - 1)
    columns = _without(tracer, b, 0)
    meet(tracer.units, along(a, first.ndim - 1), along(b, 0))
    return rows + tuple(bundle.moved({1: first.ndim - 1}) for bundle in columns)


@rule("bmm", "baddbmm")
def batched(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    """(b, i, k) times (b, k, j), as in attention: channels of a head may change places, heads not."""
    if call.name == "baddbmm" and tracer.of(call.tensors[0]):
        raise NotUnderstood
    first, second = call.tensors[-2:]
    a, b = tracer.of(first), tracer.of(second)
    for bundle in a + b:
        if bundle.dims == (0,) or len(bundle.dims) > 2 or (len(bundle.dims) == 2 and 0 not in bundle.dims):
            raise NotUnderstood
        if 0 in bundle.dims:
            apart(tracer.units, bundle, [0])
    meet(tracer.units, *_summed(tracer.units, a, b, first.shape[0]))
    return [_kept(a, 1) + _kept(b, 2)]


def _summed(units: Units, a: Bundles, b: Bundles, batch: int) -> list[Slots | None]:
    """The slots that are summed over on both sides, over (b, k) if one of them is."""
    sides = [next((bundle for bundle in row if dim in bundle.dims), None) for row, dim in ((a, 2), (b, 1))]
    joint = any(side is not None and len(side.dims) > 1 for side in sides)
    found: list[Slots | None] = []
    for side in sides:
        slots = None if side is None else side.slots
        if slots is not None and side is not None and joint and len(side.dims) == 1:
            number = np.arange(1, batch + 1)[:, None]
            shape = (batch, len(slots.unit))
            position = units.within(np.broadcast_to(slots.position, shape), np.broadcast_to(number, shape))
            slots = Slots(np.broadcast_to(slots.unit, shape), position)
        found.append(slots)
    return found


def _kept(bundles: Bundles, dim: int) -> Bundles:
    return tuple(bundle for bundle in bundles if dim in bundle.dims)


@rule("embedding")
def embedding(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    """Rows are chosen by number and stay; columns are units."""
    weight, rows = call["weight"], call["indices"]
    if tracer.of(rows):
        raise NotUnderstood
    columns = along(tracer.of(weight), 1)
    meet(tracer.units, along(tracer.of(weight), 0), None)
    return [bundle_of(columns, rows.ndim)]


def fix_all(units: Units, bundles: Sequence[Bundle]) -> None:
    for bundle in bundles:
        units.fix(bundle.slots)
