"""Products of the Hessian of the mean loss with vectors, at the weights that an objective holds.

Owns: `Products`, which parameters count, and the choice among three ways to compute a product: the program of rules
(program.py), autograd (graph.py), and differences of gradients where nothing can be differentiated twice. Sums run over all
samples of one split, each with its share of the mean, so nothing depends on how they are grouped into batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from landscape.callables import explain
from landscape.curvature.differences import ByDifferences
from landscape.curvature.graph import ByGraph, NotTwice
from landscape.curvature.lanczos import Operator
from landscape.curvature.tapes import ByProgram
from landscape.direction.normalize import ignored_names
from landscape.direction.random import gaussian
from landscape.errors import EvaluationError, UsageError
from landscape.objective.numerics import multiplies_bf16
from landscape.objective.objective import Objective
from landscape.program.rules import NoRule

MATRICES = ("hessian", "ggn")
SEARCHES = ("auto", "bf16", "exact")
# Rough products are used where they are so many times as fast, at least, and off by no more than this share; and where there
# is something to search in.
FASTER, OFF, FEW = 1.4, 0.05, 1000
# A way is taken only if it gives the products of autograd on a few samples; rounding grows with depth.
TOLERANCE = 2e-3
PROBED = 4


class Way(Protocol):
    """How products are computed; vectors have the objective's layout, and are zero where parameters do not count."""

    name: str

    def refresh(self) -> float:
        """After the weights have moved: the mean loss there."""

    def product(self, vector: Tensor, out: Tensor) -> None:
        """Adds the product with `vector` (size,) to `out` (size,)."""

    def gradient(self, out: Tensor) -> None:
        """Adds the gradient to `out` (size,)."""


class Products:
    """v -> H v, with H the Hessian of the mean loss over a split, or its Gauss-Newton matrix.

    Only the parameters `names` count: H is the block of these. Vectors are flat, (size,), in the objective's layout, with
    zeros elsewhere. `dimension` is the number of entries that count. `count` tells how many products were computed.
    """

    def __init__(
        self,
        objective: Objective,
        *,
        ignore: str = "biasbn",
        matrix: str = "hessian",
        only: Sequence[str] | None = None,
        way: str | None = None,
        budget: float = float("inf"),
    ):
        """`only`: the names of parameters to which the block is narrowed. `way`: program, graph or differences; None is the
        first of these that works. `budget`: bytes for what is kept between products.

        Raises:
            UsageError: unknown matrix; all parameters ignored. EvaluationError: the loss has no derivative.
        """
        if matrix not in MATRICES:
            raise UsageError(f"matrix '{matrix}': expected hessian or ggn")
        self._objective, self.matrix, self.count = objective, matrix, 0
        entries = [entry for entry in objective.layout.entries if not entry.is_buffer]
        left_out = ignored_names(objective.layout.named(objective.weights), ignore)
        counted = [entry for entry in entries if entry.name not in left_out and (only is None or entry.name in only)]
        if not counted:
            raise UsageError(f"ignore '{ignore}': leaves no parameter whose curvature could be taken")
        self.names = tuple(entry.name for entry in counted)
        self.dimension = sum(entry.numel for entry in counted)
        self.size = objective.layout.size
        self.notes: list[str] = []
        self._way = self._chosen(way, budget)
        self.loss = float("nan")

    @property
    def way(self) -> str:
        return self._way.name

    def refresh(self) -> float:
        """After the objective's weights have moved: gets ready for products there; returns the mean loss."""
        with self._objective.ready():
            pass  # batch norm that is recomputed at each point
        self.loss = self._way.refresh()
        return self.loss

    def __call__(self, vector: Tensor) -> Tensor:
        """(size,) H v."""
        out = torch.zeros_like(vector)
        self._way.product(vector, out)
        self.count += 1
        return out

    def roughly(self, search: str = "auto") -> Operator | None:
        """v -> about H v, in bfloat16; None where that does not pay: see `extremes`.

        `search`: "auto" takes them where they are faster on this machine, "bf16" wherever they can be had, "exact" never.
        Call it before `refresh`.

        Raises:
            UsageError: unknown search; bf16 where it cannot be had.
        """
        if search not in SEARCHES:
            raise UsageError(f"search '{search}': expected {', '.join(SEARCHES)}")
        if search == "exact":
            return None
        single = self._objective.weights.dtype == torch.float32
        if not isinstance(self._way, ByProgram) or not single:
            if search == "bf16":
                why = f"products are by {self.way}" if single else "the precision is fp64"
                raise UsageError(f"search bf16: {why}, and rough products want a program in fp32; leave search out")
            return None
        if search == "auto" and (self.dimension < FEW or not multiplies_bf16(self._objective.device)):
            return None
        faster, off = self._way.roughly()
        if search == "auto" and not (faster >= FASTER and off <= OFF):
            self._way.exactly()
            return None
        return self._rough

    def _rough(self, vector: Tensor) -> Tensor:
        out = torch.zeros_like(vector)
        self._way.rough_product(vector, out)
        return out

    def gradient(self) -> Tensor:
        """(size,) the gradient of the mean loss."""
        out = torch.zeros_like(self._objective.weights)
        self._way.gradient(out)
        return out

    def gaussian(self, seed: int, number: int = 0) -> Tensor:
        """(size,) standard normal entries where parameters count; drawn on the CPU, the same on every device."""
        layout, weights = self._objective.layout, self._objective.weights
        flat, views = torch.zeros(self.size, dtype=weights.dtype), layout.named(weights)
        counted = {name: views[name] for name in self.names}
        drawn = gaussian(counted, seed=seed, axis=number)
        for name, view in layout.named(flat).items():
            if name in drawn:
                view.copy_(drawn[name])
        return flat.to(weights.device)

    def _chosen(self, wanted: str | None, budget: float) -> Way:
        known = {"objective": self._objective, "names": self.names, "matrix": self.matrix, "budget": budget}
        if wanted not in (None, "program", "graph", "differences"):
            raise UsageError(f"products '{wanted}': expected program, graph or differences")
        if wanted == "differences":
            return ByDifferences(**known)
        try:
            reference = ByGraph(**known)
            reference.probe(PROBED)
        except NotTwice as reason:
            if wanted or self.matrix == "ggn":
                raise EvaluationError(str(reason)) from reason
            self.notes.append(f"{reason}; products are differences of gradients")
            return ByDifferences(**known)
        self.notes += reference.notes
        if wanted == "graph":
            return reference
        try:
            program = ByProgram(**known)
            if not program.agrees_with(reference, PROBED, TOLERANCE):
                raise NoRule("it does not give the products of autograd for this net")
        except Exception as reason:  # whatever a stranger's net does in a program, it has a graph
            if wanted:
                raise UsageError(f"products program: {explain(reason)}; leave the option out") from reason
            return reference
        return program
