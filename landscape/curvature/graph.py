"""Products by autograd, for every net and every loss that can be differentiated twice.

Owns: differentiating the gradient. The graph of the gradient is kept between products as far as memory allows, which
saves the forward and the first backward pass of each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from landscape.callables import explain
from landscape.curvature.kernels import differentiable
from landscape.curvature.shares import Loss, check_depends, check_smooth, is_zero
from landscape.data.structure import batch_length
from landscape.errors import EvaluationError, LandscapeError, UsageError
from landscape.objective.conduct import parts_of
from landscape.objective.numerics import switched
from landscape.objective.objective import Objective

# Parts of the names of the nodes that stand for that operation in a graph.
DEAD_ENDS = ("Error", "NotImplemented")
NUDGE = 1e-2

T = TypeVar("T")
# Of each parameter; None where it has no part in the result.
Parts = Sequence[Tensor | None]


class NotTwice(Exception):
    """The net or its loss cannot be differentiated twice; says why."""


class GraphBackend:
    """See `operator.Backend`."""

    name = "graph"

    def __init__(
        self, objective: Objective, names: Sequence[str], matrix: str, budget: float, *, plain_attention: bool = False
    ):
        """`plain_attention`: by the kernel that has second derivatives, as `probe` has found to be needed."""
        self._objective, self._names, self._budget = objective, tuple(names), budget
        self._loss = Loss(objective)
        if matrix == "ggn" and not self._loss.reads_outputs:
            raise UsageError("ggn needs a loss of (outputs, targets); one of (model, batch) hides the outputs")
        self._make: type[_Hessian] | type[_GaussNewton] = _Hessian if matrix == "hessian" else _GaussNewton
        self._graphs: list[_Graph] = []
        self.plain_attention = plain_attention
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
                self._add(self._gradient(batch, parameters, whole), out)

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
        """Within: the parameters that count require gradients, and numbers have the requested precision."""
        named = dict(self._objective.model.named_parameters())
        parameters = [named[name] for name in self._names]
        objective = self._objective
        with (
            differentiable(objective.model, plain_attention=self.plain_attention),
            switched(objective.precision, objective.device),
            torch.enable_grad(),
            objective.steady(),
        ):
            for parameter in parameters:
                parameter.requires_grad_(True)
            try:
                yield parameters
            finally:
                for parameter in parameters:
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
        value = self._loss.of_batch(batch, total)
        check_depends(value)
        return torch.autograd.grad(value, parameters, allow_unused=True)

    def _graph(self, batch: Any, parameters: list[nn.Parameter], total: float) -> _Graph:
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


class _Graph(Protocol):
    """What is differentiated again at every product with a batch's share of the matrix; `loss` is its share of the mean."""

    loss: float

    def product(self, tangents: Sequence[Tensor], *, keep: bool) -> Parts:
        """The product with `tangents`, by parameter; `keep`: another one follows."""

    def differentiated(self) -> list[Tensor]:
        """The tensors whose graphs a product goes through."""


class _Hessian:
    """The gradient of a batch's share."""

    def __init__(self, loss: Loss, batch: Any, parameters: list[nn.Parameter], total: float):
        value = loss.of_batch(batch, total)
        check_depends(value)
        self.loss, self._parameters = float(value.detach()), parameters
        self._gradient: Parts = torch.autograd.grad(value, parameters, create_graph=True, allow_unused=True)

    def product(self, tangents: Sequence[Tensor], *, keep: bool) -> Parts:
        pairs = [(g, v) for g, v in zip(self._gradient, tangents, strict=True) if g is not None and g.requires_grad]
        if not pairs:
            return [None] * len(self._parameters)
        gradients, vectors = zip(*pairs, strict=True)
        return torch.autograd.grad(gradients, self._parameters, vectors, retain_graph=keep, allow_unused=True)

    def differentiated(self) -> list[Tensor]:
        return [part for part in self._gradient if part is not None]


class _GaussNewton:
    """The outputs J of the net by its parameters, and the slope of the loss by the outputs: J^T H_L J v.

    J v is the derivative of J^T u by u, at any cotangent u.
    """

    def __init__(self, loss: Loss, batch: Any, parameters: list[nn.Parameter], total: float):
        self._parameters, self._outputs = parameters, loss.outputs(batch)
        self._leaf = self._outputs.detach().requires_grad_()
        value = loss.of_outputs(self._leaf, batch, total)
        self.loss = float(value.detach())
        (self._slope,) = torch.autograd.grad(value, self._leaf, create_graph=True)
        self._cotangent = torch.zeros_like(self._outputs, requires_grad=True)
        self._pulled: Parts = torch.autograd.grad(
            self._outputs, parameters, self._cotangent, create_graph=True, allow_unused=True
        )

    def product(self, tangents: Sequence[Tensor], *, keep: bool) -> Parts:
        pairs = [(g, v) for g, v in zip(self._pulled, tangents, strict=True) if g is not None]
        pulled, vectors = [g for g, _ in pairs], [v for _, v in pairs]
        (tangent,) = torch.autograd.grad(pulled, self._cotangent, vectors, retain_graph=True)
        cotangent = None
        if self._slope.requires_grad:
            (cotangent,) = torch.autograd.grad(self._slope, self._leaf, tangent, retain_graph=keep, allow_unused=True)
        if cotangent is None:
            return [None] * len(self._parameters)
        return torch.autograd.grad(self._outputs, self._parameters, cotangent, retain_graph=keep, allow_unused=True)

    def differentiated(self) -> list[Tensor]:
        return [self._outputs, self._slope, *(part for part in self._pulled if part is not None)]


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
