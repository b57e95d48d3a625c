"""The same net as a faster program: batch norm folded into convolutions, ReLU and additions fused into them.

Owns: the rewriting of a traced net, and the folded weights, which are formed anew at each point of the landscape from
the net's own. In eval mode batch norm is an affine map per channel, so folding is exact up to rounding; a net that
cannot be traced, or whose traced program does not give the same numbers, is evaluated as it is.

Why it is faster: activations pass through memory once for each convolution instead of three times, and lie
channels-last, as the vector units like them. Measured on one core, against the net called batch by batch: docs/performance.md.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

# The largest activation of a batch should stay in the caches of a core. On one Xeon core (AVX-512, 2 MB of L2) this gave
# the best batch of those tried: 64 of 32 and 64 for ResNet-20 on CIFAR-10, 512 of 64 to 1024 for ResNet-56 on digits.
CACHE_BYTES = 4 << 20
BATCH_RANGE = (32, 512)
# Two programs for the same net may differ by rounding, which grows with depth; more than this means another function.
TOLERANCE = 1e-3
# Folded weights are one more copy of those of all convolutions. Up to this size they are kept between batches; beyond it
# each layer forms its own when it is called, so that a large net takes the memory of one layer more, not of all.
KEPT_BYTES = 64 << 20
ADDITIONS = (operator.add, operator.iadd, torch.add)


class FastNet:
    """Called like the net it was made from; `refresh` after its weights have moved."""

    def __init__(self, program: fx.GraphModule, folded: list[_Folded], batch_size: int):
        self._program, self._folded = program, folded
        self.batch_size = batch_size

    def refresh(self) -> None:
        """Forms the folded weights from the net's present ones."""
        for layer in self._folded:
            if layer.kept is not None:
                layer.refresh()

    @property
    def nbytes(self) -> int:
        """What the folded weights take that are kept between batches."""
        return sum(tensor.nbytes for layer in self._folded for tensor in layer.kept or ())

    def __call__(self, inputs: Tensor) -> Tensor:
        return self._program(inputs.contiguous(memory_format=torch.channels_last))


def accelerated(model: nn.Module, inputs: Tensor) -> FastNet | None:
    """A faster program for `model`, which must be in eval mode; None when there is none that gives the same numbers.

    `inputs`: (n, C, H, W), a few samples to trace shapes and to compare outputs with. The program reads the model's
    parameters and buffers; call `refresh` whenever they have changed.
    """
    if inputs.ndim != 4 or inputs.dtype != torch.float32 or len(inputs) < 2 or model.training:
        return None
    try:
        program = fx.symbolic_trace(model)
        _Shapes(program).run(inputs)
        largest = max(_sample_bytes(node) for node in program.graph.nodes)
        folded = _rewrite(program, fused_kernels=_has_fused_kernels(inputs))
        if sum(layer.source_bytes for layer in folded) <= KEPT_BYTES:
            for layer in folded:
                layer.keep()
        fast = FastNet(program, folded, _batch_size(largest))
        fast.refresh()
        return fast if folded and _same(model, fast, inputs) else None
    except Exception:  # whatever a stranger's net does while traced, it can still be evaluated as it is
        return None


def _same(model: nn.Module, fast: FastNet, inputs: Tensor) -> bool:
    """Compared on two batch sizes, so that a size that was baked in while tracing is found out."""
    for count in (len(inputs), len(inputs) - 1):
        expected, found = model(inputs[:count]), fast(inputs[:count])
        if not isinstance(expected, Tensor) or expected.shape != found.shape:
            return False
        if not torch.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE * float(expected.abs().max())):
            return False
    return True


class _Shapes(fx.Interpreter):
    """Notes the shape of every node's value. torch's own ShapeProp imports sympy, a third of the time to the first point."""

    def run_node(self, node: fx.Node) -> Any:
        value = super().run_node(node)
        node.meta["shape"] = getattr(value, "shape", None)
        return value


def _sample_bytes(node: fx.Node) -> int:
    shape = node.meta.get("shape") or ()
    return 4 * shape[1:].numel() if len(shape) > 1 else 0


