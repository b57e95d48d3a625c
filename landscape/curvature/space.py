"""A growing space in which an operator is seen, and the outermost values of what is seen there.

Owns: an orthonormal basis Q of any vectors, the products with them, and the Rayleigh-Ritz pairs of both. Products may be
rough ones, of lower precision than the operator's own. Then a product of the operator itself with the vector of an end is
put in place of what the rough ones make of it: it corrects them by a matrix of rank one, and what is rough from then on is
only what the end still moves. When to do so is the business of extremes.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from landscape.curvature.lanczos import Operator, Rows, block_bound
from landscape.errors import EvaluationError

LOW, TOP = 0, -1
# The bound of an end looks so far into the spectrum: at the two values beside it.
BESIDE = 2


class View(NamedTuple):
    """Both ends as they are seen, the lower first: `values`, `residuals`, `errors` (2,); `beside`: for each end the Ritz
    values and residual norms from the outermost inward; `directions`: for each end the residuals themselves (k, n)."""

    values: np.ndarray
    residuals: np.ndarray
    errors: np.ndarray
    beside: tuple[tuple[np.ndarray, np.ndarray], ...]
    directions: tuple[Tensor, Tensor]


class Pair(NamedTuple):
    """A unit vector and the operator's own product with it."""

    vector: Tensor
    product: Tensor


class Space:
    """`apply`: the operator on a space of `dimension`. `rough`: the same in lower precision, or None."""

    def __init__(self, apply: Operator, dimension: int, rough: Operator | None = None):
        self._own, self._dimension, self.rough = apply, dimension, rough
        self._basis, self._products = Rows(), Rows()
        self._inner = np.zeros((0, 0))
        self.values = np.zeros(0)
        self._vectors = np.zeros((0, 0))
        self.own_products = 0
        """How many products of the operator itself were computed; the others are `size`, if there is a rough one."""

    @property
    def size(self) -> int:
        return len(self._inner)

    @property
    def complete(self) -> bool:
        return self.size >= self._dimension

    def add(self, vector: Tensor) -> bool:
        """One more product, with what is new in `vector`; False when nothing is new in it."""
        before = float(vector.norm())
        vector = self._basis.orthogonal(vector)
        length = float(vector.norm())
        if not before or length <= 100 * torch.finfo(vector.dtype).eps * before:
            return False
        self._basis.append(vector / length)
        newest = self._basis.all[-1]
        self._products.append(self.rough(newest) if self.rough else self._exact(newest))
        grown = np.zeros((self.size + 1, self.size + 1))
        grown[:-1, :-1] = self._inner
        row = _numbers(self._basis.all @ self._products.all[-1])
        if self.rough:  # which is symmetric only to its precision
            row = (row + _numbers(self._products.all @ newest)) / 2
        grown[:, -1] = grown[-1, :] = row
        if not np.isfinite(grown[:, -1]).all():
            raise EvaluationError("a product with the Hessian is not finite")
        self._inner = grown
        self._solve()
        return True

    def vector(self, which: int) -> Tensor:
        """(n,) the Ritz vector of that number, rising with its value."""
        return self._basis.all.mT @ self._shares([which])[0]

    def look(self) -> View:
        """What is seen of both ends."""
        count = max(1, min(BESIDE + 1, (self.size + 1) // 2))
        chosen = (range(count), range(-1, -1 - count, -1))
        directions = tuple(self._residuals(each) for each in chosen)
        beside = tuple(
            (self.values[list(each)], _numbers(found.norm(dim=1)))
            for each, found in zip(chosen, directions, strict=True)
        )
        errors = np.zeros(2) if self.complete else np.array([block_bound(*each) for each in beside])
        residuals = np.array([norms[0] for _, norms in beside])
        return View(self.values[[LOW, TOP]], residuals, errors, beside, directions)

    def sharpen(self, which: int) -> tuple[Pair, float]:
        """(the Ritz vector of an end with the operator's own product, how far off the rough ones were: a length).

        The products are corrected so that they give this one.
        """
        share = self._shares([which])[0]
        vector = self._basis.all.mT @ share
        own = self._exact(vector / vector.norm()) * vector.norm()
        if not bool(torch.isfinite(own).all()):
            raise EvaluationError("a product with the Hessian is not finite")
        change = torch.addmv(own, self._products.all.mT, share, alpha=-1)
        self._products.all.addr_(share, change)
        seen, share = _numbers(self._basis.all @ own), _numbers(share)
        lacks = seen - self._inner @ share
        # the least change of a symmetric matrix that makes it give what is seen (Powell 1970)
        self._inner = self._inner + np.outer(lacks, share) + np.outer(share, lacks)
        self._inner -= (share @ lacks) * np.outer(share, share)
        self._solve()
        return Pair(vector / vector.norm(), own / vector.norm()), float(change.norm())

    def check(self, pairs: Sequence[Pair]) -> tuple[View, list[Pair]]:
        """(both ends as the operator itself has them, their vectors), from a pair for each end, the lower first.

        Values are Rayleigh quotients, so they do not pass the true ends. What lies beside them is what the space shows.
        """
        vectors, products = (torch.stack(each) for each in zip(*pairs, strict=True))
        lengths, turned = np.linalg.eigh(_numbers(vectors @ vectors.mT))
        whiten = turned / np.sqrt(lengths)  # the two are orthogonal only as far as rough products are right
        inner = whiten.T @ _numbers(vectors @ products.mT) @ whiten
        values, found = np.linalg.eigh((inner + inner.T) / 2)
        shares = torch.from_numpy((whiten @ found).T.copy()).to(vectors)
        vectors, products = shares @ vectors, shares @ products
        residuals = products - torch.from_numpy(values).to(vectors)[:, None] * vectors
        norms, seen = _numbers(residuals.norm(dim=1)), self.look()
        beside = tuple(
            (np.concatenate([values[[i]], near[1:]]), np.concatenate([norms[[i]], other[1:]]))
            for i, (near, other) in enumerate(seen.beside)
        )
        errors = np.array([block_bound(*each) for each in beside])
        directions = (residuals[:1], residuals[1:])
        return View(values, norms, errors, beside, directions), [
            Pair(*each) for each in zip(vectors, products, strict=True)
        ]

    def _exact(self, vector: Tensor) -> Tensor:
        self.own_products += 1
        return self._own(vector)

    def _solve(self) -> None:
        self.values, self._vectors = np.linalg.eigh(self._inner)

    def _shares(self, which: Sequence[int]) -> Tensor:
        """(len(which), size) of Ritz vectors in the basis."""
        return torch.from_numpy(self._vectors[:, list(which)].T.copy()).to(self._basis.all)

    def _residuals(self, which: Sequence[int]) -> Tensor:
        """(len(which), n) A u - value u, in one pass through basis and products."""
        shares = self._shares(which)
        values = torch.from_numpy(self.values[list(which)]).to(shares)
        return torch.addmm(shares @ self._products.all, shares * values[:, None], self._basis.all, alpha=-1)


def _numbers(tensor: Tensor) -> np.ndarray:
    return tensor.double().cpu().numpy()
