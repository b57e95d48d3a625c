"""One net brought into line with another of the same architecture: its units in the order of theirs.

Owns: `aligned`, which finds the groups, matches them, and proves on a batch in float64 that the permuted net is the same
function; and the result with its numbers. Knows no option and no file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from landscape.alignment.activation_matching import match_activations
from landscape.alignment.groups import Group, Symmetry, identity, permuted, symmetry_of
from landscape.alignment.samples import guessed
from landscape.alignment.trace import Run, followed, plain_run
from landscape.alignment.weight_matching import RESTARTS, Matched, match_weights
from landscape.callables import explain
from landscape.errors import LandscapeError, UsageError
from landscape.layout import placed
from landscape.members import named_parameters, state_of
from landscape.objective.private import evaluating, private_copy
from landscape.objective.probe import apart
from landscape.randomness import forked
from landscape.subject.net import Net, Other

METHODS = ("weights", "activations")
# Largest difference of the outputs, relative to the largest output if that is above 1.
TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Aligned:
    """The second net in the order of the first.

    Attributes:
        tensors: its state dict, permuted, under the names of the first net, as it was stored.
        groups, permutations: unit i of a group is what unit permutation[i] was.
        objectives: of each restart; the inner product of the weights, or the mean correlation of activations.
        before, after: the distance of the parameters of both nets.
        inner_before, inner_after: the inner product of their parameters.
        difference: the largest change of the outputs, in float64; `largest`: the largest output.
        fixed: operators that kept units in place, with how many.
        identical: the nets were the same, bit for bit.
    """

    tensors: dict[str, Tensor]
    groups: tuple[Group, ...]
    permutations: tuple[np.ndarray, ...]
    method: str
    objectives: tuple[float, ...]
    before: float
    after: float
    inner_before: float
    inner_after: float
    difference: float
    largest: float
    fixed: Mapping[str, int]
    identical: bool
    like: nn.Module

    def module(self) -> nn.Module:
        """A copy of the first net's module with the permuted weights of the second."""
        made = private_copy(self.like)
        fill(made, self.tensors)
        return made

    @property
    def movable(self) -> frozenset[str]:
        """The tensors that hold units of a group."""
        return frozenset(place.tensor for group in self.groups for place in group.places)

    @property
    def units(self) -> int:
        return sum(group.size for group in self.groups)

    @property
    def moved(self) -> int:
        """Units that have changed places."""
        return sum(int((order != np.arange(len(order))).sum()) for order in self.permutations)


def aligned(
    net: Net,
    other: Other,
    *,
    method: str = "weights",
    restarts: int = RESTARTS,
    seed: int = 0,
    inputs: Any = None,
    batches: Callable[[], Iterable[Any]] | None = None,
    run: Run = plain_run,
) -> Aligned:
    """The other net, permuted to lie as near to `net` as was found.

    Args:
        inputs: a few samples, as `run` passes them through a net; None: the first of `batches`, else guessed.
        batches: gives all samples for the method `activations`.

    Raises:
        UsageError: an unknown method, or activations without batches.
        LandscapeError: the net does not run, has nothing to permute, or weights that are not finite or complex.
    """
    if method not in METHODS:
        raise UsageError(f"method '{method}': expected {' or '.join(METHODS)}")
    if restarts < 1:
        raise UsageError(f"restarts {restarts}: expected at least 1")
    if method == "activations" and batches is None:
        raise UsageError("method activations compares units on samples; give data, such as --data digits")
    work = _Workbench(net, other, run)
    work.check_weights()
    if inputs is None and batches is not None:
        inputs = next(iter(batches()), None)
    symmetry, inputs = work.symmetry(inputs)
    if not symmetry.groups:
        raise LandscapeError(f"align: {net.name} has no units to permute{_why(symmetry.fixed)}")
    if work.identical:
        found = Matched(identity(symmetry.groups), ())
    elif method == "weights":
        parameters = work.names & set(dict(named_parameters(net.module)))
        parts = [{name: side[name] for name in sorted(parameters)} for side in (work.first, work.second)]
        found = match_weights(symmetry.groups, *parts, restarts=restarts, seed=seed)
    else:
        found = work.match_activations(symmetry, batches() if batches is not None else (), seed)
    return work.result(symmetry, found, method, inputs)


def _why(fixed: Mapping[str, int]) -> str:
    if not fixed:
        return ": none of what lies between inputs and outputs could change places"
    where, count = max(fixed.items(), key=lambda item: item[1])
    return f": {count} stay in place because nothing is known of how they pass through {where}"


