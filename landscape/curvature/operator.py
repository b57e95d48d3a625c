"""The Hessian of the mean loss, or its Gauss-Newton matrix, as an operator at the weights that an objective holds.

Owns: `CurvatureOperator`, which parameters count, and the choice among three backends: the program of rules, autograd
(graph.py), and differences of gradients where nothing can be differentiated twice. Sums run over all samples of one split, each
with its share of the mean, so nothing depends on how they are grouped into batches.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from landscape.callables import explain
from landscape.curvature.agreement import Agreement, agreement
from landscape.curvature.basis import Operator
from landscape.curvature.differences import DifferencesBackend, in_double
from landscape.curvature.graph import GraphBackend, NotTwice, probe_vector
from landscape.curvature.tapes import ProgramBackend
from landscape.data.split import BatchSplit
from landscape.data.structure import batch_length
from landscape.direction.normalize import ignored_names
from landscape.direction.random import gaussian
from landscape.errors import EvaluationError, UsageError
from landscape.objective.numerics import multiplies_bf16
from landscape.objective.objective import Objective
from landscape.program.rules import NoRule

MATRICES = ("hessian", "ggn")
BACKENDS = ("program", "graph", "differences")
AUTO, BF16, EXACT = SEARCHES = ("auto", "bf16", "exact")
# Low precision is used where it is at least this many times as fast, off by no more than this share, and where the space is
# large enough for a search.
MIN_SPEEDUP, MAX_ERROR, MIN_PARAMETERS = 1.4, 0.05, 1000
# The program is taken only if it gives the products of autograd on a few samples; rounding grows with depth.
TOLERANCE = 2e-3
# Where rounding is more than that, on more samples the program may be this many times as far from float64 as autograd, and this
# far at most.
MORE_SAMPLES, WORSE, MOST_ROUNDING = 16, 3.0, 0.02
# Products are those of a symmetric matrix up to this share, see `_asymmetry`: in float32 it was 2e-4 at the minimum of a deep
# net, and otherwise below 3e-6.
SYMMETRY, SYMMETRY_FP64 = 3e-3, 1e-6
NEEDS_PROGRAM = "and low precision needs a program in fp32; leave search out"
PROBE_SAMPLES, MANY_SAMPLES = 4, (64, 512)


class Backend(Protocol):
    """How products are computed; vectors have the objective's layout, and are zero where parameters do not count."""

    name: str

    def refresh(self) -> float:
        """Prepares for the weights as they are now; returns the mean loss there."""

    def product(self, vector: Tensor, out: Tensor) -> None:
        """Adds the product with `vector` (size,) to `out` (size,)."""

    def gradient(self, out: Tensor) -> None:
        """Adds the gradient to `out` (size,)."""


