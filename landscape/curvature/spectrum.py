"""The spectrum of a large symmetric operator, known through products: its ends, its trace, its density.

Owns: top and bottom eigenvalues with their vectors, the trace by Hutch++, the density by stochastic Lanczos quadrature, and
the number of negative eigenvalues. What is estimated by chance carries its standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape.curvature.lanczos import Krylov, Operator, Ritz, settled
from landscape.errors import EvaluationError
from landscape.surfaces.spectrum import Density

Random = Callable[[int], Tensor]

# Each kind of estimate draws from numbers of its own, so that none changes when another is asked for.
TRACE_DRAWS, DENSITY_DRAWS = 1_000, 2_000
# Looking at the Ritz values takes long when there are many: at every step at first, then every tenth of the size.
LOOKS = 10


@dataclass(frozen=True, eq=False)
class Pairs:
    """Eigenvalues (k,) rising, their error bounds (k,), and vectors (k, n) of unit length."""

    values: np.ndarray
    errors: np.ndarray
    vectors: Tensor
    products: int
    converged: bool


def eigenpairs(
    apply: Operator, random: Random, dimension: int, *, top: int, bottom: int, tolerance: float = 0.01, most: int = 300
) -> Pairs:
    """The `bottom` smallest and `top` largest eigenvalues, each to a relative error of `tolerance`.

    See `settled` for eigenvalues near zero. At most `most` products.

    Raises:
        EvaluationError: a product is not finite.
    """
    krylov = Krylov(apply, random(0), random, dimension)
    top, bottom = min(top, dimension), min(bottom, dimension)
    wanted = min(top + bottom, dimension)
    while True:
        krylov.step()
        enough = krylov.size >= wanted or krylov.complete
        if not enough or not (krylov.complete or krylov.size >= most or _looks(krylov.size)):
            continue
        ritz = _finite(krylov)
        chosen = np.unique(np.concatenate([np.arange(bottom), krylov.size - 1 - np.arange(top)])).astype(int)
        errors = ritz.errors()[chosen]
        found = settled(
            ritz.values[chosen], ritz.residuals[chosen], errors, np.abs(ritz.values).max(), krylov.size, tolerance
        )
        good = krylov.complete or bool(found.all())
        if good or krylov.size >= most:
            return Pairs(ritz.values[chosen], errors, krylov.vectors(ritz, chosen), krylov.size, good)


def density(
    apply: Operator,
    random: Random,
    dimension: int,
    *,
    probes: int = 4,
    steps: int = 60,
    known: Pairs | None = None,
    on_probe: Callable[[int], None] = lambda probe: None,
) -> Density:
    """The density of eigenvalues by stochastic Lanczos quadrature (Golub and Meurant 1994; Ubaru, Chen, Saad 2017).

    The Ritz values of a Lanczos run from a random vector are the nodes of a Gauss quadrature, and the squares of the first
    entries of their vectors its weights. Eigenvectors that are `known` are taken out of the random vectors, so the few
    large eigenvalues are counted and not estimated.
    """
    held = known.vectors if known is not None else None
    left = dimension - (len(held) if held is not None else 0)
    if left < 1:
        return Density(np.zeros((1, 1)), np.zeros((1, 1)), known.values, dimension)

    def outside(vector: Tensor) -> Tensor:
        if held is None:
            return vector
        for _ in range(2):
            vector = vector - held.mT @ (held @ vector)
        return vector

    nodes, weights = [], []
    steps = min(steps, left)
    for probe in range(probes):
        start = outside(random(DENSITY_DRAWS + probe))
        krylov = Krylov(lambda v: outside(apply(v)), start, lambda k: outside(random(k)), left)
        while krylov.size < steps and not krylov.closed:
            krylov.step()
        ritz = _finite(krylov)
        pad = steps - krylov.size
        nodes.append(np.pad(ritz.values, (0, pad)))
        weights.append(np.pad(ritz.vectors[0] ** 2, (0, pad)))
        on_probe(probe)
    values = known.values if known is not None else np.zeros(0)
    return Density(np.array(nodes), np.array(weights), values, dimension)


def trace(apply: Operator, random: Random, dimension: int, *, products: int = 30) -> tuple[float, float]:
    """(trace, its standard error) by Hutch++ (Meyer, Musco, Musco, Woodruff 2021) with about so many products.

    A third of them finds where the operator is large, a third takes the trace there exactly, the last estimates the rest
    with random signs. With as many products as three times the dimension, the result is exact and its error 0.
    """
    each = max(2, products // 3)
    sketch = [apply(random(TRACE_DRAWS + k).sign()) for k in range(min(each, dimension))]
    basis = _orthonormal(sketch)
    exact = sum(float(q @ apply(q)) for q in basis)
    if len(basis) >= dimension:
        return exact, 0.0
    rest = []
    for k in range(each):
        probe = random(TRACE_DRAWS + each + k).sign()
        probe = probe - basis.mT @ (basis @ probe)
        rest.append(float(probe @ apply(probe)))
    if not np.isfinite([exact, *rest]).all():
        raise EvaluationError("a product with the Hessian is not finite")
    return exact + float(np.mean(rest)), float(np.std(rest, ddof=1) / len(rest) ** 0.5)


def _orthonormal(vectors: Sequence[Tensor]) -> Tensor:
    """(k, n) an orthonormal basis of the span; directions that are lost in rounding are left out."""
    stacked = torch.stack(list(vectors))
    q, r = torch.linalg.qr(stacked.mT)
    sizes = r.diagonal().abs()
    return q.mT[sizes > 100 * torch.finfo(sizes.dtype).eps * sizes.max()]


def _looks(size: int) -> bool:
    return size <= LOOKS or size % max(1, size // LOOKS) == 0


def _finite(krylov: Krylov) -> Ritz:
    if not krylov.finite:
        raise EvaluationError("a product with the Hessian is not finite")
    return krylov.ritz()
