"""Products by autograd, for every net and every loss that can be differentiated twice.

Owns: differentiating the gradient. The graph of the gradient is kept between products as far as memory allows, which
saves the forward and the first backward pass of each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape.callables import explain
from landscape.curvature.shares import Loss, check_smooth
from landscape.data.split import mapped
from landscape.errors import EvaluationError, LandscapeError, UsageError
from landscape.objective.numerics import switched
from landscape.objective.objective import Objective

# What torch says of an operation whose backward pass has no derivative of its own.
NOT_TWICE = ("not implemented", "double backward", "once_differentiable", "does not support higher order", "cudnn_rnn")
# Names of the nodes that stand for that operation in a graph.
ENDS = ("Error", "NotImplemented")
NUDGE = 1e-2


class NotTwice(Exception):
    """The net or its loss cannot be differentiated twice; says why."""


class ByGraph:
    """See `products.Way`."""

    name = "graph"

    def __init__(self, objective: Objective, names: Sequence[str], matrix: str, budget: float):
        self._objective, self._names, self._matrix, self._budget = objective, tuple(names), matrix, budget
        self._loss = Loss(objective)
        if matrix == "ggn" and not self._loss.reads_outputs:
            raise UsageError("ggn needs a loss of (outputs, targets); one of (model, batch) hides the outputs")
        self._graphs: list[Any] = []
        self._math = False
        self.notes: list[str] = []

    def refresh(self) -> float:
        self._graphs, total, held = [], 0.0, 0
        with self.leaves() as parameters:
            for batch in self._batches():
                if held is not None and held < self._budget:
                    graph, nbytes = _measured(lambda batch=batch: self._graph(batch, parameters))
                    total += float(graph[0])
                    # the next will be as large
                    held = held + nbytes if held + 2 * nbytes <= self._budget else None
                    self._graphs.append(graph)
                else:
                    total += float(self._loss.of_batch(batch, self._loss.split.size).detach())
        return total

    def product(self, vector: Tensor, out: Tensor) -> None:
        with self.leaves() as parameters:
            parts, results = self._parts(vector), self._parts(out)
            for number, batch in enumerate(self._batches()):
                kept = number < len(self._graphs)
                graph = self._graphs[number] if kept else self._graph(batch, parameters)
                found = (self._hessian if self._matrix == "hessian" else self._ggn)(graph, parameters, parts, kept)
                for result, part in zip(results, found, strict=True):
                    if part is not None:
                        result.add_(part)

    def gradient(self, out: Tensor) -> None:
        with self.leaves() as parameters:
            results = self._parts(out)
            for batch in self._batches():
                value = self._loss.of_batch(batch, self._loss.split.size)
                if not value.requires_grad:
                    check_smooth([], value)
                for result, part in zip(
                    results, torch.autograd.grad(value, parameters, allow_unused=True), strict=True
                ):
                    if part is not None:
                        result.add_(part)

    def probe(self, samples: int) -> Tensor:
        """A product on a few samples, so that what does not work is found before a long run; then the product.

        Raises:
            EvaluationError: the loss has no derivatives. NotTwice: no second ones.
        """
        try:
            return self._probed(samples)
        except NotTwice:
            if self._math:
                raise
            self._math = True
            found = self._probed(samples)  # where no attention was the reason, it is refused again
            self.notes.append("fused attention has no second derivative; its math kernel is used instead")
            return found

    def on_samples(self, samples: int) -> Any:
        """The first few samples, as a batch."""
        batch = next(iter(self._loss.split.batches(samples)))
        return mapped(batch, lambda tensor: tensor[:samples] if tensor.ndim else tensor)

    def _probed(self, samples: int) -> Tensor:
        batch, weights = self.on_samples(samples), self._objective.weights
        with self.leaves() as parameters:
            value = self._loss.of_batch(batch, samples)
            gradients = self._first(value, parameters)
            if all(g is None or not bool(torch.count_nonzero(g)) for g in gradients):
                before = weights.clone()
                generator = torch.Generator().manual_seed(0)
                noise = torch.randn(weights.shape, generator=generator, dtype=weights.dtype).to(weights.device)
                weights.add_(noise * (NUDGE * (before.norm() or 1.0) / noise.norm()))
                value = self._loss.of_batch(batch, samples)
                gradients = self._first(value, parameters)
                weights.copy_(before)
            check_smooth(gradients, value)
            out = torch.zeros_like(weights)
            vector = probe_vector(weights)
            try:
                graph = self._graph(batch, parameters, samples)
                _check_graph(graph)
                apply = self._hessian if self._matrix == "hessian" else self._ggn
                found = apply(graph, parameters, self._parts(vector), False)
            except LandscapeError:
                raise
            except (RuntimeError, NotImplementedError) as error:
                if any(words in str(error) for words in NOT_TWICE):
                    raise NotTwice(f"no second derivative: {explain(error)}") from error
                raise EvaluationError(f"a product with the Hessian failed: {explain(error)}") from error
            for result, part in zip(self._parts(out), found, strict=True):
                if part is not None:
                    result.add_(part)
        return out

    def _first(self, value: Tensor, parameters: list[Tensor]) -> list[Tensor | None]:
        if not value.requires_grad:
            check_smooth([], value)
        return list(torch.autograd.grad(value, parameters, allow_unused=True))

    @contextlib.contextmanager
    def leaves(self) -> Iterator[list[Tensor]]:
        """Within: the parameters that count want gradients, and numbers are as precise as asked for."""
        named = dict(self._objective.model.named_parameters())
        parameters = [named[name] for name in self._names]
        objective = self._objective
        attention = sdpa_kernel([SDPBackend.MATH]) if self._math else contextlib.nullcontext()
        with attention, switched(objective.precision, objective.device), torch.enable_grad():
            for parameter in parameters:
                parameter.requires_grad_(True)
            try:
                yield parameters
            finally:
                for parameter in parameters:
                    if parameter.is_leaf:
                        parameter.requires_grad_(False)

    def _batches(self) -> Iterator[Any]:
        return self._loss.split.batches(self._objective.batch_size)

    def _parts(self, flat: Tensor) -> list[Tensor]:
        views = self._objective.layout.named(flat)
        return [views[name] for name in self._names]

    def _graph(self, batch: Any, parameters: list[Tensor], total: int | None = None) -> tuple:
        """(value, what is differentiated again): the gradient, or the outputs with their loss."""
        total = total or self._loss.split.size
        if self._matrix == "ggn":
            outputs = self._loss.outputs(batch)
            leaf = outputs.detach().requires_grad_()
            value = self._loss.of_outputs(leaf, batch, total)
            (slope,) = torch.autograd.grad(value, leaf, create_graph=True)
            dummy = torch.zeros_like(outputs, requires_grad=True)
            back = torch.autograd.grad(outputs, parameters, dummy, create_graph=True, allow_unused=True)
            return value.detach(), outputs, leaf, slope, dummy, back
        value = self._loss.of_batch(batch, total)
        if not value.requires_grad:
            check_smooth([], value)
        return value.detach(), torch.autograd.grad(value, parameters, create_graph=True, allow_unused=True)

    @staticmethod
    def _hessian(graph: tuple, parameters: list[Tensor], parts: list[Tensor], keep: bool) -> Sequence[Tensor | None]:
        pairs = [(g, v) for g, v in zip(graph[1], parts, strict=True) if g is not None and g.requires_grad]
        if not pairs:
            return [None] * len(parameters)
        gradients, vectors = zip(*pairs, strict=True)
        return torch.autograd.grad(gradients, parameters, vectors, retain_graph=keep, allow_unused=True)

    @staticmethod
    def _ggn(graph: tuple, parameters: list[Tensor], parts: list[Tensor], keep: bool) -> Sequence[Tensor | None]:
        """J^T H_L J v; J v as the derivative of J^T u by u."""
        _, outputs, leaf, slope, dummy, back = graph
        pairs = [(g, v) for g, v in zip(back, parts, strict=True) if g is not None]
        (moved,) = torch.autograd.grad([g for g, _ in pairs], dummy, [v for _, v in pairs], retain_graph=True)
        bent = None
        if slope.requires_grad:
            (bent,) = torch.autograd.grad(slope, leaf, moved, retain_graph=keep, allow_unused=True)
        if bent is None:
            return [None] * len(parameters)
        return torch.autograd.grad(outputs, parameters, bent, retain_graph=keep, allow_unused=True)


def _check_graph(graph: tuple) -> None:
    """Raises NotTwice when a part of the graph ends in an operation that cannot be differentiated again.

    Where that operation is not on the way to a parameter, torch does not raise its error but leaves its part out.
    """
    waiting = [t.grad_fn for t in _tensors(graph) if t.grad_fn is not None]
    seen = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if any(word in node.name() for word in ENDS):
            raise NotTwice(f"no second derivative: the graph of the gradient ends in {node.name()}")
        waiting += [other for other, _ in node.next_functions]


def _tensors(graph: tuple) -> Iterator[Tensor]:
    for part in graph:
        if isinstance(part, Tensor):
            yield part
        elif isinstance(part, (tuple, list)):
            yield from _tensors(part)


def probe_vector(weights: Tensor) -> Tensor:
    """A fixed vector (size,) like the weights, to compare products with."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(weights.shape, generator=generator, dtype=weights.dtype).to(weights.device)


def _measured(make):
    """(what `make` gives, bytes of the tensors that its graph keeps)."""
    seen: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        found = make()
    return found, sum(seen.values())
