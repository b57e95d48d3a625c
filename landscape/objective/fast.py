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

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn.utils.fusion import fuse_conv_bn_weights

# The largest activation of a batch should stay in the caches of a core. On one Xeon core (AVX-512, 2 MB of L2) this gave
# the best batch of those tried: 64 of 32 and 64 for ResNet-20 on CIFAR-10, 512 of 64 to 1024 for ResNet-56 on digits.
CACHE_BYTES = 4 << 20
BATCH_RANGE = (32, 512)
# Two programs for the same net may differ by rounding, which grows with depth; more than this means another function.
TOLERANCE = 1e-3
ADDITIONS = (operator.add, operator.iadd, torch.add)


class FastNet:
    """Called like the net it was made from; `refresh` after its weights have moved."""

    def __init__(self, program: fx.GraphModule, folded: list[_Folded], batch_size: int):
        self._program, self._folded = program, folded
        self.batch_size = batch_size

    def refresh(self) -> None:
        """Forms the folded weights from the net's present ones."""
        for layer in self._folded:
            layer.refresh()

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
        ShapeProp(program).propagate(inputs)
        largest = max(_sample_bytes(node) for node in program.graph.nodes)
        folded = _rewrite(program, fused_kernels=_has_fused_kernels(inputs))
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


def _sample_bytes(node: fx.Node) -> int:
    meta = node.meta.get("tensor_meta")
    shape = getattr(meta, "shape", ())
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
    shapes = [getattr(n.meta.get("tensor_meta"), "shape", None) for n in (other, value)]
    return other if shapes[0] is not None and shapes[0] == shapes[1] else None


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
        weight = conv.weight.detach()
        self.weight = torch.empty_like(weight, memory_format=torch.channels_last)
        self.bias = torch.empty(len(weight), dtype=weight.dtype, device=weight.device)

    def refresh(self) -> None:
        conv, bn = self._sources
        if bn is None:
            self.weight.copy_(conv.weight)
            self.bias.copy_(conv.bias) if conv.bias is not None else self.bias.zero_()
            return
        weight, bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
        )
        self.weight.copy_(weight)
        self.bias.copy_(bias)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        return self._call(x, other)

    def _plain(self, x: Tensor, other: None) -> Tensor:
        padding, stride, dilation, groups = self._geometry
        return F.conv2d(x, self.weight, self.bias, stride, padding, dilation, groups)

    def _fused(self, x: Tensor, other: None) -> Tensor:
        return torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, *self._geometry, self._activation, [], ""
        )

    def _added(self, x: Tensor, other: Tensor) -> Tensor:
        return torch.ops.mkldnn._convolution_pointwise.binary(
            x, other, self.weight, self.bias, *self._geometry, "add", 1.0, self._activation, [], ""
        )
