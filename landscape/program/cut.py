"""A traced net in two: what no moving tensor has a part in, and the rest.

Owns: `divide`, which finds the calls that give the same values wherever the net is moved, in any graph, and makes two graphs of
one. Both run the same calls on the same inputs as the whole does, so the bits are the same. What is kept of the first is the
business of objective/kept.py.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

Moves = Callable[[Tensor], bool]
# A module of the graph -> all tensors that it reads
Read = Callable[[nn.Module], Iterable[Tensor]]

_WRITING = {getattr(operator, name) for name in ("iadd", "isub", "imul", "itruediv", "imatmul", "ipow", "setitem")}
# Calls whose result is a tensor of its own, shared with nothing.
_FRESH_FUNCTIONS = {
    *(operator.add, torch.add, operator.iadd, operator.mul, torch.mul, torch.cat),
    *(F.batch_norm, F.conv2d, F.linear),
}
_FRESH_MODULES = (_ConvNd, _BatchNorm, nn.Linear, nn.MaxPool2d, nn.AvgPool2d)
# Their result is what they are given.
_PASSING = (nn.Identity, nn.Dropout, nn.Dropout2d)
# Of functions from elsewhere, which torch.fx.wrap lets through, it is not known what they read and write.
_KNOWN = ("torch", "operator", "_operator", "builtins", "math")


@dataclass(frozen=True)
class Divided:
    """`before(inputs)` -> the values that `after(*values)` takes. `layers`: with tensors, before; `of`: all of them."""

    before: fx.GraphModule
    after: fx.GraphModule
    layers: int
    of: int


def divide(whole: fx.GraphModule, moves: Moves, read: Read, fresh: tuple[type[nn.Module], ...] = ()) -> Divided | None:
    """The net before and after; None where nothing with weights rests, or where a value is written to that others read.

    `fresh`: further types of modules whose results are tensors of their own.
    """
    nodes = list(whole.graph.nodes)
    if not all(_is_known(node) and _writes_alone(whole, node, (*_FRESH_MODULES, *fresh)) for node in nodes):
        return None
    resting: set[fx.Node] = set()
    layers = of = 0
    for node in nodes:
        tensors = _tensors(whole, node, read)
        still = node.op != "output" and resting.issuperset(node.all_input_nodes) and not any(map(moves, tensors))
        if still:
            resting.add(node)
        reads = any(each.op == "get_attr" for each in node.all_input_nodes)
        if reads or (node.op == "call_module" and tensors):
            layers, of = layers + still, of + 1
    crossing = [
        node for node in nodes if node in resting and node.op != "get_attr" and not resting.issuperset(node.users)
    ]
    if not layers or len(resting) == len(nodes) - 1:
        return None
    written = {node.args[0] for node in nodes if node not in resting and _writes(whole, node)}
    before, after = _before(nodes, resting, crossing), _after(nodes, resting, crossing, written)
    return Divided(fx.GraphModule(whole, before), fx.GraphModule(whole, after), layers, of)


def _tensors(whole: fx.GraphModule, node: fx.Node, read: Read) -> list[Tensor]:
    """The tensors of the net that a node reads."""
    if node.op == "call_module":
        return list(read(whole.get_submodule(str(node.target))))
    if node.op != "get_attr":
        return []
    held: Any = operator.attrgetter(str(node.target))(whole)
    return [held] if isinstance(held, Tensor) else list(read(held)) if isinstance(held, nn.Module) else []


def _is_known(node: fx.Node) -> bool:
    return node.op != "call_function" or (getattr(node.target, "__module__", None) or "torch").split(".")[0] in _KNOWN


def _writes_alone(whole: fx.GraphModule, node: fx.Node, fresh: tuple[type[nn.Module], ...]) -> bool:
    """Whether a node writes to nothing, or to a tensor that nothing else reads."""
    if not _writes(whole, node):
        return True
    return _owns(whole, node, fresh)


def _owns(whole: fx.GraphModule, node: fx.Node, fresh: tuple[type[nn.Module], ...]) -> bool:
    """Whether what a call is given is a tensor that nothing else reads."""
    given = node.args[0] if node.args else None
    return isinstance(given, fx.Node) and len(given.users) == 1 and _is_fresh(whole, given, fresh)


def _writes(whole: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return bool(getattr(whole.get_submodule(str(node.target)), "inplace", False))
    if node.op not in ("call_function", "call_method"):
        return False
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    by_name = name.endswith("_") and not name.endswith("__")
    return node.target in _WRITING or by_name or "out" in node.kwargs or _is_asked_to(node)


def _is_asked_to(node: fx.Node) -> bool:
    """Whether a function that takes `inplace`, such as those of torch.nn.functional, is given it."""
    try:
        given = inspect.signature(node.target).bind(*node.args, **node.kwargs)  # type: ignore[arg-type]
    except (TypeError, ValueError):  # methods, and functions of torch without a signature, which have no such argument
        return False
    return bool(given.arguments.get("inplace"))


def _is_fresh(whole: fx.GraphModule, node: fx.Node, types: tuple[type[nn.Module], ...]) -> bool:
    """Whether the result of a call is a tensor of its own, or one that it was given alone and has written to."""
    if node.op == "call_module" and isinstance(whole.get_submodule(str(node.target)), types):
        return True
    if node.op == "call_function" and node.target in _FRESH_FUNCTIONS:
        return True
    passes = node.op == "call_module" and isinstance(whole.get_submodule(str(node.target)), _PASSING)
    return (passes or _writes(whole, node)) and _owns(whole, node, types)


def _before(nodes: list[fx.Node], resting: set[fx.Node], crossing: list[fx.Node]) -> fx.Graph:
    graph, known = fx.Graph(), {}  # type: ignore[var-annotated]
    for node in nodes:
        if node in resting:
            known[node] = graph.node_copy(node, lambda n: known[n])
    graph.output(tuple(known[node] for node in crossing))
    graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
    return graph


def _after(nodes: list[fx.Node], resting: set[fx.Node], crossing: list[fx.Node], written: set[Any]) -> fx.Graph:
    """`written`: what calls of this part write to; of a kept value they get a copy."""
    graph = fx.Graph()
    known = {node: graph.placeholder(f"kept{number}") for number, node in enumerate(crossing)}
    known |= {node: graph.call_method("clone", (known[node],)) for node in crossing if node in written}
    for node in nodes:
        needed = node not in resting or (node.op == "get_attr" and not resting.issuperset(node.users))
        if needed:
            known[node] = graph.node_copy(node, lambda n: known[n])
    return graph
