"""The spectrum of a large symmetric operator, known through products: its ends, its trace, its density.

Owns: top and bottom eigenvalues with their vectors, the trace by Hutch++, the density by stochastic Lanczos quadrature, and
the number of negative eigenvalues. Estimates from random vectors carry their standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from landscape.curvature.acceptance import Acceptance, all_errors, with_products
from landscape.curvature.basis import Operator, RandomVectors, rounding
from landscape.curvature.extremes import MAX_PRODUCTS
from landscape.curvature.lanczos import Krylov, Ritz
from landscape.errors import EvaluationError
from landscape.surfaces.spectrum import Density

# Each kind of estimate draws from numbers of its own, so that none changes when another is left out.
TRACE_DRAWS, DENSITY_DRAWS = 1_000, 2_000
# A single random vector may hold little of an eigenvector, and reaches only one direction of a multiple eigenvalue.
STARTS = 2
# When all values seem to be found, one more random vector must not find others within this many products. With 3, one of 20
# triple eigenvalues in 20,000 dimensions was found only twice, with 4 none.
CHECK_PRODUCTS = 5
# A large T takes long to solve: beyond this many products, the space is looked at only when it has grown by 1 / LOOKS.
ALWAYS_LOOK, LOOKS = 64, 32


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """Eigenvalues (k,) rising, their error bounds (k,), and vectors (k, n) of unit length.

    `converged`: they passed `Acceptance`, and a fresh random vector then found no others. `products`: how many were computed.
    """

    values: np.ndarray
    errors: np.ndarray
    vectors: Tensor
    products: int
    converged: bool


def eigenpairs(
    apply: Operator,
    random: RandomVectors,
    dimension: int,
    *,
    top: int,
    bottom: int,
    tolerance: float = 0.01,
    max_products: int = MAX_PRODUCTS,
) -> Eigenpairs:
    """The `bottom` smallest and `top` largest eigenvalues, each to a relative error of `tolerance`; see `Acceptance`.

    Raises:
        EvaluationError: a product is not finite.
    """
    starts = [random(number) for number in range(STARTS)]
    krylov = Krylov(apply, starts, random, dimension)
    return _KrylovSearch(krylov, min(top, dimension), min(bottom, dimension), tolerance, max_products).run()


class _Seen(NamedTuple):
    """All Ritz pairs of a space, which of them are wanted, the errors of these, and whether the search may end."""

    ritz: Ritz
    wanted: np.ndarray
    errors: np.ndarray
    accepted: bool

    @property
    def values(self) -> np.ndarray:
        return self.ritz.values[self.wanted]

    @property
    def scale(self) -> float:
        return float(np.abs(self.ritz.values).max())


class _KrylovSearch:
    """One search for the eigenvalues of both ends in a Krylov space."""

    def __init__(self, krylov: Krylov, top: int, bottom: int, tolerance: float, max_products: int):
        self._krylov, self._top, self._bottom, self._max = krylov, top, bottom, max_products
        self._acceptance = Acceptance(tolerance)

    def run(self) -> Eigenpairs:
        seen, confirmed = self._accepted(), False
        while not (confirmed or self._exhausted()):
            before = seen.values
            self._check()
            seen = self._accepted()
            confirmed = seen.accepted and self._acceptance.agree(before, seen.values, seen.scale)
        krylov = self._krylov
        vectors = krylov.vectors(seen.ritz, seen.wanted)
        noise, scale = seen.ritz.noise[seen.wanted], seen.scale
        errors = with_products(seen.errors, noise, scale, torch.finfo(vectors.dtype).eps)
        settled = (confirmed or krylov.complete) and bool(self._acceptance.bears(seen.values, noise, scale).all())
        return Eigenpairs(seen.values, errors, vectors, krylov.size, settled)

    def _accepted(self) -> _Seen:
        """Grows the space until the search may end, or no more products may be spent."""
        self._acceptance.reset()
        while True:
            exhausted = self._exhausted()
            if exhausted or self._looks():
                seen = self._look()
                if exhausted or seen.accepted:
                    return seen
            self._krylov.step()

    def _look(self) -> _Seen:
        size, ritz = self._krylov.size, self._krylov.ritz()
        wanted = np.unique(np.concatenate([np.arange(self._bottom), size - 1 - np.arange(self._top)]))
        wanted = wanted[(wanted >= 0) & (wanted < size)].astype(int)
        errors = all_errors(ritz.values, ritz.residuals)[wanted]
        seen = _Seen(ritz, wanted, errors, False)
        found = self._acceptance.found(seen.values, ritz.residuals[wanted], errors, scale=seen.scale, size=size)
        return seen._replace(accepted=self._acceptance.holds(found, size))

    def _check(self) -> None:
        """Grows the space from a fresh random vector alone."""
        self._krylov.add_random()
        for _ in range(CHECK_PRODUCTS):
            if not self._exhausted():
                self._krylov.step(newest=True)

    def _exhausted(self) -> bool:
        return self._krylov.complete or self._krylov.size >= self._max

    def _looks(self) -> bool:
        size = self._krylov.size
        enough = size >= min(self._top + self._bottom, self._krylov.dimension)
        return enough and (size <= ALWAYS_LOOK or size % (size // LOOKS) == 0)


def density(
    apply: Operator,
    random: RandomVectors,
    dimension: int,
    *,
    probes: int = 4,
    steps: int = 60,
    known: Eigenpairs | None = None,
    on_probe: Callable[[int], None] = lambda probe: None,
) -> Density:
    """The density of eigenvalues by stochastic Lanczos quadrature (Golub and Meurant 1994; Ubaru, Chen, Saad 2017).

    The Ritz values of a Lanczos run from a random vector are the nodes of a Gauss quadrature, and the squares of the first
    entries of their vectors its weights. Eigenvectors that are `known` are taken out of the random vectors, so the few
    large eigenvalues are counted and not estimated.
    """
    vectors = None if known is None else known.vectors
    values = np.zeros(0) if known is None else known.values
    left = dimension - len(values)
    if left < 1:
        return Density(np.zeros((1, 1)), np.zeros((1, 1)), values, dimension)

    def outside(vector: Tensor) -> Tensor:
        if vectors is not None:
            for _ in range(2):
                vector = vector - vectors.mT @ (vectors @ vector)
        return vector

    nodes, weights = [], []
    steps = min(steps, left)
    for probe in range(probes):
        start = outside(random(DENSITY_DRAWS + probe))
        krylov = Krylov(lambda v: outside(apply(v)), [start], lambda k: outside(random(k)), left)
        while krylov.size < steps and not krylov.closed:
            krylov.step()
        ritz = krylov.ritz()
        pad = steps - krylov.size
        nodes.append(np.pad(ritz.values, (0, pad)))
        weights.append(np.pad(ritz.vectors[0] ** 2, (0, pad)))
        on_probe(probe)
    return Density(np.array(nodes), np.array(weights), values, dimension)


def trace(apply: Operator, random: RandomVectors, dimension: int, *, products: int = 30) -> tuple[float, float]:
    """(trace, its standard error) by Hutch++ (Meyer, Musco, Musco, Woodruff 2021) with about this many `products`.

    A third of them finds where the operator is large, a third takes the trace there exactly, the last estimates the rest
    with random signs. With as many products as three times the dimension, the result is exact and its error 0.

    The variance of a probe z'Bz is at most 2 |B|^2 (Frobenius, less the diagonal's part), and |Bz|^2, which comes with it, has
    the mean |B|^2. The error is from the mean of that bound and of the spread found, which alone is too small for few probes: of
    300 estimates of each of four matrices, 86 % to 95 % lay within two errors of the spread, 94 % to 100 % within two of these.
    """
    each = max(2, products // 3)
    sketch = [apply(random(TRACE_DRAWS + k).sign()) for k in range(min(each, dimension))]
    basis = _orthonormal(sketch)
    exact = sum(float(q @ apply(q)) for q in basis)
    if len(basis) >= dimension:
        return exact, 0.0
    rest, bounds = [], []
    for k in range(each):
        probe = random(TRACE_DRAWS + each + k).sign()
        probe = probe - basis.mT @ (basis @ probe)
        product = apply(probe)
        rest.append(float(probe @ product))
        left = product - basis.mT @ (basis @ product)
        bounds.append(2 * float(left @ left))
    if not np.isfinite([exact, *rest]).all():
        raise EvaluationError("a product with the Hessian is not finite")
    variance = (np.var(rest, ddof=1) + np.mean(bounds)) / 2
    return exact + float(np.mean(rest)), float(np.sqrt(variance / len(rest)))


def _orthonormal(vectors: Sequence[Tensor]) -> Tensor:
    """(k, n) an orthonormal basis of the span; directions that are lost in rounding are left out."""
    q, r = torch.linalg.qr(torch.stack(list(vectors)).mT)
    sizes = r.diagonal().abs()
    return q.mT[sizes > rounding(sizes, float(sizes.max()))]
