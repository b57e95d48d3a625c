"""The same net as a faster forward pass: batch norm folded into convolutions, ReLU and additions fused into them.

Owns: the rewriting of a traced net, and the folded weights, which are formed from the net's own at each point of the
landscape. A net that cannot be traced, or whose rewritten graph does not give the same numbers, is evaluated unchanged.

Why it is faster: activations pass through memory once for each convolution instead of three times, and lie as the
kernels of the device like them (kernels.py). On a GPU, a pass that comes again is replayed (replay.py). Measured against the net
called batch by batch: docs/performance.md.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.program.convolution import FoldedConvolution
from landscape.program.cut import Divided, Moves, divide
from landscape.program.fold import inverse_deviation
from landscape.program.kernels import Kernels, kernels_for
from landscape.program.overflow import EVERY, Watch
from landscape.program.replay import Replays, padded
from landscape.program.table import SUM
from landscape.program.trace import NetTrace, only_user

# The largest activation of a batch should stay in the caches of a core. On one Xeon core (AVX-512, 2 MB of L2) this gave
# the best batch of those tried: 64 of 32 and 64 for ResNet-20 on CIFAR-10, 512 of 64 to 1024 for ResNet-56 on digits; in
# bfloat16 128 of 64 to 256 for ResNet-56 on CIFAR-10 (with AMX), by 8 % to 17 %.
CACHE_BYTES = 4 << 20
BATCH_RANGE = (32, 512)
# Two programs for the same net may differ by rounding, which grows with depth; more than this means another function.
TOLERANCE, TOLERANCE_BF16 = 1e-3, 0.1
# Folded weights are one more copy of those of all convolutions. Up to this size they are kept between batches; beyond it
# each layer forms its own when it is called, so that a large net takes the memory of one layer more, not of all.
KEPT_BYTES = 64 << 20

T = TypeVar("T")


class FoldedNet:
    """Called like the net it was made from; `refresh` after its weights have changed."""

    def __init__(
        self, module: fx.GraphModule, layers: list[FoldedConvolution], batch_size: int, kernels: Kernels, watch: Watch
    ):
        self._module, self._layers, self._kernels = module, layers, kernels
        self.batch_size, self.multiplications = batch_size, sum(layer.multiplications for layer in layers)
        self._prepare: Callable[[], None] = self._fold
        self._call: Callable[[Tensor], Tensor] = self._run
        self._resting: object = None
        self._moving, self._watch = layers, watch
        called = [module.get_submodule(str(node.target)) for node in module.graph.nodes if node.op == "call_module"]
        self._norms = [each for each in called if isinstance(each, _BatchNorm) and each.running_var is not None]
        hiding = [layer for layer in layers if layer.hides]
        for number, layer in enumerate(hiding, 1):
            layer.is_seen = number % EVERY == 0 or number in (1, len(hiding))

    def replay(self) -> None:
        """From here on what comes again is replayed; on a GPU."""
        keeps = any(layer.kept for layer in self._layers)
        replays = Replays(self._fold if keeps else None, self._run, self._read, self._kernels.layout)
        self._prepare, self._call = replays.prepare, replays

    def refresh(self, resting: object = None) -> None:
        """Forms the folded weights from the net's present ones; if `resting` is what it was the last time, only those that move.

        Which these are is found by `parted`.
        """
        if resting is None or resting is not self._resting or self._prepare != self._fold:
            self._prepare()
        else:
            for layer in self._moving:
                layer.refresh()
        self._resting = resting

    def _fold(self) -> None:
        for layer in self._layers:
            layer.refresh()

    def _read(self) -> Iterator[Tensor]:
        """The tensors of the net."""
        for held, name in self._slots:
            yield held[name]

    @functools.cached_property
    def _slots(self) -> list[tuple[Mapping[str, Any], str]]:
        """Where the tensors of the net are held; to walk through its modules each time would take longer than to fold it."""
        modules = itertools.chain(self._module.modules(), *(layer.sources() for layer in self._layers))
        held = [each for module in modules for each in (module._parameters, module._buffers)]
        return [(each, name) for each in held for name, tensor in each.items() if tensor is not None]

    @property
    def nbytes(self) -> int:
        """What the folded weights take that are kept between batches."""
        return sum(tensor.nbytes for layer in self._layers for tensor in layer.kept or ())

    def __call__(self, inputs: Tensor) -> Tensor:
        """The outputs; with gradients by the inputs, if these require some."""
        return self._run(inputs) if inputs.requires_grad and torch.is_grad_enabled() else self._call(inputs)

    def _run(self, inputs: Tensor) -> Tensor:
        return self._watched(lambda: self._module(self._laid(inputs)), inputs)

    def _watched(self, work: Callable[[], T], *given: Any) -> T:
        """What a pass gives, also where fused kernels would hide NaN."""
        needs = torch.is_grad_enabled() and any(isinstance(each, Tensor) and each.requires_grad for each in given)
        if needs or not any(layer.hides for layer in self._layers):
            return work()
        kept = [layer.kept.bias for layer in self._layers if layer.hides and layer.kept]
        kept += [inverse_deviation(norm) for norm in self._norms]
        return self._watch.run(work, (*given, *([torch.cat([each.flatten() for each in kept])] if kept else ())))

    def _laid(self, inputs: Tensor) -> Tensor:
        return inputs.to(self._kernels.dtype, memory_format=self._kernels.layout)

    def parted(self, moves: Moves) -> Parted | None:
        """The net before and after the first layers with tensors that `moves` says True of; None where it has no such parts."""
        self._moving, self._resting = [layer for layer in self._layers if any(map(moves, _tensors_of(layer)))], None
        found = divide(self._module, moves, _tensors_of, (FoldedConvolution,))
        replayed = isinstance(self._call, Replays)
        laid = lambda inputs: self._laid(padded(inputs) if replayed else inputs)  # noqa: E731
        return Parted(found, laid, self._watched) if found else None


@dataclass(frozen=True)
class Parted:
    """A folded net in two; refreshing the net refreshes both."""

    divided: Divided
    _laid: Callable[[Tensor], Tensor]
    _watched: Callable[..., Any]

    def before(self, inputs: Tensor) -> tuple[Any, ...]:
        """What `after` takes; the same wherever the net is moved."""
        laid = self._laid(inputs)
        return self._watched(lambda: self.divided.before(laid), laid)

    def after(self, kept: tuple[Any, ...], size: int) -> Tensor:
        """The outputs of the `size` samples."""
        return self._watched(lambda: self.divided.after(*kept), *kept)[:size]


def _tensors_of(module: nn.Module) -> Iterator[Tensor]:
    for each in module.sources() if isinstance(module, FoldedConvolution) else (module,):
        yield from itertools.chain(each.parameters(), each.buffers())


def folded_net(model: nn.Module, inputs: Tensor, precision: str = "fp32", *, compared: bool = True) -> FoldedNet | None:
    """A faster forward pass of `model`, which must be in eval mode; None when there is none that gives the same numbers.

    `inputs`: (n, C, H, W), a few samples to trace shapes and to compare outputs with. It reads the model's parameters and
    buffers; call `refresh` whenever they have changed. `precision`: fp32, tf32 or bf16, of the context that this and the net are
    called in. `compared`: False for a net whose program in another precision has been compared: some nets magnify rounding so
    much that two ways in bfloat16 differ by more than any mistake.
    """
    if inputs.ndim != 4 or inputs.dtype != torch.float32 or len(inputs) < 2 or model.training:
        return None
    try:
        trace = NetTrace(model, inputs)
        kernels = kernels_for(inputs.device, precision)
        most = max(
            each.shape[1:].numel() for each in trace.values.values() if isinstance(each, Tensor) and each.ndim > 1
        )
        batch_size = _batch_size(most * (kernels.dtype or inputs.dtype).itemsize)
        layers = _rewrite(trace, kernels, watch := Watch())
        if sum(layer.source_bytes for layer in layers) <= KEPT_BYTES:
            for layer in layers:
                layer.keep()
        net = FoldedNet(trace.module, layers, batch_size, kernels, watch)
        if inputs.device.type == "cuda":
            net.replay()  # before it is compared, as it pads batches
        net.refresh()
        tolerance = TOLERANCE_BF16 if precision == "bf16" else TOLERANCE
        if not layers or (compared and not _same(model, net, inputs, tolerance)):
            return None
    except Exception:  # whatever a stranger's net does while traced, it can still be evaluated unchanged
        return None
    return net


def _same(model: nn.Module, net: FoldedNet, inputs: Tensor, tolerance: float) -> bool:
    """Compared on two batch sizes, so that a size that was baked in while tracing is found out."""
    for count in (len(inputs), len(inputs) - 1):
        expected, found = model(inputs[:count]), net(inputs[:count])
        if not isinstance(expected, Tensor) or expected.shape != found.shape:
            return False
        if not torch.allclose(found, expected, rtol=tolerance, atol=tolerance * float(expected.abs().max())):
            return False
    return True


def _batch_size(sample_bytes: int) -> int:
    """A power of two, from the net's shapes alone: the same on every rank, as values depend on it by rounding."""
    fitting = max(1, CACHE_BYTES // max(1, sample_bytes))
    return min(max(1 << (fitting.bit_length() - 1), BATCH_RANGE[0]), BATCH_RANGE[1])


@dataclass(frozen=True)
class _Epilogue:
    """What follows a convolution and is fused into it: the last node of the chain, the other summand, the activation."""

    last: fx.Node
    addend: fx.Node | None = None
    activation: str = "none"


def _rewrite(trace: NetTrace, kernels: Kernels, watch: Watch) -> list[FoldedConvolution]:
    """Replaces convolutions, with what follows them, by folded layers; returns these."""
    layers: list[FoldedConvolution] = []
    for node in trace.nodes:
        conv = trace.convolution(node)
        if not isinstance(conv, nn.Conv2d) or not trace.called_once(node):
            continue
        last, norm = trace.norm_behind(node) or (node, None)
        end = _epilogue(trace, last, kernels)
        if norm is None and end.last is node and not kernels.alone:
            continue
        layer = FoldedConvolution(conv, norm, end.activation, kernels, watch)
        layer.is_doubtful = layer.hides and _is_doubtful(trace, [node, *([end.addend] if end.addend else [])])
        layer.multiplications = conv.weight.numel() * trace.values[node].shape[2:].numel()
        _replace(trace, node, end, layer, f"folded{len(layers)}")
        layers.append(layer)
    trace.module.graph.lint()
    trace.module.recompile()
    return layers


def _is_doubtful(trace: NetTrace, nodes: list[fx.Node]) -> bool:
    """Whether what these take may hold NaN that was made on the way to them: by an operation that the table does not know."""
    waiting, seen = list(nodes[1:]), set[fx.Node]()
    waiting += nodes[0].all_input_nodes
    while waiting:
        node = waiting.pop()
        if node in seen or node.op in ("placeholder", "get_attr"):
            continue
        seen.add(node)
        module = trace.submodule(node) if node.op == "call_module" else None
        if isinstance(module, FoldedConvolution):
            waiting += [] if module.hides else node.all_input_nodes
        elif trace.operation(node) is None:
            return True
        else:
            waiting += node.all_input_nodes
    return False


def _epilogue(trace: NetTrace, last: fx.Node, kernels: Kernels) -> _Epilogue:
    """Of the chain that ends in `last` so far: an activation, after a sum or at once; a sum alone is not fused."""
    after = only_user(last)
    addend = None if after is None else _addend(trace, after, last)
    end = after if after is None or addend is None else only_user(after)
    operation = None if end is None else trace.operation(end)
    if end is None or operation is None or operation.post_op not in kernels.activations:
        return _Epilogue(last)
    return _Epilogue(end, addend, str(operation.post_op))


def _addend(trace: NetTrace, node: fx.Node, value: fx.Node) -> fx.Node | None:
    """The other summand when `node` adds to `value` a tensor of the same shape."""
    if trace.operation(node) is not SUM or len(node.args) != 2 or node.kwargs:
        return None
    first, second = node.args
    other = second if first is value else first
    # `x += conv(y)` changes x for its later readers; only a sum written into the convolution's own result may go
    if not isinstance(other, fx.Node) or other is value or (node.target is operator.iadd and first is not value):
        return None
    shapes = [getattr(trace.values.get(each), "shape", None) for each in (other, value)]
    return other if shapes[0] is not None and shapes[0] == shapes[1] else None


def _replace(trace: NetTrace, first: fx.Node, end: _Epilogue, layer: FoldedConvolution, name: str) -> None:
    """Puts the layer in the place of the chain from `first` to the end."""
    graph, last = trace.module.graph, end.last
    trace.module.add_submodule(name, layer)
    arguments = (first.args[0],) if end.addend is None else (first.args[0], end.addend)
    with graph.inserting_before(last):
        new = graph.call_module(name, arguments)
    trace.values[new] = trace.values[last]
    last.replace_all_uses_with(new)
    while last is not first:
        before = next(arg for arg in last.all_input_nodes if arg is not end.addend)
        graph.erase_node(last)
        last = before
    graph.erase_node(first)
