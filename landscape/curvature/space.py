"""A growing space in which an operator is seen, and the outermost values of what is seen there.

Owns: an orthonormal basis Q of any vectors, the products with them, and the Rayleigh-Ritz pairs of both. The products may be
of lower precision than the operator's own. Then a full-precision product with the vector of an end replaces what the others
make of it: it corrects them by a matrix of rank one, and imprecise from then on is only what the end still moves by. When to
do so is the business of extremes.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from landscape.curvature.acceptance import block_bound
from landscape.curvature.basis import Basis, Operator, rounding
from landscape.errors import EvaluationError

LOWER, UPPER = 0, -1
# The bound of an end looks this far into the spectrum: at the two values beside it.
BESIDE = 2


class BothEnds(NamedTuple):
    """What is seen of both ends, the lower first: `values`, `residuals`, `errors` (2,); `beside`: for each end the Ritz
    values and residual norms from the outermost inward; `directions`: the residual (n,) of each end itself;
    `noise` (2,): about how far the values are off because products are, which `errors` leave out.

    A Hessian is symmetric, its products are so only as far as they are right: u'Hv and v'Hu differ by their errors. What is
    off by chance is as large in the symmetric part, where it moves the values, as in the other, where it is seen.
    """

    values: np.ndarray
    residuals: np.ndarray
    errors: np.ndarray
    beside: tuple[tuple[np.ndarray, np.ndarray], ...]
    directions: tuple[Tensor, Tensor]
    noise: np.ndarray


class ExactProduct(NamedTuple):
    """A unit vector and the full-precision product with it."""

    vector: Tensor
    product: Tensor


class Space:
    """`apply`: the operator on a space of `dimension`. `low_precision`: nearly the same for less, or None."""

    def __init__(self, apply: Operator, dimension: int, low_precision: Operator | None = None):
        self._apply, self.dimension, self.low_precision = apply, dimension, low_precision
        self._basis, self._products = Basis(), Basis()
        self._inner = np.zeros((0, 0))
        self._skew = np.zeros((0, 0))
        self.values = np.zeros(0)
        self._vectors = np.zeros((0, 0))
        self.full_products = 0
        """How many full-precision products were computed; the others are `size`, if there is a low precision."""

    @property
    def size(self) -> int:
        return len(self._inner)

    @property
    def complete(self) -> bool:
        return self.size >= self.dimension

    @property
    def eps(self) -> float:
        """The rounding unit of the vectors."""
        return torch.finfo(self._basis.rows.dtype).eps

    @property
    def newest_product(self) -> Tensor:
        """(n,) the product with the newest basis vector."""
        return self._products.rows[-1]

    def add(self, vector: Tensor) -> bool:
        """One more product, with what is new in `vector`; False when nothing is new in it."""
        before = float(vector.norm())
        vector = self._basis.orthogonal(vector)
        length = float(vector.norm())
        if not before or length <= rounding(vector, before):
            return False
        self._basis.append(vector / length)
        newest = self._basis.rows[-1]
        self._products.append(self.low_precision(newest) if self.low_precision else self._full(newest))
        seen, mirrored = _numbers(self._basis.rows @ self._products.rows[-1]), _numbers(self._products.rows @ newest)
        if not (np.isfinite(seen).all() and np.isfinite(mirrored).all()):
            raise EvaluationError("a product with the Hessian is not finite")
        self._inner, self._skew = np.pad(self._inner, (0, 1)), np.pad(self._skew, (0, 1))
        self._inner[:, -1] = self._inner[-1, :] = (seen + mirrored) / 2
        self._skew[:, -1], self._skew[-1, :] = (seen - mirrored) / 2, (mirrored - seen) / 2
        self._solve()
        return True

    def vector(self, which: int) -> Tensor:
        """(n,) the Ritz vector of that number, rising with its value."""
        return self._basis.rows.mT @ self._shares([which])[0]

    def both_ends(self) -> BothEnds:
        count = max(1, min(BESIDE + 1, (self.size + 1) // 2))
        lower, upper = self._residuals(range(count)), self._residuals(range(-1, -1 - count, -1))
        beside = (
            (self.values[:count], _numbers(lower.norm(dim=1))),
            (self.values[::-1][:count], _numbers(upper.norm(dim=1))),
        )
        errors = np.zeros(2) if self.complete else np.array([block_bound(*each) for each in beside])
        residuals = np.array([norms[0] for _, norms in beside])
        noise = np.linalg.norm(self._skew @ self._vectors[:, [LOWER, UPPER]], axis=0)
        return BothEnds(self.values[[LOWER, UPPER]], residuals, errors, beside, (lower[0], upper[0]), noise)

    def correct(self, end: int) -> tuple[ExactProduct, float]:
        """(the Ritz vector of an end with its full-precision product, how far off the product in the space was: a length).

        The products of the space are corrected so that they give this one.
        """
        share = self._shares([end])[0]
        vector = self._basis.rows.mT @ share
        product = self._full(vector / vector.norm()) * vector.norm()
        if not bool(torch.isfinite(product).all()):
            raise EvaluationError("a product with the Hessian is not finite")
        change = torch.addmv(product, self._products.rows.mT, share, alpha=-1)
        self._products.rows.addr_(share, change)
        self._correct_inner(_numbers(self._basis.rows @ product), _numbers(share))
        return ExactProduct(vector / vector.norm(), product / vector.norm()), float(change.norm())

    def verified(self, lower: ExactProduct, upper: ExactProduct) -> tuple[BothEnds, list[ExactProduct]]:
        """(both ends from full-precision products alone, their vectors with products).

        Values are Rayleigh quotients, so they do not pass the true ends. What lies beside them is what the space shows.
        """
        values, vectors, products = _rayleigh_ritz(lower, upper)
        noise = np.full(2, abs(float(vectors[0] @ products[1] - vectors[1] @ products[0])) / 2)
        residuals = products - torch.from_numpy(values).to(vectors)[:, None] * vectors
        norms, seen = _numbers(residuals.norm(dim=1)), self.both_ends()
        beside = tuple(
            (np.concatenate([values[[i]], near[1:]]), np.concatenate([norms[[i]], other[1:]]))
            for i, (near, other) in enumerate(seen.beside)
        )
        errors = np.array([block_bound(*each) for each in beside])
        ends = BothEnds(values, norms, errors, beside, (residuals[0], residuals[1]), noise)
        return ends, [ExactProduct(*each) for each in zip(vectors, products, strict=True)]

    def _full(self, vector: Tensor) -> Tensor:
        self.full_products += 1
        return self._apply(vector)

    def _correct_inner(self, seen: np.ndarray, share: np.ndarray) -> None:
        """The least change of a symmetric matrix that makes it give `seen` for `share` (Powell 1970).

        A one-sided correction is simpler, but leaves half of the noise in the other half of the matrix, converges slowly and
        may fail.
        """
        lacks = seen - self._inner @ share
        self._inner = self._inner + np.outer(lacks, share) + np.outer(share, lacks)
        self._inner -= (share @ lacks) * np.outer(share, share)
        self._solve()

    def _solve(self) -> None:
        self.values, self._vectors = np.linalg.eigh(self._inner)

    def _shares(self, which: Sequence[int]) -> Tensor:
        """(len(which), size) of Ritz vectors in the basis."""
        return torch.from_numpy(self._vectors[:, list(which)].T.copy()).to(self._basis.rows)

    def _residuals(self, which: Sequence[int]) -> Tensor:
        """(len(which), n) A u - value u, in one pass through basis and products."""
        shares = self._shares(which)
        values = torch.from_numpy(self.values[list(which)]).to(shares)
        return torch.addmm(shares @ self._products.rows, shares * values[:, None], self._basis.rows, alpha=-1)


def _rayleigh_ritz(lower: ExactProduct, upper: ExactProduct) -> tuple[np.ndarray, Tensor, Tensor]:
    """(values (2,) rising, vectors (2, n), products (2, n)) of the plane that two vectors span.

    They are orthogonal only as far as low-precision products are right.
    """
    vectors, products = (torch.stack(each) for each in zip(lower, upper, strict=True))
    lengths, axes = np.linalg.eigh(_numbers(vectors @ vectors.mT))
    whiten = axes / np.sqrt(lengths)
    inner = whiten.T @ _numbers(vectors @ products.mT) @ whiten
    values, found = np.linalg.eigh((inner + inner.T) / 2)
    shares = torch.from_numpy((whiten @ found).T.copy()).to(vectors)
    return values, shares @ vectors, shares @ products


def _numbers(tensor: Tensor) -> np.ndarray:
    return tensor.double().cpu().numpy()