class CurvatureOperator:
    """v -> H v, with H the Hessian of the mean loss over a split, or its Gauss-Newton matrix.

    Only the parameters `names` count: H is the block of these. Vectors are flat, (size,), in the objective's layout, with
    zeros elsewhere. `dimension` is the number of entries that count, `count` that of the products computed so far.
    """

    def __init__(
        self,
        objective: Objective,
        *,
        ignore: str = "biasbn",
        matrix: str = "hessian",
        only: Sequence[str] | None = None,
        backend: str | None = None,
        budget: float = float("inf"),
        part: bool = False,
    ):
        """`only`: the names of parameters to which the block is narrowed. `backend`: program, graph or differences; None is
        the first of these that works. `budget`: bytes for what is kept between products. `part`: the operator of more parameters
        works, so zeros are the truth about these, and not the sign of a loss without derivatives.

        Raises:
            UsageError: unknown matrix or backend; all parameters ignored. EvaluationError: the loss has no derivative.
        """
        if matrix not in MATRICES:
            raise UsageError(f"matrix '{matrix}': expected hessian or ggn")
        if backend not in (None, *BACKENDS):
            raise UsageError(f"products '{backend}': expected program, graph or differences")
        if why := getattr(objective.measure, "no_hessian", None):
            raise UsageError(why)
        self._objective, self.matrix, self.count, self._part = objective, matrix, 0, part
        entries = [entry for entry in objective.layout.entries if not entry.is_buffer]
        own = {entry.name: entry.own(view) for entry, view in objective.layout.views(objective.weights)}
        left_out = ignored_names(own, ignore)
        counted = [entry for entry in entries if entry.name not in left_out and (only is None or entry.name in only)]
        if not counted:
            raise UsageError(f"ignore '{ignore}': leaves no parameter whose curvature could be taken")
        self.names = tuple(entry.name for entry in counted)
        self.dimension = sum(entry.numel for entry in counted)
        self.size = objective.layout.size
        self.notes: list[str] = []
        self._plain_attention = False
        self._backend = self._chosen(backend, budget)
        if isinstance(self._backend, DifferencesBackend):
            self.notes += self._backend.notes
        self.loss = float("nan")

    @property
    def backend(self) -> str:
        return self._backend.name

    def refresh(self) -> float:
        """Prepares for the objective's weights as they are now; returns the mean loss there."""
        with self._objective.ready():
            pass  # batch norm that is recomputed at each point
        self.loss = self._backend.refresh()
        return self.loss

    def __call__(self, vector: Tensor) -> Tensor:
        """(size,) H v."""
        out = torch.zeros_like(vector)
        self._backend.product(vector, out)
        self.count += 1
        return out

    @property
    def has_low_precision(self) -> bool:
        """Whether there are products in bfloat16 at all."""
        return self._is_single and isinstance(self._backend, ProgramBackend)

    @property
    def _is_single(self) -> bool:
        return self._objective.weights.dtype == torch.float32

    def low_precision(self, search: str = AUTO) -> Operator | None:
        """v -> about H v, in bfloat16; None where that does not pay: see `extremes`.

        `search`: "auto" takes it where it is faster on this machine, "bf16" wherever there is one, "exact" never. To be called
        before `refresh`.

        Raises:
            UsageError: unknown search; bf16 where there is none.
        """
        if search not in SEARCHES:
            raise UsageError(f"search '{search}': expected {', '.join(SEARCHES)}")
        backend = self._backend
        if search == BF16 and not self._is_single:
            raise UsageError(f"search bf16: the precision is fp64, {NEEDS_PROGRAM}")
        if search == BF16 and not isinstance(backend, ProgramBackend):
            raise UsageError(f"search bf16: products are by {backend.name}, {NEEDS_PROGRAM}")
        if not self.has_low_precision or not isinstance(backend, ProgramBackend):
            return None
        if search == EXACT:
            backend.use_full_precision()
            return None
        if search == AUTO and not self._worth_trying():
            return None
        speedup, error = backend.use_low_precision()
        if search == AUTO and not (speedup >= MIN_SPEEDUP and error <= MAX_ERROR):
            backend.use_full_precision()
            return None

        def product(vector: Tensor) -> Tensor:
            out = torch.zeros_like(vector)
            backend.low_precision_product(vector, out)
            return out

        return product

    def gradient(self) -> Tensor:
        """(size,) the gradient of the mean loss."""
        out = torch.zeros_like(self._objective.weights)
        self._backend.gradient(out)
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

    def on(self, objective: Objective) -> Backend:
        """The same matrix of other data, those of a view of this objective (`Objective.view`); keeps nothing between products."""
        if isinstance(self._backend, DifferencesBackend):
            return DifferencesBackend(objective, self.names, self.matrix)
        return GraphBackend(objective, self.names, self.matrix, 0.0, plain_attention=self._plain_attention)

    def _worth_trying(self) -> bool:
        return self.dimension >= MIN_PARAMETERS and multiplies_bf16(self._objective.device)

    def _chosen(self, wanted: str | None, budget: float) -> Backend:
        objective, names, matrix = self._objective, self.names, self.matrix
        if wanted == "differences":
            return DifferencesBackend(objective, names, matrix, part=self._part)
        reference = GraphBackend(objective, names, matrix, budget, part=self._part)
        try:
            reference.probe(PROBE_SAMPLES)
        except NotTwice as reason:
            if wanted or matrix == "ggn":
                raise EvaluationError(str(reason)) from reason
            self.notes.append(f"{reason}; products are differences of gradients")
            return DifferencesBackend(objective, names, matrix, part=self._part)
        self.notes += reference.notes
        self._plain_attention = reference.plain_attention
        found = Agreement()
        if not self._part:
            found = agreement(self._few(reference, PROBE_SAMPLES), names, plain_attention=reference.plain_attention)
        if found.gradient:
            self.notes.append(f"{found.gradient}: {found.cause}; curvature is that of the gradient, not of the surface")
        if lopsided := self._lopsided(reference):
            return self._without_autograd(reference, wanted, lopsided)
        if found.product and matrix == "hessian":
            return self._without_autograd(reference, wanted, found.product)
        if wanted == "graph":
            return reference
        try:
            program = ProgramBackend(objective, names, matrix, budget)
            if not self._agree(program, reference):
                raise NoRule("it does not give the products of autograd for this net")
        except Exception as reason:  # whatever a stranger's net does in a program, it has a graph
            if wanted:
                raise UsageError(f"products program: {explain(reason)}; leave the option out") from reason
            return reference
        return program

    def _lopsided(self, reference: GraphBackend) -> str:
        """How autograd's products are not those of a symmetric matrix; "" where they are.

        Of samples that a net fits well, rounding may be all there is; more of them, in float64, tell then.
        """
        weights, names = self._objective.weights, self.names
        single = weights.dtype != torch.float64
        if (found := _asymmetry(reference, weights, PROBE_SAMPLES)) <= (SYMMETRY if single else SYMMETRY_FP64):
            return ""
        with contextlib.suppress(Exception):  # whatever a stranger's net does with numbers that it does not expect
            for samples in (PROBE_SAMPLES, *MANY_SAMPLES):
                double = GraphBackend(in_double(self._few(reference, samples)), names, self.matrix, 0.0)
                if (found := _asymmetry(double, weights.double(), samples)) <= SYMMETRY_FP64:
                    return ""
        return f"u'Hv and v'Hu differ by {100 * found:.2g} % of their length"

    def _agree(self, program: ProgramBackend, reference: GraphBackend) -> bool:
        """Whether both give the same product on a few samples, or on more of them up to their rounding.

        In a deep net without shortcuts rounding is more than the tolerance, in both ways; float64 tells then.
        """
        found, expected = program.probe(reference, PROBE_SAMPLES), reference.probe(PROBE_SAMPLES)
        if float((found - expected).norm()) <= TOLERANCE * float(expected.norm()):
            return True
        if found.dtype == torch.float64:
            return False
        vector = probe_vector(self._objective.weights)
        double = GraphBackend(in_double(self._few(reference, MORE_SAMPLES)), self.names, self.matrix, 0.0)
        exact = double.probe(MORE_SAMPLES, vector.double())
        pair = program.probe(reference, MORE_SAMPLES), reference.probe(MORE_SAMPLES, vector)
        off, usual = (float((each.double() - exact).norm() / exact.norm()) for each in pair)
        return off <= min(MOST_ROUNDING, max(TOLERANCE, WORSE * usual))

    def _few(self, reference: GraphBackend, samples: int) -> Objective:
        """The objective on the samples that a probe takes."""
        batch, _ = reference.on_samples(samples)
        size = batch_length(batch)
        name = next(iter(self._objective.splits))
        return self._objective.view(splits={name: BatchSplit([batch], size, size, "")})

    def _without_autograd(self, reference: GraphBackend, wanted: str | None, why: str) -> Backend:
        """Where autograd's products are wrong: those that were asked for, or differences of gradients."""
        wrong = f"autograd's second derivatives of this net are wrong ({why})"
        if wanted == "program":
            raise UsageError(
                f"products program: {wrong}, so there is nothing to check it against; leave the option out"
            )
        if wanted == "graph" or self.matrix == "ggn":
            self.notes.append(f"{wrong}; errors include that")
            return reference
        self.notes.append(f"{wrong}; products are differences of gradients")
        return DifferencesBackend(self._objective, self.names, self.matrix, part=self._part)


def _asymmetry(backend: GraphBackend, weights: Tensor, samples: int) -> float:
    """How far u'Hv is from v'Hu for two random vectors, as a share of the lengths of Hu and Hv."""
    u, v = probe_vector(weights), probe_vector(weights, seed=2)
    seen, mirrored = (backend.probe(samples, each) for each in (v, u))
    scale = float(seen.norm() + mirrored.norm())
    return abs(float(u @ seen - v @ mirrored)) / scale if scale else 0.0