def _batch_size(sample_bytes: int) -> int:
    """A power of two, from the net's shapes alone: the same on every rank, as values depend on it by rounding."""
    fitting = max(1, CACHE_BYTES // max(1, sample_bytes))
    return min(max(1 << (fitting.bit_length() - 1), BATCH_RANGE[0]), BATCH_RANGE[1])


def _has_fused_kernels(inputs: Tensor) -> bool:
    """oneDNN's convolutions with fused post-operations, which torch's compiler uses on CPUs."""
    known = hasattr(torch.ops.mkldnn, "_convolution_pointwise") and torch.backends.mkldnn.is_available()
    return inputs.device.type == "cpu" and known


def _rewrite(program: fx.GraphModule, *, fused_kernels: bool) -> list[_Folded]:
    """Replaces convolutions, with what follows them, by folded layers; returns these."""
    folded = []
    for node in list(program.graph.nodes):
        conv = _module(program, node, nn.Conv2d)
        if conv is None or conv.padding_mode != "zeros" or isinstance(conv.padding, str):
            continue
        last, bn = node, None
        after = _only_user(last)
        if (
            after is not None
            and (bn := _module(program, after, nn.BatchNorm2d)) is not None
            and bn.running_var is not None
        ):
            last = after
        else:
            bn = None
        addend = None
        if fused_kernels:
            last, addend, activation = _epilogue(program, last)
        else:
            activation = "none"
        if bn is None and activation == "none" and addend is None and not fused_kernels:
            continue
        layer = _Folded(conv, bn, activation, adds=addend is not None, fused=fused_kernels)
        _replace(program, node, last, addend, layer, f"folded{len(folded)}")
        folded.append(layer)
    program.graph.lint()
    program.recompile()
    return folded


def _epilogue(program: fx.GraphModule, last: fx.Node) -> tuple[fx.Node, fx.Node | None, str]:
    """(last node of the chain, what is added, activation) of what follows a convolution and can be fused into it."""
    after = _only_user(last)
    if after is None:
        return last, None, "none"
    if _is_relu(program, after):
        return after, None, "relu"
    addend = _addend(after, last)
    relu = _only_user(after) if addend is not None else None
    if relu is not None and _is_relu(program, relu):
        return relu, addend, "relu"
    return last, None, "none"


def _addend(node: fx.Node, value: fx.Node) -> fx.Node | None:
    """The other summand when `node` adds to `value` a tensor of the same shape."""
    if node.op != "call_function" or node.target not in ADDITIONS or len(node.args) != 2 or node.kwargs:
        return None
    first, second = node.args
    other = second if first is value else first
    # `x += conv(y)` changes x for its later readers; only a sum written into the convolution's own result may go
    if not isinstance(other, fx.Node) or other is value or (node.target is operator.iadd and first is not value):
        return None
    shape = other.meta.get("shape")
    return other if shape is not None and shape == value.meta.get("shape") else None


def _replace(
    program: fx.GraphModule, first: fx.Node, last: fx.Node, addend: fx.Node | None, layer: _Folded, name: str
) -> None:
    program.add_submodule(name, layer)
    arguments = (first.args[0],) if addend is None else (first.args[0], addend)
    with program.graph.inserting_before(last):
        new = program.graph.call_module(name, arguments)
    new.meta = dict(last.meta)
    last.replace_all_uses_with(new)
    while last is not first:
        before = next(arg for arg in last.all_input_nodes if arg is not addend)
        program.graph.erase_node(last)
        last = before
    program.graph.erase_node(first)


def _module(program: fx.GraphModule, node: fx.Node, kind: type) -> nn.Module | None:
    """The module a node calls, if it is of just this kind, has no hooks, and is called nowhere else."""
    if node.op != "call_module" or len(node.args) != 1 or node.kwargs:
        return None
    module = program.get_submodule(node.target)
    calls = sum(other.op == "call_module" and other.target == node.target for other in program.graph.nodes)
    plain = not (module._forward_hooks or module._forward_pre_hooks)
    return module if type(module) is kind and plain and calls == 1 else None


def _is_relu(program: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return type(program.get_submodule(node.target)) is nn.ReLU
    return (node.op == "call_function" and node.target in (F.relu, torch.relu, torch.relu_)) or (
        node.op == "call_method" and node.target in ("relu", "relu_")
    )


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


class _Folded(nn.Module):
    """A convolution with batch norm folded in, and what follows fused in: activation(conv(x) [+ other])."""

    def __init__(self, conv: nn.Conv2d, bn: nn.BatchNorm2d | None, activation: str, *, adds: bool, fused: bool):
        super().__init__()
        self._sources: tuple[nn.Conv2d, nn.BatchNorm2d | None] = (conv, bn)  # a tuple, so that they are not registered
        self._geometry = (list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups)
        self._activation = activation
        self._call: Callable = self._added if adds else self._fused if fused else self._plain
        self.kept: tuple[Tensor, Tensor] | None = None

    @property
    def source_bytes(self) -> int:
        return self._sources[0].weight.nbytes

    def keep(self) -> None:
        """Makes room for the folded weights; from then on they are those of the last `refresh`."""
        self.kept = self._room()

    def refresh(self) -> None:
        self._fold(*self.kept)

    def _room(self) -> tuple[Tensor, Tensor]:
        weight = self._sources[0].weight.detach()
        folded = torch.empty_like(weight, memory_format=torch.channels_last)
        return folded, torch.empty(len(weight), dtype=weight.dtype, device=weight.device)

    def _fold(self, folded: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        conv, bn = self._sources
        if bn is None:
            folded.copy_(conv.weight)
            shift.copy_(conv.bias) if conv.bias is not None else shift.zero_()
            return folded, shift
        weight, bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
        )
        return folded.copy_(weight), shift.copy_(bias)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        return self._call(x, other, *(self.kept or self._fold(*self._room())))

    def _plain(self, x: Tensor, other: None, weight: Tensor, bias: Tensor) -> Tensor:
        padding, stride, dilation, groups = self._geometry
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)

    def _fused(self, x: Tensor, other: None, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.ops.mkldnn._convolution_pointwise(x, weight, bias, *self._geometry, self._activation, [], "")

    def _added(self, x: Tensor, other: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.ops.mkldnn._convolution_pointwise.binary(
            x, other, weight, bias, *self._geometry, "add", 1.0, self._activation, [], ""
        )
