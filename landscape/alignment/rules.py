"""How units pass through operations: the table of rules, by the names of torch's operators.

Owns: the table, and the one rule of all operators that work entry by entry; moves.py, reductions.py and contractions.py add the
others. A rule says which units two tensors must have in common and returns the bundles of the results. What raises
NotUnderstood, or has no rule, keeps the units of its inputs in place. Operators are those that torch's library of functions is
made of, so a few dozen cover most nets, however their Python is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from landscape.alignment.bundles import Bundles, Operand, joined
from landscape.alignment.units import Slots, Units


class Tracer(Protocol):
    """What rules need to know of a run."""

    units: Units

    def of(self, tensor: Tensor | None, *, zeros: bool = False) -> Bundles:
        """The bundles of a tensor; `zeros`: channels that are zero are distinguished from those that are fixed."""

    def grouped(self, weight: Tensor, groups: int) -> list[Slots]:
        """For each group of a convolution the units that its filters read."""

    def reads(self, call: OperatorCall, tensor: Tensor) -> None:
        """A layer with weights reads a tensor."""


class OperatorCall:
    """A call of an operator: its arguments by the names in its signature, and the tensors that it gave."""

    def __init__(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], out: Any):
        self.func, self.args, self.kwargs = func, tuple(args), kwargs
        self.name = func._schema.name.removeprefix("aten::")
        known = func._schema.arguments
        self.by_name = {
            each.name: args[i] if i < len(args) else kwargs.get(each.name, each.default_value)
            for i, each in enumerate(known)
        }
        results = out if isinstance(out, (tuple, list)) else [out]
        self.results = [each for each in results if isinstance(each, Tensor)]

    def __getitem__(self, name: str) -> Any:
        return self.by_name[name]

    def get(self, *names: str) -> Any:
        """The first of these arguments that the operator has."""
        return next((self.by_name[name] for name in names if name in self.by_name), None)

    @property
    def tensors(self) -> list[Tensor]:
        given: list[Tensor] = []
        for value in self.by_name.values():
            given += [
                each for each in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(each, Tensor)
            ]
        return given


Rule = Callable[[Tracer, OperatorCall], list[Bundles]]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    def add(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return add


def rule_of(func: Any) -> Rule | None:
    """The rule of an operator; every one that works entry by entry has the same."""
    found = RULES.get(func._schema.name.removeprefix("aten::"))
    return found or (pointwise if torch.Tag.pointwise in func.tags else None)


def dims_of(given: Any, ndim: int) -> list[int]:
    """Axes as numbers from 0 on; none given are all."""
    if given is None or (isinstance(given, (list, tuple)) and not given):
        return list(range(ndim))
    return [dim % ndim for dim in (given if isinstance(given, (list, tuple)) else [given])]


SUMS = ("add", "add_", "sub", "sub_")
KEEP_ZERO = (*SUMS, "relu", "relu_", "clone", "detach", "alias", "_to_copy", "neg")


@rule(
    "hardswish",
    "hardswish_",
    "_prelu_kernel",
    "clone",
    "detach",
    "alias",
    "_to_copy",
    "lift_fresh",
    "copy_",
    "dropout",
    "rrelu",
)
def pointwise(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    """Entry by entry, with broadcasting."""
    out, zeros = call.results[0], call.name in KEEP_ZERO
    operands = [
        Operand.of(each, tracer.of(each, zeros=zeros), range(out.ndim - each.ndim, out.ndim)) for each in call.tensors
    ]
    found = joined(tracer.units, operands, zeros=call.name in SUMS)
    return [found] * len(call.results)


@rule(
    "zeros_like",
    "ones_like",
    "full_like",
    "new_zeros",
    "new_ones",
    "new_full",
    "empty_like",
    "new_empty",
    "fill_",
    "zero_",
)
def constant(tracer: Tracer, call: OperatorCall) -> list[Bundles]:
    """What takes nothing but a shape from its input; what is filled keeps its units."""
    return [tracer.of(call.tensors[0]) if call.name.endswith("_") else ()]
