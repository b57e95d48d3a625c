"""From a traced net to its program of rules: each call finds its row in the table, or the net has no program.

Owns: the order of steps, what is differentiated by, and which plain numbers in the net's code stand for the number of
samples. A net with a call that has no row gets no program; its products come from autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.members import named_parameters
from landscape.program.hvp import HvpProgram, Step
from landscape.program.rules import LayerCall, NoRule
from landscape.program.trace import NetTrace, run, values_of


def make_program(
    model: nn.Module, inputs: Tensor, counted: Sequence[str], layout: torch.memory_format = torch.channels_last
) -> HvpProgram:
    """The program of `model` (in eval mode) for the parameters named; to be refreshed before its first use.

    `layout`: how images are to lie in memory.

    Raises:
        NoRule: something in it has no rule, or it cannot be traced; the message says what.
    """
    try:
        trace = NetTrace(model, inputs.clone())
        # with one sample, the plain values that change are those that count the samples
        of_one = values_of(trace.module, inputs[:1].clone()) if len(inputs) > 1 else trace.values
    except Exception as error:  # whatever a stranger's net does while traced
        raise NoRule(f"it cannot be traced ({type(error).__name__})") from error
    names = {id(p): name for name, p in named_parameters(model, remove_duplicate=False) if name in counted}
    return _Translation(trace, of_one, names, layout).program()


class _Translation:
    """The steps so far, and for each node the number of the value that it stands for."""

    def __init__(
        self, trace: NetTrace, of_one: Mapping[fx.Node, Any], names: Mapping[int, str], layout: torch.memory_format
    ):
        self._trace, self._of_one, self._names, self._layout = trace, of_one, names, layout
        self._steps: list[Step] = []
        self._active = [False]
        self._numbers: dict[fx.Node, int] = {}

    def program(self) -> HvpProgram:
        for node in self._trace.nodes:
            if node.op == "placeholder":
                if not self._numbers:
                    self._numbers[node] = 0
            elif node.op == "output":
                result = node.args[0]
                if not isinstance(result, fx.Node) or self._numbers.get(result) != len(self._steps):
                    raise NoRule("its output is not one tensor")
                return HvpProgram(self._steps, self._layout)
            elif node not in self._numbers:
                self._translate(node)
        raise NoRule("it has no output")

    def _translate(self, node: fx.Node) -> None:
        tensors = [n for n in node.all_input_nodes if n in self._numbers]
        value = self._trace.values[node]
        if not tensors:
            if isinstance(value, Tensor) or node.op in ("get_attr", "call_module"):
                raise NoRule(f"{node.name} reads a tensor of the net directly")
            return
        if _reads_shape(node) and not isinstance(value, Tensor):
            return
        self._add_step(node, tensors)

    def _add_step(self, node: fx.Node, tensors: list[fx.Node]) -> None:
        operation, folded = self._trace.operation(node), self._trace.norm_behind(node)
        if operation is None:
            known = type(self._trace.submodule(node)) if node.op == "call_module" else node.target
            raise NoRule(f"{getattr(known, '__name__', known)} has no rule, or has hooks or several arguments")
        if folded is not None and any(self._named(folded[1])):
            folded = None
        rule = operation.rule(self._call(node, tensors, None if folded is None else folded[1]))
        if rule is None:
            self._numbers[node] = self._numbers[tensors[0]]
            return
        numbers = tuple(self._numbers[n] for n in tensors)
        wanted = tuple(self._active[i] for i in numbers)
        self._steps.append(Step(rule, numbers, wanted, any(wanted) or bool(rule.parameters)))
        self._active.append(self._steps[-1].active)
        for each in (node, *folded[:1]) if folded else (node,):
            self._numbers[each] = len(self._steps)

    def _call(self, node: fx.Node, tensors: list[fx.Node], norm: _BatchNorm | None) -> LayerCall:
        shapes = tuple(self._trace.values[n].shape for n in tensors)
        if node.op != "call_module":
            return LayerCall(node, self._closed(node, tensors), shapes)
        module = self._trace.submodule(node)
        return LayerCall(node, module, shapes, module, *self._named(module), norm, self._layout)

    def _closed(self, node: fx.Node, tensors: list[fx.Node]) -> Callable[..., Tensor]:
        """The node as a function of its tensors, all else filled in."""
        known = {n: self._trace.values[n] for n in node.all_input_nodes if n not in tensors}
        places = {n: _batch_places(value, self._of_one[n], node.name) for n, value in known.items()}

        def closed(*given: Tensor) -> Tensor:
            sizes = {n: _with_batch(value, places[n], len(given[0])) for n, value in known.items()}
            return run(node, {**sizes, **dict(zip(tensors, given, strict=True))})

        return closed

    def _named(self, module: nn.Module) -> tuple[str | None, str | None]:
        """The names of weight and bias, where they are differentiated by."""
        weight, bias = (self._names.get(id(getattr(module, name, None))) for name in ("weight", "bias"))
        return weight, bias


def _reads_shape(node: fx.Node) -> bool:
    return node.target is getattr or (node.op == "call_method" and node.target in ("size", "dim"))


def _batch_places(value: Any, of_one: Any, name: str) -> Any:
    """Where in a number, or a tuple of them, the number of samples stands: True, False, or a tuple of these."""
    if isinstance(value, (tuple, list)) and isinstance(of_one, (tuple, list)) and len(value) == len(of_one):
        return tuple(_batch_places(a, b, name) for a, b in zip(value, of_one, strict=True))
    if value == of_one:
        return False
    if of_one == 1 and isinstance(value, int):
        return True
    raise NoRule(f"{name} counts with the number of samples")


def _with_batch(value: Any, places: Any, samples: int) -> Any:
    if isinstance(places, tuple):
        return tuple(_with_batch(v, p, samples) for v, p in zip(value, places, strict=True))
    return samples if places else value
