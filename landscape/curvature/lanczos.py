"""The Lanczos recursion with full reorthogonalization, and what its tridiagonal matrix tells.

Owns: the basis and the matrix T of a symmetric operator in it, grown one product at a time; its Ritz values with their
residuals. Orthogonalizing twice against all earlier vectors keeps the basis orthogonal to rounding ("twice is enough",
Giraud, Langou, Rozloznik 2005), so there are no spurious copies of eigenvalues. When the basis closes (an invariant
subspace: few distinct eigenvalues), it goes on with a new random vector orthogonal to it, so that multiple eigenvalues
are found as often as they are there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

Operator = Callable[[Tensor], Tensor]


class Ritz(NamedTuple):
    """`values` (k,) rising; `residuals` (k,) |A u - value u|: an eigenvalue lies so near; `vectors` (k, k) in the basis."""

    values: np.ndarray
    residuals: np.ndarray
    vectors: np.ndarray

    def errors(self) -> np.ndarray:
        """(k,) about how far each value is from an eigenvalue, see `kato_temple`."""
        steps = np.concatenate([[np.inf], np.diff(self.values), [np.inf]])
        gaps = np.minimum(steps[:-1], steps[1:])
        return kato_temple(self.residuals, np.where(np.isfinite(gaps), gaps, 0.0))


def kato_temple(residuals: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """(k,) about how far Ritz values are from eigenvalues.

    The residual r is always a bound. Where no other eigenvalue lies within `gap`, so is r^2 / gap, which is mostly far
    smaller (Kato 1949, Temple 1928); gaps are those between Ritz values, so it is an estimate until these have settled.
    """
    quotient = np.divide(residuals**2, gaps, out=np.full_like(residuals, np.inf), where=gaps > 0)
    return np.minimum(residuals, quotient)


class Krylov:
    """The space grown so far from a start vector: `step` adds one product.

    `random(k)`: the k-th random vector, for when the space closes; `dimension`: that of the whole space.
    """

    def __init__(self, apply: Operator, start: Tensor, random: Callable[[int], Tensor], dimension: int):
        self._apply, self._random, self.dimension = apply, random, dimension
        self._basis = torch.empty(0, start.numel(), dtype=start.dtype, device=start.device)
        self._diagonal: list[float] = []
        self._beside: list[float] = []
        self._drawn = 0
        self._next = start / start.norm()
        self._scale = 0.0
        self.closed = False
        """The space is invariant: every eigenvalue that the start vector contains is found."""

    @property
    def size(self) -> int:
        return len(self._diagonal)

    @property
    def complete(self) -> bool:
        """The space is the whole one: its Ritz values are the eigenvalues."""
        return self.size >= self.dimension

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self._diagonal).all() and np.isfinite(self._beside).all())

    @property
    def basis(self) -> Tensor:
        """(size, n) orthonormal rows."""
        return self._basis[: self.size]

    def step(self) -> None:
        """One more product and basis vector."""
        self._room()
        self._basis[self.size] = self._next
        product = self._apply(self._next)
        self._diagonal.append(float(product @ self._next))
        rest = self._orthogonal(product)
        length = float(rest.norm())
        self._scale = max(self._scale, abs(self._diagonal[-1]), length)
        if length <= 100 * torch.finfo(product.dtype).eps * self._scale:
            self.closed = True
            length, rest = 0.0, self._fresh()
        self._beside.append(length)
        norm = rest.norm()
        self._next = rest / norm if float(norm) > 0 else rest

    def tridiagonal(self) -> np.ndarray:
        """(size, size) T."""
        beside = self._beside[: self.size - 1]
        return np.diag(self._diagonal) + np.diag(beside, 1) + np.diag(beside, -1)

    def ritz(self) -> Ritz:
        values, vectors = np.linalg.eigh(self.tridiagonal())
        last = 0.0 if self.complete else self._beside[-1]
        return Ritz(values, np.abs(last * vectors[-1]), vectors)

    def vectors(self, ritz: Ritz, which: np.ndarray | list[int]) -> Tensor:
        """(len(which), n) unit vectors of the Ritz values numbered."""
        parts = torch.from_numpy(ritz.vectors[:, which].T.copy()).to(self._basis.device, self._basis.dtype)
        return parts @ self.basis

    def _orthogonal(self, vector: Tensor) -> Tensor:
        basis = self._basis[: self.size]
        for _ in range(2):
            vector = vector - basis.mT @ (basis @ vector)
        return vector

    def _fresh(self) -> Tensor:
        if self.size >= self.dimension:
            return torch.zeros_like(self._next)
        self._drawn += 1
        return self._orthogonal(self._random(self._drawn))

    def _room(self) -> None:
        """Grows by half, so that a short run takes little and a long one is not copied at every step."""
        if self.size == len(self._basis):
            more = max(16, len(self._basis) // 2)
            self._basis = torch.cat([self._basis, self._basis.new_empty(more, self._basis.shape[1])])
