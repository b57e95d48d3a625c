"""The table of operations that both users of a translated net know: a new layer is one row.

Owns: which modules, functions and methods are which operation, the rule of each for curvature, and what oneDNN calls it
where it can be fused into a convolution. What has no row is evaluated as it is, and has no Hessian-vector product by rules.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from landscape.program.layers import ChannelAffine, Convolution, Linear
from landscape.program.rules import LinearMap, MaxPool, Relu, Rule, Smooth, Sum


class NoRule(Exception):
    """Something in a net has no rule for curvature; says what."""


@dataclass(frozen=True)
class Call:
    """A call of an operation in a net, as its rule is made from it.

    `function`: the call as a function of its tensors, `shapes`, all else filled in. `weight`, `bias`: the names of these
    parameters of `module` if they are differentiated by. `norm`: the batch norm that is folded in.
    """

    node: fx.Node
    function: Callable[..., Tensor]
    shapes: tuple[torch.Size, ...]
    module: nn.Module | None = None
    weight: str | None = None
    bias: str | None = None
    norm: _BatchNorm | None = None


@dataclass(frozen=True)
class Operation:
    """A row. `rule` makes the rule of a call; None passes the input on. `post_op`: oneDNN's name for it."""

    rule: Callable[[Call], Rule | None]
    modules: tuple[type[nn.Module], ...] = ()
    functions: tuple[Callable, ...] = ()
    methods: tuple[str, ...] = ()
    post_op: str | None = None


def _convolution(call: Call) -> Rule:
    conv = call.module
    assert isinstance(conv, _ConvNd)
    if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        raise NoRule(f"{call.node.target} pads with other values than zeros, or by a word")
    return Convolution(conv, call.weight, call.bias, call.norm)


def _linear(call: Call) -> Rule:
    assert isinstance(call.module, nn.Linear)
    return Linear(call.module, call.weight, call.bias)


def _batch_norm(call: Call) -> Rule:
    norm = call.module
    assert isinstance(norm, _BatchNorm)
    if norm.running_var is None:
        raise NoRule(f"{call.node.target} has no running statistics")
    return ChannelAffine(norm, call.weight, call.bias)


def _max_pool(call: Call) -> Rule:
    pool = call.module
    assert isinstance(pool, nn.MaxPool2d)
    sizes: tuple[Any, ...] = (pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode)
    return MaxPool(lambda x: F.max_pool2d_with_indices(x, *sizes))


def _sum(call: Call) -> Rule:
    if len(call.node.args) == 2 and not call.node.kwargs:
        if call.node.args[0] is call.node.args[1]:
            return LinearMap(lambda x: x + x)
        if len(call.shapes) == 2 and call.shapes[0] == call.shapes[1]:
            return Sum()
    raise NoRule(f"{call.node.name} adds tensors of different shapes, or a number")


def _pad(call: Call) -> Rule:
    options = call.node.kwargs
    if len(call.node.args) > 2 or options.get("mode", "constant") != "constant" or options.get("value"):
        raise NoRule(f"{call.node.name} pads with other values than zeros")
    return LinearMap(call.function)


def _smooth(call: Call) -> Rule:
    if len(call.shapes) != 1:
        raise NoRule(f"{call.node.name} takes several tensors")
    return Smooth(call.function)


CONVOLUTION = Operation(
    _convolution,
    modules=(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)
BATCH_NORM = Operation(_batch_norm, modules=(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm))
SUM = Operation(_sum, functions=(operator.add, operator.iadd, torch.add))
TABLE = (
    CONVOLUTION,
    BATCH_NORM,
    SUM,
    Operation(_linear, modules=(nn.Linear,)),
    Operation(_max_pool, modules=(nn.MaxPool2d,)),
    Operation(
        lambda call: Relu(),
        modules=(nn.ReLU,),
        functions=(F.relu, torch.relu, torch.relu_),
        methods=("relu", "relu_"),
        post_op="relu",
    ),
    Operation(  # elementwise, with two derivatives
        _smooth,
        modules=(nn.GELU, nn.SiLU, nn.Softplus, nn.ELU, nn.Tanh, nn.Sigmoid),
        functions=(F.gelu, F.silu, F.softplus, F.elu, torch.tanh, torch.sigmoid, F.tanh, F.sigmoid),
    ),
    Operation(  # linear in their tensors, and without parameters
        lambda call: LinearMap(call.function),
        modules=(nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.ZeroPad2d),
        functions=(
            *(torch.flatten, torch.mean, torch.cat, torch.reshape, torch.permute),
            *(F.avg_pool2d, F.adaptive_avg_pool2d, operator.getitem),
        ),
        methods=("flatten", "mean", "view", "reshape", "permute", "transpose", "contiguous"),
    ),
    Operation(_pad, functions=(F.pad,)),
    Operation(  # nothing happens in eval mode
        lambda call: None, modules=(nn.Identity, nn.Dropout, nn.Dropout2d), functions=(F.dropout,)
    ),
)
# type of module, function or name of method -> its row
ROW_OF: dict[Any, Operation] = {key: row for row in TABLE for key in (*row.modules, *row.functions, *row.methods)}
