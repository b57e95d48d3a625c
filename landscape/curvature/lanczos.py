"""The Lanczos recursion with full reorthogonalization.

Owns: the basis of a Krylov space and the matrix T of a symmetric operator in it, grown one product at a time; its Ritz values
with their residuals. There are no spurious copies of eigenvalues, as the basis stays orthogonal to rounding. When the space
closes (an invariant subspace: few distinct eigenvalues), it goes on with a new random vector orthogonal to it, so that multiple
eigenvalues are found as often as they are there. Every start vector, and every random vector that is added later, starts a chain
of its own; with several chains T is a band matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from landscape.curvature.basis import Basis, Operator, RandomVectors, rounding
from landscape.errors import EvaluationError


class Ritz(NamedTuple):
    """`values` (k,) rising; `residuals` (k,): |A u - value u|, of several chains a bound of it, within which an eigenvalue
    lies; `vectors` (k, k) in the basis; `noise` (k,): about how far the values are off because products are (space.py)."""

    values: np.ndarray
    residuals: np.ndarray
    vectors: np.ndarray
    noise: np.ndarray


class _Rest(NamedTuple):
    """The part of a product outside the basis, and the number of the basis vector that was multiplied; None for a vector that
    starts a chain."""

    vector: Tensor
    norm: Tensor
    source: int | None


class Krylov:
    """The space grown so far from one or more start vectors: `step` adds one product.

    `random(k)`: the k-th random vector, for when the space closes; `dimension`: that of the whole space.
    """

    def __init__(self, apply: Operator, starts: Sequence[Tensor], random: RandomVectors, dimension: int):
        self._apply, self._random, self.dimension = apply, random, dimension
        self._basis, self._inner, self._skew = Basis(), np.zeros((0, 0)), np.zeros((0, 0))
        self._rests = [_Rest(start, start.norm(), None) for start in starts]
        self._drawn, self._scale = len(starts), 0.0
        self.closed = False
        """A chain has ended: with one start, the space holds every eigenvalue that the start contains."""

    @property
    def size(self) -> int:
        return len(self._basis)

    @property
    def complete(self) -> bool:
        """The space is the whole one: its Ritz values are the eigenvalues."""
        return self.size >= self.dimension

    @property
    def basis(self) -> Tensor:
        """(size, n) orthonormal rows."""
        return self._basis.rows

    def step(self, *, newest: bool = False) -> None:
        """One more product: of the chain that has waited longest, or of the newest.

        Raises:
            EvaluationError: the product is not finite.
        """
        if not self._rests:
            self.add_random()
        vector = self._append(self._rests.pop(-1 if newest else 0))
        product = self._apply(vector)
        seen = (self.basis @ product).double().cpu().numpy()
        self._inner[-1, -1] = float(product @ vector)
        self._skew = np.pad(self._skew, (0, 1))
        self._skew[-1] = (self._inner[-1] - seen) / 2
        self._skew[:, -1] = -self._skew[-1]
        rest = self._basis.orthogonal(product)
        norm = rest.norm()
        sizes = [self._scale, abs(self._inner[-1, -1]), float(norm)]
        if not np.isfinite(sizes).all():
            raise EvaluationError("a product with the Hessian is not finite")
        self._scale = max(sizes)
        if float(norm) > rounding(product, self._scale):
            self._rests.append(_Rest(rest, norm, self.size - 1))
        else:
            self.closed = True

    def add_random(self) -> None:
        """A random vector starts a new chain, the newest."""
        vector = self._random(self._drawn)
        self._rests.append(_Rest(vector, vector.norm(), None))
        self._drawn += 1

    def ritz(self) -> Ritz:
        values, vectors = np.linalg.eigh(self._inner)
        residuals = np.zeros(self.size)
        for rest in () if self.complete else self._rests:
            if rest.source is not None:
                residuals += np.abs(float(rest.norm) * vectors[rest.source])
        return Ritz(values, residuals, vectors, np.linalg.norm(self._skew @ vectors, axis=0))

    def vectors(self, ritz: Ritz, which: np.ndarray | list[int]) -> Tensor:
        """(len(which), n) unit vectors of the Ritz values numbered."""
        parts = torch.from_numpy(ritz.vectors[:, which].T.copy()).to(self.basis.device, self.basis.dtype)
        return parts @ self.basis

    def _append(self, rest: _Rest) -> Tensor:
        """The next basis vector, from a rest; T and the other rests are updated."""
        if rest.source != self.size - 1:  # it has waited while the space grew
            vector = self._basis.orthogonal(rest.vector)
            rest = rest._replace(vector=vector, norm=vector.norm())
        newest = rest.vector / rest.norm
        self._basis.append(newest)
        self._inner = np.pad(self._inner, (0, 1))
        self._couple(rest.source, float(rest.norm))
        self._rests = [kept for other in self._rests if (kept := self._without(other, newest))]
        return newest

    def _without(self, rest: _Rest, newest: Tensor) -> _Rest | None:
        """The part of a rest that is orthogonal to the newest basis vector; None where only rounding is left."""
        share = float(rest.vector @ newest)
        self._couple(rest.source, share)
        vector = rest.vector - share * newest
        norm = vector.norm()
        gone = rest.source is not None and float(norm) <= rounding(vector, self._scale)
        return None if gone else rest._replace(vector=vector, norm=norm)

    def _couple(self, source: int | None, number: float) -> None:
        if source is not None:
            self._inner[-1, source] = self._inner[source, -1] = number