class _Workbench:
    """A private copy of the net, in which the weights of both are tried."""

    def __init__(self, net: Net, other: Other, run: Run):
        self._name, self._run, self._like, self._other = net.name, run, net.module, other.module
        self._module = evaluating(private_copy(net.module).cpu())
        own = {name: value for name, value in state_of(net.module).items() if isinstance(value, Tensor)}
        firsts: dict[int, str] = {}
        self._stands_for = {name: firsts.setdefault(id(value), name) for name, value in own.items()}
        self.names = set(firsts.values())
        self.first = {name: value.detach().cpu() for name, value in own.items()}
        self.second = {**self.first, **{name: value.detach().cpu() for name, value in other.tensors.items()}}
        self._parameters = [n for n, _ in named_parameters(net.module) if n in self.names]
        self.identical = all(_equal(self.first[name], self.second[name]) for name in self.names)
        self._dtype = torch.float64

    def _to(self, dtype: torch.dtype) -> None:
        self._dtype = dtype
        placed(self._module, torch.device("cpu"), dtype)

    def check_weights(self) -> None:
        for title, tensors in (("the first net", self.first), ("the second net", self.second)):
            for name in sorted(self.names):
                if tensors[name].is_complex():
                    raise LandscapeError(
                        f"align: {name} is complex, and units are matched by real weights; nothing was aligned"
                    )
                if tensors[name].is_floating_point() and not bool(tensors[name].isfinite().all()):
                    raise LandscapeError(
                        f"align: {name} of {title} has values that are not finite; give a net that has none"
                    )

    def symmetry(self, inputs: Any) -> tuple[Symmetry, Any]:
        """The groups, and the inputs that they were found with; in single precision where the net knows no other."""
        problem: Exception | None = None
        for dtype in (torch.float64, torch.float32):
            self._to(dtype)
            self._load(self.first)
            given = guessed(self._module, self._name, dtype) if inputs is None else self._cast(inputs)
            try:
                with forked(seed=0):
                    return symmetry_of(self._module, self._run, given), given
            except LandscapeError:
                raise
            except Exception as error:
                problem = problem or error
        assert problem is not None
        raise LandscapeError(f"align: {self._name} raised {explain(problem)} on the samples; give inputs that it takes")

    def match_activations(self, symmetry: Symmetry, batches: Iterable[Any], seed: int) -> Matched:
        self._load(self.first)
        second = private_copy(self._module)
        fill(second, self.second)
        return match_activations(symmetry, self._module, second, self._run, map(self._cast, batches), seed=seed)

    def result(self, symmetry: Symmetry, found: Matched, method: str, inputs: Any) -> Aligned:
        """The permuted net, if it is the same function.

        Raises:
            LandscapeError: it is not, for a reason that the operators do not show. UsageError: see `_refuse_another`.
        """
        self._refuse_another(inputs)
        new = permuted({name: self.second[name] for name in self.names}, symmetry.groups, found.permutations)
        new = {name: new[first] for name, first in self._stands_for.items()}
        difference, largest = self._compared(new, inputs)
        if not difference <= TOLERANCE * max(1.0, largest):
            raise LandscapeError(
                f"align: {self._name} is another function with its units permuted (outputs differ by {difference:.3g}), as "
                "something happens outside of torch's operators; nothing was aligned"
            )
        return Aligned(
            tensors=new, groups=symmetry.groups, permutations=tuple(found.permutations), method=method,
            objectives=found.objectives, before=self._distance(self.second), after=self._distance(new),
            inner_before=self._inner(self.second), inner_after=self._inner(new), difference=difference, largest=largest,
            fixed=symmetry.fixed, identical=self.identical,
            like=self._like,
        )  # fmt: skip

    def _refuse_another(self, inputs: Any) -> None:
        """Raises UsageError where the second net's own module gives other outputs than the first's with the same weights."""
        if self._other is None:
            return
        own = placed(evaluating(private_copy(self._other)), torch.device("cpu"), self._dtype)
        expected, found = self._outputs(self.second, inputs), self._passed(own, inputs)
        names = [f"output {at}" for at in range(max(len(expected), len(found)))]
        if said := apart(dict(zip(names, expected, strict=False)), dict(zip(names, found, strict=False)), "fp32"):
            raise UsageError(
                f"align: the nets are different functions: with the weights of the second they give {said}, expected the same; "
                "give two nets of one architecture"
            )

    def _compared(self, new: Mapping[str, Tensor], inputs: Any) -> tuple[float, float]:
        """The largest difference of outputs, and the largest output, of the second net before and after."""
        before, after = (self._outputs(tensors, inputs) for tensors in (self.second, new))
        if any(
            a.shape != b.shape or not bool((a.isfinite() == b.isfinite()).all())
            for a, b in zip(before, after, strict=True)
        ):
            return float("inf"), 0.0
        finite = [(a[a.isfinite()], b[a.isfinite()]) for a, b in zip(before, after, strict=True)]
        difference = max((float((a - b).abs().max()) for a, b in finite if a.numel()), default=0.0)
        return difference, max((float(a.abs().max()) for a, _ in finite if a.numel()), default=0.0)

    def _outputs(self, tensors: Mapping[str, Tensor], inputs: Any) -> list[Tensor]:
        self._load(tensors)
        return self._passed(self._module, inputs)

    def _passed(self, module: nn.Module, inputs: Any) -> list[Tensor]:
        with forked(seed=0), followed():
            leaves = tree_leaves(self._run(module, inputs))
        return [leaf.double() for leaf in leaves if isinstance(leaf, Tensor) and not leaf.is_complex()]

    def _load(self, tensors: Mapping[str, Tensor]) -> None:
        fill(self._module, tensors)

    def _cast(self, batch: Any) -> Any:
        def cast(value: Any) -> Any:
            if not isinstance(value, Tensor):
                return value
            return value.cpu().to(self._dtype) if value.is_floating_point() else value.cpu()

        return tree_map(cast, batch)

    def _distance(self, tensors: Mapping[str, Tensor]) -> float:
        pairs = ((self.first[name].double(), tensors[name].double()) for name in self._parameters)
        return sum(float((a - b).square().sum()) for a, b in pairs) ** 0.5

    def _inner(self, tensors: Mapping[str, Tensor]) -> float:
        return sum(float((self.first[name].double() * tensors[name].double()).sum()) for name in self._parameters)


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a, b)


def fill(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copies a state dict into a module, which keeps its own precision."""
    with torch.no_grad():
        for name, value in state_of(module).items():
            if isinstance(value, Tensor):
                value.copy_(tensors[name])
