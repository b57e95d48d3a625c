"""A net as the graph of its calls: traced once, for evaluation and for curvature.

Owns: tracing, the shape or plain value of every node, which row of the table a call belongs to, and which batch norms fold
into the convolution before them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from landscape.program.table import BATCH_NORM, CONVOLUTION, ROW_OF, Operation


class NetTrace:
    """`module` runs the graph. `values`: for each node its plain value, or a tensor of its shape on the meta device.

    Whatever the net raises while it is traced and run on `inputs`, a few samples, is passed on.
    """

    def __init__(self, model: nn.Module, inputs: Tensor):
        self.module = fx.symbolic_trace(model)
        self.values = values_of(self.module, inputs)
        self._calls = Counter(node.target for node in self.nodes if node.op == "call_module")

    @property
    def nodes(self) -> list[fx.Node]:
        return list(self.module.graph.nodes)

    def operation(self, node: fx.Node) -> Operation | None:
        """The row of the table that a node is a call of; None for other operations, and for modules with hooks."""
        if node.op != "call_module":
            return ROW_OF.get(node.target) if node.op in ("call_function", "call_method") else None
        module = self.submodule(node)
        hooked = module._forward_hooks or module._forward_pre_hooks or len(node.args) != 1 or node.kwargs
        return None if hooked else ROW_OF.get(type(module))

    def submodule(self, node: fx.Node) -> nn.Module:
        return self.module.get_submodule(str(node.target))

    def called_once(self, node: fx.Node) -> bool:
        """Whether no other node calls the same module."""
        return self._calls[node.target] == 1

    def convolution(self, node: fx.Node) -> _ConvNd | None:
        """The convolution that a node calls, if it pads with zeros by plain numbers."""
        conv = self.submodule(node) if self.operation(node) is CONVOLUTION else None
        if not isinstance(conv, _ConvNd) or conv.padding_mode != "zeros" or isinstance(conv.padding, str):
            return None
        return conv

    def norm_behind(self, node: fx.Node) -> tuple[fx.Node, _BatchNorm] | None:
        """The batch norm, and its call, that folds into the convolution called by `node`."""
        conv, after = self.convolution(node), only_user(node)
        if conv is None or conv.transposed or after is None or self.operation(after) is not BATCH_NORM:
            return None
        norm = self.submodule(after)
        if not isinstance(norm, _BatchNorm) or norm.running_var is None or not self.called_once(after):
            return None
        return after, norm


class _Values(fx.Interpreter):
    """Records what every node gives. torch's own ShapeProp imports sympy, a third of the time to the first point."""

    def __init__(self, module: fx.GraphModule):
        super().__init__(module)
        self.recorded: dict[fx.Node, Any] = {}

    def run_node(self, node: fx.Node) -> Any:
        value = super().run_node(node)
        self.recorded[node] = fx.node.map_aggregate(value, lambda v: v.to("meta") if isinstance(v, Tensor) else v)
        return value


def values_of(module: fx.GraphModule, inputs: Tensor) -> dict[fx.Node, Any]:
    """Node -> its plain value, or a tensor of its shape on the meta device."""
    interpreter = _Values(module)
    interpreter.run(inputs)
    return interpreter.recorded


def only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def run(node: fx.Node, values: Mapping[fx.Node, Any]) -> Any:
    """What a call of a function or method gives for other values of its arguments, which may lie channels-last."""
    args, kwargs = fx.node.map_arg((node.args, dict(node.kwargs)), lambda n: values[n])
    if not isinstance(node.target, str):
        return node.target(*args, **kwargs)
    # channels-last memory cannot be viewed in another shape without a copy
    reshapes = node.target == "view" and not (len(args) > 1 and isinstance(args[1], torch.dtype))
    return getattr(args[0], "reshape" if reshapes else node.target)(*args[1:], **kwargs)
