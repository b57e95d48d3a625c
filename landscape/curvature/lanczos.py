"""The Lanczos recursion with full reorthogonalization, and what its tridiagonal matrix tells.

Owns: the basis and the matrix T of a symmetric operator in it, grown one product at a time; its Ritz values with their
residuals. Orthogonalizing twice against all earlier vectors keeps the basis orthogonal to rounding ("twice is enough",
Giraud, Langou, Rozloznik 2005), so there are no spurious copies of eigenvalues. When the basis closes (an invariant
subspace: few distinct eigenvalues), it goes on with a new random vector orthogonal to it, so that multiple eigenvalues
are found as often as they are there. Also what it shares with other spaces (space.py): vectors as rows, the bounds on how far
a Ritz value is off, and when one counts as found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

Operator = Callable[[Tensor], Tensor]

# A value smaller than this share of the largest magnitude need only be known as precisely as if it were that large, once so
# many products have found nothing larger at its end.
SMALL, LEAST = 1e-3, 20
# The residual of a value that stands out of it, as a share of the value.
STANDS_OUT = 0.05


class Ritz(NamedTuple):
    """`values` (k,) rising; `residuals` (k,) |A u - value u|: an eigenvalue lies so near; `vectors` (k, k) in the basis."""

    values: np.ndarray
    residuals: np.ndarray
    vectors: np.ndarray

    def errors(self) -> np.ndarray:
        """(k,) about how far each value is from an eigenvalue, see `kato_temple`."""
        steps, residuals = np.diff(self.values), self.residuals
        above = np.concatenate([steps - residuals[1:], [np.inf]])
        below = np.concatenate([[np.inf], steps - residuals[:-1]])
        gaps = np.minimum(above, below)
        return kato_temple(residuals, np.where(np.isfinite(gaps), gaps, 0.0))


def kato_temple(residuals: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """(k,) about how far Ritz values are from eigenvalues.

    The residual r is always a bound. Where no other eigenvalue lies within `gap`, so is r^2 / gap, which is mostly far
    smaller (Kato 1949, Temple 1928). A gap is taken between Ritz values, less the residual of the neighbour, which may belong
    to an eigenvalue that much nearer; where nothing is left of it, the residual stands.
    """
    quotient = np.divide(residuals**2, gaps, out=np.full_like(residuals, np.inf), where=gaps > 0)
    return np.minimum(residuals, quotient)


def block_bound(values: np.ndarray, residuals: np.ndarray) -> float:
    """About how far the outermost of some Ritz values is from an eigenvalue, from those beside it.

    `values`, `residuals` (k,): from the outermost inward. With the last of them at the distance D, and its residual r_k, an
    eigenvalue that these k - 1 do not stand for is at least D - r_k away. So the part of the residual r of the outermost that
    points to such ones accounts for at most r^2 / (D - r_k). Of what points to the eigenvectors between, a Ritz vector holds
    all but the angle between the two, whose sine is about its own residual over its distance from the last. Where the last
    is not known well enough for that, the residual stands. With two values it is that of `kato_temple`.
    """
    apart, outermost = np.abs(values - values[0]), float(residuals[0])
    free = apart[-1] - residuals[-1]
    if len(values) < 2 or free <= 0:
        return outermost
    bound = outermost**2 / free
    for distance, residual in zip(apart[1:-1], residuals[1:-1], strict=True):
        rest = apart[-1] - distance
        sine = min(1.0, residual / rest) if rest > 0 else 1.0
        bound += (sine * outermost) ** 2 / distance if distance > 0 else np.inf
    return min(outermost, float(bound))


def settled(values: np.ndarray, residuals: np.ndarray, errors: np.ndarray, scale: float, size: int, tolerance: float):
    """bool (k,): which Ritz values of a space of `size` are eigenvalues of the end they stand for, to `tolerance`.

    A residual tells that some eigenvalue is near, not that it is the outermost. Random vectors consist almost wholly of
    directions without curvature, so the first Ritz values beside a few large ones lie near zero with small residuals, and an
    end that is not found yet looks like an end at zero: -72.7 beside 12337 was 0.0002 after four products, with a residual of
    0.4. So a value counts when it stands out of its own residual; and as zero, small beside the largest magnitude `scale`,
    only after LEAST products.
    """
    sizes = np.abs(values)
    found = (errors <= tolerance * sizes) & (residuals <= STANDS_OUT * sizes)
    return found | ((size >= LEAST) & (errors <= tolerance * SMALL * scale))


class Rows:
    """Vectors as rows of one matrix, so that sums over all of them are one pass through memory."""

    def __init__(self) -> None:
        self._held: Tensor | None = None
        self._count = 0

    @property
    def all(self) -> Tensor:
        """(count, n)"""
        return self._held[: self._count]

    def append(self, row: Tensor) -> None:
        """Room grows by half, so that a short run takes little and a long one is not copied at every step."""
        if self._held is None or self._count == len(self._held):
            more = row.new_empty(max(16, self._count // 2), len(row))
            self._held = more if self._held is None else torch.cat([self._held, more])
        self._held[self._count] = row
        self._count += 1

    def orthogonal(self, vector: Tensor) -> Tensor:
        """What of a vector is orthogonal to all rows, which are orthonormal; computed twice, see above."""
        for _ in range(2 if self._count else 0):
            vector = torch.addmv(vector, self.all.mT, self.all @ vector, alpha=-1)
        return vector


class Krylov:
    """The space grown so far from a start vector: `step` adds one product.

    `random(k)`: the k-th random vector, for when the space closes; `dimension`: that of the whole space.
    """

    def __init__(self, apply: Operator, start: Tensor, random: Callable[[int], Tensor], dimension: int):
        self._apply, self._random, self.dimension = apply, random, dimension
        self._basis = Rows()
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
        return self._basis.all

    def step(self) -> None:
        """One more product and basis vector."""
        self._basis.append(self._next)
        product = self._apply(self._next)
        self._diagonal.append(float(product @ self._next))
        rest = self._basis.orthogonal(product)
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
        parts = torch.from_numpy(ritz.vectors[:, which].T.copy()).to(self.basis.device, self.basis.dtype)
        return parts @ self.basis

    def _fresh(self) -> Tensor:
        if self.size >= self.dimension:
            return torch.zeros_like(self._next)
        self._drawn += 1
        return self._basis.orthogonal(self._random(self._drawn))
