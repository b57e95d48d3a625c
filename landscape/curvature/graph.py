"""Products by autograd, for every net and every loss that can be differentiated twice.

Owns: differentiating the gradient. The graph of the gradient is kept between products as far as memory allows, which
saves the forward and the first backward pass of each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from landscape.callables import explain
from landscape.curvature.derivatives import GaussNewton, Graph, Hessian, Parts
from landscape.curvature.kernels import differentiable
from landscape.curvature.shares import BatchLoss, check_depends, check_smooth, in_words, is_zero
from landscape.data.structure import batch_length
from landscape.errors import EvaluationError, LandscapeError, UsageError
from landscape.members import named_parameters
from landscape.objective.conduct import OF_PARAMETERS, parts_of
from landscape.objective.numerics import switched
from landscape.objective.objective import Objective

# Parts of the names of the nodes that stand for that operation in a graph.
DEAD_ENDS = ("Error", "NotImplemented")
NUDGE = 1e-2

T = TypeVar("T")


class NotTwice(Exception):
    """The net or its loss cannot be differentiated twice; says why."""


class GraphBackend:
    """See `operator.Backend`."""

    name = "graph"

    def __init__(
        self, objective: Objective, names: Sequence[str], matrix: str, budget: float, *, plain_attention: bool = False,
        part: bool = False,
    ):  # fmt: skip
        """`plain_attention`: by the kernel that has second derivatives, as `probe` has found to be needed. `part`: the loss is
        known to be smooth in parameters of which these are some, so it may not change with these at all.
        """
        self._objective, self._names, self._budget = objective, tuple(names), budget
        self._loss = BatchLoss(objective)
        if matrix == "ggn" and not self._loss.reads_outputs:
            raise UsageError("ggn needs a loss of (outputs, targets); one of (model, batch) hides the outputs")
        self._make: type[Hessian] | type[GaussNewton] = Hessian if matrix == "hessian" else GaussNewton
        self._graphs: list[Graph] = []
        self.plain_attention, self._part = plain_attention, part
        self.reached: set[str] = set()
        """The parameters that a gradient has reached; not those of a layer below `no_grad`."""
        self.notes: list[str] = []

    def refresh(self) -> float:
        self._graphs, total, left = [], 0.0, self._budget
        self._loss.refresh()
        whole = self._loss.total
        with self.leaves() as parameters:
            for batch in self._batches():
                if left > 0:
                    graph, nbytes = _measured(partial(self._graph, batch, parameters, whole))
                    total += graph.loss
                    left -= nbytes
                    left = left if left >= nbytes else 0.0  # the next will be as large
                    self._graphs.append(graph)
                else:
                    total += float(self._loss.of_batch(batch, whole).detach())
        return total

    def product(self, vector: Tensor, out: Tensor) -> None:
        whole = self._loss.total
        with self.leaves() as parameters:
            for number, batch in enumerate(self._batches()):
                kept = number < len(self._graphs)
                graph = self._graphs[number] if kept else self._graph(batch, parameters, whole)
                self._add(graph.product(self._parts(vector), keep=kept), out)

    def gradient(self, out: Tensor) -> None:
        whole = self._loss.total
        with self.leaves() as parameters:
            for batch in self._batches():
                parts = self._gradient(batch, parameters, whole)
                self.reached |= {name for name, part in zip(self._names, parts, strict=True) if part is not None}
                self._add(parts, out)

    def probe(self, samples: int, vector: Tensor | None = None) -> Tensor:
        """A product on a few samples, so that what does not work is found before a long run; with a fixed `vector` by default.

        Raises:
            EvaluationError: the loss has no derivatives. NotTwice: no second ones.
        """
        vector = probe_vector(self._objective.weights) if vector is None else vector
        try:
            return self._probed(samples, vector)
        except NotTwice:
            if self.plain_attention:
                raise
            self.plain_attention = True
            found = self._probed(samples, vector)  # where attention was not the reason, this raises the same again
            self.notes.append("fused attention has no second derivative; its math kernel is used instead")
            return found

    def try_gradient(self, samples: int) -> None:
        """The gradient on a few samples; raises what it raises."""
        batch, total = self.on_samples(samples)
        with self.leaves() as parameters:
            self._gradient(batch, parameters, total)

    def on_samples(self, samples: int) -> tuple[Any, float]:
        """A few samples as a batch, and the total with which its share is its own mean: the first that count."""
        for batch in self._loss.split.batches(samples):
            few, _ = next(iter(parts_of(batch, batch_length(batch), samples)), (batch, samples))
            if total := self._loss.alone(few):
                return few, total
        raise EvaluationError("no target counts in the mean of the loss, so it has no curvature")

    @contextlib.contextmanager
    def leaves(self) -> Iterator[list[nn.Parameter]]:
        """Within: the parameters that count require gradients, and numbers have the requested precision.

        All parameters require them where the loss itself differentiates by parameters, whichever count.
        """
        named = dict(named_parameters(self._objective.model))
        parameters = [named[name] for name in self._names]
        objective = self._objective
        wanted = [*named.values()] if objective.conduct.gradients == OF_PARAMETERS else parameters
        wanted = [each for each in wanted if each.is_floating_point() or each.is_complex()]
        with (
            differentiable(objective.model, plain_attention=self.plain_attention),
            switched(objective.precision, objective.device),
            torch.enable_grad(),
            objective.steady(),
        ):
            for parameter in wanted:
                parameter.requires_grad_(True)
            try:
                yield parameters
            finally:
                for parameter in wanted:
                    if parameter.is_leaf:
                        parameter.requires_grad_(False)

    def _probed(self, samples: int, vector: Tensor) -> Tensor:
        (batch, total), weights = self.on_samples(samples), self._objective.weights
        out = torch.zeros_like(weights)
        with self.leaves() as parameters:
            self._check_smooth(batch, parameters, total)
            try:
                graph = self._graph(batch, parameters, total)
                _check_twice(graph.differentiated())
                found = graph.product(self._parts(vector), keep=False)
            except (LandscapeError, NotTwice, torch.OutOfMemoryError):
                raise
            except Exception as error:  # the gradient was computed before, so only its derivative is missing
                raise NotTwice(f"no second derivative: {explain(error)}") from error
            self._add(found, out)
        return out

    def _check_smooth(self, batch: Any, parameters: list[nn.Parameter], total: float) -> None:
        """Raises EvaluationError when the gradient is zero at these weights and also beside them."""
        if self._part:
            return
        if is_zero(self._gradient(batch, parameters, total)):
            with self._nudged():
                check_smooth(self._gradient(batch, parameters, total))

    @contextlib.contextmanager
    def _nudged(self) -> Iterator[None]:
        """Within: the weights lie a little beside themselves."""
        weights, before = self._objective.weights, self._objective.weights.clone()
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(weights.shape, generator=generator, dtype=weights.dtype).to(weights.device)
        weights.add_(noise * (NUDGE * (before.norm() or 1.0) / noise.norm()))
        try:
            yield
        finally:
            weights.copy_(before)

    def _gradient(self, batch: Any, parameters: list[nn.Parameter], total: float) -> Parts:
        with in_words():
            value = self._loss.of_batch(batch, total)
            if not self._part:
                check_depends(value)
            if not value.requires_grad:
                return [None] * len(parameters)
            return torch.autograd.grad(value, parameters, allow_unused=True)

    def _graph(self, batch: Any, parameters: list[nn.Parameter], total: float) -> Graph:
        return self._make(self._loss, batch, parameters, total)

    def _batches(self) -> Iterator[Any]:
        return self._objective.batches(self._loss.split)

    def _parts(self, flat: Tensor) -> list[Tensor]:
        views = {entry.name: entry.own(view) for entry, view in self._objective.layout.views(flat)}
        return [views[name] for name in self._names]

    def _add(self, parts: Parts, out: Tensor) -> None:
        for result, part in zip(self._parts(out), parts, strict=True):
            if part is not None:
                result.add_(part)  # of a complex parameter torch's gradient is that by both parts


def probe_vector(weights: Tensor, seed: int = 1) -> Tensor:
    """A fixed vector (size,) like the weights, to compare products with."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(weights.shape, generator=generator, dtype=weights.dtype).to(weights.device)


def _check_twice(tensors: Sequence[Tensor]) -> None:
    """Raises NotTwice when a part of the graph ends in an operation that cannot be differentiated again.

    Where that operation is not on the way to a parameter, torch does not raise its error but leaves its part out.
    """
    waiting = [tensor.grad_fn for tensor in tensors]
    seen = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if any(word in node.name() for word in DEAD_ENDS):
            raise NotTwice(f"no second derivative: the graph of the gradient ends in {node.name()}")
        waiting += [other for other, _ in node.next_functions]


def _measured(make: Callable[[], T]) -> tuple[T, int]:
    """(what `make` gives, bytes of the tensors that its graph keeps)."""
    seen: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        found = make()
    return found, sum(seen.values())
