"""How units pass through sums over axes, pooling and normalization.

Owns: the rules of these operators. What is taken over an axis as a whole, such as a mean, does not mind the order there.
"""

from __future__ import annotations

import numpy as np
import torch

from landscape.alignment.bundles import Bundles, NotUnderstood, Operand, apart, joined
from landscape.alignment.rules import RULES, OperatorCall, Tracer, dims_of, rule


@rule("sum", "mean", "amax", "amin", "var", "std", "logsumexp", "linalg_vector_norm", "norm", "prod", "any", "all")
def reduce(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
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
def along(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
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


def spatial(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    """Pooling, resizing, padding with what is there: along the last one to three axes, in each channel alike."""
    number = next(int(letter) for letter in "123" if f"{letter}d" in call.name)
    tensor = call.tensors[0]
    bundles = tracer.of(tensor, zeros=True)
    if any(dim >= tensor.ndim - number for bundle in bundles for dim in bundle.dims):
        raise NotUnderstood
    return [bundles] * len(call.results)


for _operator in dir(torch.ops.aten):
    if (
        _operator.startswith(SPATIAL)
        and any(f"{number}d" in _operator for number in "123")
        and "backward" not in _operator
    ):
        RULES[_operator] = spatial


# normalization


@rule("native_layer_norm", "_fused_rms_norm")
def layer_norm(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
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
def weight_norm(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    """Norms over all axes but one, by which the entries are divided."""
    v, g, dim = call["v"], call["g"], call["dim"] % call["v"].ndim
    operands = [Operand.of(each, tracer.of(each), range(v.ndim)) for each in (v, g)]
    found = joined(tracer.units, operands)
    return [found, tuple(bundle for bundle in found if bundle.dims == (dim,))]


@rule(
    "native_batch_norm",
    "_native_batch_norm_legit_no_training",
    "cudnn_batch_norm",
    "_native_batch_norm_legit",
    "batch_norm",
)
def batch_norm(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    x = call["input"]
    if any(bundle.dims != (1,) for bundle in tracer.of(x)):
        raise NotUnderstood
    statistics = [each for each in call.tensors if each is not x]
    operands = [Operand.of(x, tracer.of(x), range(x.ndim)), *(Operand.of(s, tracer.of(s), [1]) for s in statistics)]
    found = joined(tracer.units, operands)
    return [found, *[tuple(bundle.moved({1: 0}) for bundle in found)] * (len(call.results) - 1)]


@rule("native_group_norm")
def group_norm(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
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
