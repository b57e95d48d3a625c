"""The table of operations that both users of a translated net know: a new layer is one row.

Owns: which modules, functions and methods are which operation, the rule of each for curvature, and what oneDNN calls it
where it can be fused into a convolution. What has no row is evaluated by torch, and has no Hessian-vector product by rules.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from landscape.program.layers import ChannelAffine, Convolution, Linear
from landscape.program.rules import LayerCall, LinearMap, MaxPool, NoRule, Relu, Rule, Smooth, Sum


@dataclass(frozen=True)
class Operation:
    """A row. `rule` makes the rule of a call; None passes the input on. `post_op`: oneDNN's name for it."""

    rule: Callable[[LayerCall], Rule | None]
    modules: tuple[type[nn.Module], ...] = ()
    functions: tuple[Callable, ...] = ()
    methods: tuple[str, ...] = ()
    post_op: str | None = None


def _sum(call: LayerCall) -> Rule:
    if len(call.node.args) == 2 and not call.node.kwargs:
        if call.node.args[0] is call.node.args[1]:
            return LinearMap(replace(call, function=lambda x: x + x))
        if len(call.shapes) == 2 and call.shapes[0] == call.shapes[1]:
            return Sum()
    raise NoRule(f"{call.node.name} adds tensors of different shapes, or a number")


def _pad(call: LayerCall) -> Rule:
    options = call.node.kwargs
    if len(call.node.args) > 2 or options.get("mode", "constant") != "constant" or options.get("value"):
        raise NoRule(f"{call.node.name} pads with other values than zeros")
    return LinearMap(call)


CONVOLUTION = Operation(
    Convolution,
    modules=(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)
BATCH_NORM = Operation(ChannelAffine, modules=(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm))
SUM = Operation(_sum, functions=(operator.add, operator.iadd, torch.add))
TABLE = (
    CONVOLUTION,
    BATCH_NORM,
    SUM,
    Operation(Linear, modules=(nn.Linear,)),
    Operation(MaxPool, modules=(nn.MaxPool2d,)),
    Operation(
        lambda call: Relu(),
        modules=(nn.ReLU,),
        functions=(F.relu, torch.relu, torch.relu_),
        methods=("relu", "relu_"),
        post_op="relu",
    ),
    Operation(  # elementwise, with two derivatives
        Smooth,
        modules=(nn.GELU, nn.SiLU, nn.Softplus, nn.ELU, nn.Tanh, nn.Sigmoid),
        functions=(F.gelu, F.silu, F.softplus, F.elu, torch.tanh, torch.sigmoid),
        methods=("tanh", "sigmoid"),  # which F.tanh and F.sigmoid call
    ),
    Operation(  # linear in their tensors, and without parameters
        LinearMap,
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
