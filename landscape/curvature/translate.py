"""From a net to its program of rules: each operation of the traced net finds its rule, or the net has no program.

Owns: which operations have rules, folding batch norm into convolutions, and which plain numbers in the net's code stand for
the number of samples. A net with an operation that has no rule gets no program; graph.py does every net.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from landscape.curvature.layers import ChannelAffine, Convolution, Linear
from landscape.curvature.program import Program, Step, channels_last
from landscape.curvature.rules import LinearMap, MaxPool, Relu, Rule, Smooth, Sum

SMOOTH = (F.gelu, F.silu, F.softplus, F.elu, torch.tanh, torch.sigmoid, F.tanh, F.sigmoid)
SMOOTH_MODULES = (nn.GELU, nn.SiLU, nn.Softplus, nn.ELU, nn.Tanh, nn.Sigmoid)
# Linear in their tensors, and without parameters.
LINEAR = (
    torch.flatten,
    torch.mean,
    F.avg_pool2d,
    F.adaptive_avg_pool2d,
    F.pad,
    torch.cat,
    torch.reshape,
    torch.permute,
)
LINEAR_MODULES = (nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.ZeroPad2d)
LINEAR_METHODS = ("flatten", "mean", "view", "reshape", "permute", "transpose", "contiguous")
SAME = (nn.Identity, nn.Dropout, nn.Dropout2d)
ADDITIONS = (operator.add, operator.iadd, torch.add)


class NoRule(Exception):
    """An operation that the program does not know; says which."""


def make_program(model: nn.Module, inputs: Tensor, counted: Sequence[str]) -> Program:
    """The program of `model` (in eval mode) for the parameters named.

    Raises:
        NoRule: something in it has no rule, or it cannot be traced; the message says what.
    """
    try:
        graph = fx.symbolic_trace(model)
    except Exception as error:  # whatever a stranger's net does while traced
        raise NoRule(f"it cannot be traced ({type(error).__name__})") from error
    return _Maker(model, graph, counted).made(inputs)


class _Maker:
    """Translates a traced net node by node, on a few samples so that it knows shapes."""

    def __init__(self, model: nn.Module, graph: fx.GraphModule, counted: Sequence[str]):
        self._model, self._graph = model, graph
        self._names = {id(p): name for name, p in model.named_parameters(remove_duplicate=False) if name in counted}
        self._steps: list[Step] = []
        self._active = [False]
        self._numbers: dict[fx.Node, int] = {}
        self._values: dict[fx.Node, Any] = {}
        self._folded: dict[fx.Node, fx.Node] = {}
        self._of_one: dict[fx.Node, Any] = {}

    def made(self, inputs: Tensor) -> Program:
        if len(inputs) > 1:  # once more with one sample, which tells what numbers are those of the samples
            single = _Maker(self._model, self._graph, tuple(self._names.values()))
            single.made(inputs[:1])
            self._of_one = single._values
        nodes = [node for node in self._graph.graph.nodes if node.op != "placeholder"]
        places = [node for node in self._graph.graph.nodes if node.op == "placeholder"]
        self._numbers[places[0]], self._values[places[0]] = 0, channels_last(inputs)
        for node in places[1:]:
            self._values[node] = node.args[0] if node.args else None
        for node in nodes:
            if node.op == "output":
                return self._ended(node)
            self._translate(node)
        raise NoRule("it has no output")

    def _ended(self, node: fx.Node) -> Program:
        result = node.args[0]
        if not isinstance(result, fx.Node) or self._numbers.get(result) != len(self._steps):
            raise NoRule("its output is not one tensor")
        return Program(self._steps)

    def _translate(self, node: fx.Node) -> None:
        if node in self._folded:
            source = self._folded[node]
            self._numbers[node], self._values[node] = self._numbers[source], self._values[source]
            return
        tensors = list(dict.fromkeys(n for n in node.all_input_nodes if n in self._numbers))
        if not tensors:
            self._values[node] = self._constant(node)
            return
        if node.op == "call_function" and node.target is getattr or _tells_shape(node):
            self._values[node] = self._run(node, self._values)
            return
        rule, taken = self._rule(node, tensors)
        if rule is None:
            self._numbers[node], self._values[node] = self._numbers[tensors[0]], self._values[tensors[0]]
            return
        rule.refresh()
        numbers = tuple(self._numbers[n] for n in taken)
        wanted = tuple(self._active[i] for i in numbers)
        self._steps.append(Step(rule, numbers, wanted, any(wanted) or bool(rule.parameters)))
        self._active.append(self._steps[-1].active)
        self._numbers[node] = len(self._steps)
        self._values[node] = rule.forward(*(self._values[n] for n in taken))[0]

    def _constant(self, node: fx.Node) -> Any:
        """What is computed from plain numbers alone; tensors of the net's own have no rule."""
        value = self._run(node, self._values)
        if isinstance(value, Tensor) or node.op in ("get_attr", "call_module"):
            raise NoRule(f"{node.name} reads a tensor of the net directly")
        return value

    def _run(self, node: fx.Node, values: Mapping[fx.Node, Any]) -> Any:
        args, kwargs = fx.node.map_arg((node.args, dict(node.kwargs)), lambda n: values[n])
        if node.op == "call_method":
            # what is laid out channels-last cannot be viewed as it would be otherwise
            reshapes = node.target == "view" and not (len(args) > 1 and isinstance(args[1], torch.dtype))
            return getattr(args[0], "reshape" if reshapes else node.target)(*args[1:], **kwargs)
        if node.op == "call_function":
            return node.target(*args, **kwargs)
        raise NoRule(f"{node.name} ({node.op})")

    def _rule(self, node: fx.Node, tensors: list[fx.Node]) -> tuple[Rule | None, Sequence[fx.Node]]:
        """(rule, the nodes whose values it takes); None for what passes its input on."""
        if node.op == "call_module":
            return self._of_module(node, self._graph.get_submodule(node.target)), tensors
        target = node.target
        if node.op == "call_function" and target in ADDITIONS and not node.kwargs:
            first, second = node.args
            values = [self._values.get(n) for n in (first, second) if isinstance(n, fx.Node)]
            if len(values) == 2 and all(isinstance(v, Tensor) for v in values) and values[0].shape == values[1].shape:
                return Sum(), (first, second)
            raise NoRule(f"{node.name} adds tensors of different shapes, or a number")
        if target in (F.relu, torch.relu, torch.relu_) or (node.op == "call_method" and target in ("relu", "relu_")):
            return Relu(), tensors
        if target in SMOOTH and len(tensors) == 1:
            return Smooth(lambda x, node=node: node.target(x, *node.args[1:], **node.kwargs)), tensors
        if node.op == "call_function" and target is F.dropout:
            return None, tensors
        if self._is_linear(node):
            return LinearMap(self._closed(node, tensors)), tensors
        raise NoRule(f"{getattr(target, '__name__', target)} has no rule")

    def _is_linear(self, node: fx.Node) -> bool:
        if node.op == "call_method":
            return node.target in LINEAR_METHODS
        if node.target is operator.getitem:
            return isinstance(self._values.get(node.args[0]), Tensor)
        zero_padding = node.kwargs.get("mode", "constant") == "constant" and not node.kwargs.get("value")
        return node.target in LINEAR and (node.target is not F.pad or (len(node.args) < 3 and zero_padding))

    def _closed(self, node: fx.Node, tensors: list[fx.Node]) -> Callable[..., Tensor]:
        """The node as a function of its tensors, all else filled in."""
        known = {n: self._values[n] for n in node.all_input_nodes if n not in tensors}
        moving = {n: _batch_places(known[n], self._of_one.get(n, known[n]), node.name) for n in known}

        def closed(*given: Tensor) -> Tensor:
            sizes = {n: _with_batch(known[n], places, len(given[0])) for n, places in moving.items()}
            return self._run(node, {**sizes, **dict(zip(tensors, given, strict=True))})

        return closed

    def _of_module(self, node: fx.Node, module: nn.Module) -> Rule | None:
        kind = type(module)
        if module._forward_hooks or module._forward_pre_hooks or len(node.args) != 1 or node.kwargs:
            raise NoRule(f"{node.target} has hooks or several arguments")
        if any(id(p) in self._names for p in module.parameters()) and not isinstance(
            module, (_ConvNd, nn.Linear, _BatchNorm)
        ):
            raise NoRule(f"{kind.__name__} has no rule")
        if isinstance(module, _ConvNd) and kind.__module__ == "torch.nn.modules.conv":
            return self._convolution(node, module)
        if kind is nn.Linear:
            return Linear(module, *self._named(module))
        if (
            isinstance(module, _BatchNorm)
            and module.running_var is not None
            and kind.__module__.startswith("torch.nn.")
        ):
            return ChannelAffine(module, *self._named(module))
        if kind is nn.ReLU:
            return Relu()
        if kind is nn.MaxPool2d:
            return MaxPool(lambda x: F.max_pool2d_with_indices(
                x, module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode))  # fmt: skip
        if kind in SAME:
            return None
        if kind in SMOOTH_MODULES:
            return Smooth(module)
        if kind in LINEAR_MODULES:
            return LinearMap(module)
        raise NoRule(f"{kind.__name__} has no rule")

    def _convolution(self, node: fx.Node, conv: _ConvNd) -> Convolution:
        if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
            raise NoRule(f"{node.target} pads in its own way")
        after = next(iter(node.users)) if len(node.users) == 1 else None
        norm = self._graph.get_submodule(after.target) if after is not None and after.op == "call_module" else None
        foldable = isinstance(norm, _BatchNorm) and norm.running_var is not None and not any(self._named(norm))
        once = after is not None and sum(n.target == after.target for n in self._graph.graph.nodes) == 1
        if foldable and once and not conv.transposed and len(after.args) == 1:
            self._folded[after] = node
            return Convolution(conv, *self._named(conv), norm)
        return Convolution(conv, *self._named(conv))

    def _named(self, module: nn.Module) -> tuple[str | None, str | None]:
        """The names of weight and bias that are counted."""
        return self._names.get(id(module.weight)), self._names.get(id(module.bias))


def _batch_places(value: Any, of_one: Any, name: str) -> Any:
    """Where in a number, or a tuple of them, the number of samples stands: True, False, or a tuple of these."""
    if isinstance(value, (tuple, list)) and isinstance(of_one, (tuple, list)) and len(value) == len(of_one):
        return tuple(_batch_places(a, b, name) for a, b in zip(value, of_one, strict=True))
    if isinstance(value, Tensor) or value == of_one:
        return False
    if of_one == 1 and isinstance(value, int):
        return True
    raise NoRule(f"{name} counts with the number of samples")


def _with_batch(value: Any, places: Any, samples: int) -> Any:
    if isinstance(places, tuple):
        return tuple(_with_batch(v, p, samples) for v, p in zip(value, places, strict=True))
    return samples if places else value


def _tells_shape(node: fx.Node) -> bool:
    return node.op == "call_method" and node.target in ("size", "dim")
