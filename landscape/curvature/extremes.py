"""The smallest and the largest eigenvalue, both from one growing space, with a bound on their error.

Owns: when they are good enough, and starting from vectors that are known to be near. The space begins with the outermost
vectors found at a neighbouring point, or with random ones, and grows by the residual of whichever end is further from its
eigenvalue. That is Davidson's method without a preconditioner (Davidson 1975), which needs no Krylov space to begin with.
Values in such a space never pass the true ends: the smallest is approached from above, the largest from below.

Several vectors of the lower end are carried, as the smallest eigenvalues of nets lie close together and change places from
point to point: a single start that holds almost nothing of the one that is now the smallest converges to the second. Of the
upper end, where they lie far apart, one is enough, and it shares its product with the lowest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape.curvature.lanczos import SMALL, Rows, kato_temple, settled
from landscape.errors import EvaluationError

Operator = Callable[[Tensor], Tensor]

# So much chance is mixed into what is known: a start that is an eigenvector to the last digit, but of an eigenvalue that is
# no longer the smallest, would never leave its place.
CHANCE = 0.1
# How many vectors of the lower end are carried from point to point, and the share of the uppermost in the first of them.
CARRIED, UPPER = 3, 0.3
# Without a neighbour: one random vector may by chance hold little of the outermost eigenvector, two seldom do.
RANDOM = 2
# Nothing is accepted before so many products, and only when it holds twice in a row: two eigenvalues near each other look
# like one between them until the space tells them apart, and what a start contains little of takes some products to show.
FEWEST, TWICE = 8, 2
# The estimated error must be within this share of the tolerance, as an unseen eigenvalue in the gap makes it too small. On
# dense Hessians with crowded ends, 3 of 302 points were then off by more than the tolerance of 1 %, without it 15 (see
# docs/performance.md).
SURE = 0.5
# An end whose own residual would do for so small a share of that is held back by its neighbour, whose place is not known well
# enough to tell the gap; then the neighbour is worked on.
HELD_BACK = 0.1
MOST = 300


@dataclass(frozen=True, eq=False)
class Ends:
    """Both ends of a spectrum.

    `errors`: about how far each may be from the true value, see `kato_temple`. `low` (k, n): unit vectors of the smallest
    values found, the eigenvector of the smallest first; `top` (n,): that of the largest. `products`: how many were needed.
    `converged`: whether both errors are within what was asked for.
    """

    smallest: float
    largest: float
    errors: tuple[float, float]
    low: Tensor
    top: Tensor
    products: int
    converged: bool

    @property
    def vectors(self) -> Tensor:
        """(2, n) the eigenvectors, that of the smallest first."""
        return torch.stack([self.low[0], self.top])

    def start(self) -> Tensor:
        """(k, n) what a point nearby may start from, see `near` of `extremes`."""
        vectors = self.low.clone()
        vectors[0] += UPPER * self.top
        return vectors


def extremes(
    apply: Operator,
    random: Callable[[int], Tensor],
    dimension: int,
    *,
    tolerance: float = 0.01,
    near: Tensor | None = None,
    most: int = MOST,
) -> Ends:
    """Both ends of the spectrum of the symmetric operator `apply` on a space of `dimension`.

    `random(k)`: the k-th random vector (n,), normally distributed. `near` (k, n): the `Ends.start` of an operator nearby.
    `tolerance`: accepted error of each end, relative to it; see `settled` for an end near zero. At most `most` products are
    spent; then what is there is returned, not converged.

    Raises:
        EvaluationError: a product is not finite.
    """
    space, starts = _Space(apply, dimension), _starts(near, random)
    for vector in starts:
        space.add(vector)
    held, drawn = 0, len(starts)
    while True:
        residuals = [space.residual(which) for which in (0, -1)]
        norms = np.array([float(residual.norm()) for residual in residuals])
        errors = space.errors(norms)
        ends, sizes = space.values[[0, -1]], np.abs(space.values[[0, -1]])
        found = settled(ends, norms, errors, sizes.max(), space.size, SURE * tolerance)
        held = held + 1 if found.all() and space.size >= FEWEST - 1 else 0
        good = held == TWICE or space.complete
        if good or space.size >= most:
            low = torch.stack([space.vector(which) for which in range(min(CARRIED, space.size))])
            return Ends(*map(float, ends), tuple(map(float, errors)), low, space.vector(-1), space.size, good)
        worst = int(np.argmax(errors / np.maximum(sizes, max(SMALL * sizes.max(), np.finfo(float).tiny))))
        rounding = 10 * torch.finfo(residuals[0].dtype).eps * sizes.max()
        residual, norm = residuals[worst], norms[worst]
        enough = HELD_BACK * SURE * tolerance * sizes[worst]
        if space.size > 3 and (norm <= rounding or space.held_back(worst, norm, enough)):
            residual = space.residual((1, -2)[worst])
            norm = float(residual.norm())
        if norm <= rounding or not space.add(residual):
            space.add(random(drawn))
            drawn += 1


def _starts(near: Tensor | None, random: Callable[[int], Tensor]) -> list[Tensor]:
    if near is None:
        return [random(number) for number in range(RANDOM)]
    chances = [random(number) for number in range(len(near))]
    return [vector + chance * (CHANCE / chance.norm()) for vector, chance in zip(near, chances, strict=True)]


class _Space:
    """An orthonormal basis Q of any vectors, the products A Q, and the operator seen in it, Q A Q^T."""

    def __init__(self, apply: Operator, dimension: int):
        self._apply, self._dimension = apply, dimension
        self._basis, self._products = Rows(), Rows()
        self._inner = np.zeros((0, 0))
        self.values = np.zeros(0)
        self._vectors = np.zeros((0, 0))

    @property
    def size(self) -> int:
        return len(self._inner)

    @property
    def complete(self) -> bool:
        return self.size >= self._dimension

    def add(self, vector: Tensor) -> bool:
        """One more product, with what is new in `vector`; False when nothing is new in it."""
        before = float(vector.norm())
        if self.size:
            basis = self._basis.all
            for _ in range(2):
                vector = torch.addmv(vector, basis.mT, basis @ vector, alpha=-1)
        length = float(vector.norm())
        if not before or length <= 100 * torch.finfo(vector.dtype).eps * before:
            return False
        self._basis.append(vector / length)
        self._products.append(self._apply(self._basis.all[-1]))
        row = (self._basis.all @ self._products.all[-1]).double().cpu().numpy()
        if not np.isfinite(row).all():
            raise EvaluationError("a product with the Hessian is not finite")
        grown = np.zeros((self.size + 1, self.size + 1))
        grown[:-1, :-1] = self._inner
        grown[-1, :] = grown[:, -1] = row
        self._inner = grown
        self.values, self._vectors = np.linalg.eigh(grown)
        return True

    def residual(self, which: int) -> Tensor:
        """(n,) A u - value u of the smallest (0) or the largest (-1) Ritz vector, or of another by number."""
        value = float(self.values[which])
        return torch.addmv(self.vector(which), self._products.all.mT, self._share(which), beta=-value)

    def vector(self, which: int) -> Tensor:
        """(n,) the Ritz vector of that number."""
        return self._basis.all.mT @ self._share(which)

    def errors(self, residuals: np.ndarray) -> np.ndarray:
        """(2,) of both ends."""
        if self.complete:
            return np.zeros(2)
        if self.size < 3:
            return residuals
        steps = np.diff(self.values)[[0, -1]]
        beside = np.array([float(self.residual(which).norm()) for which in (1, -2)])
        return kato_temple(residuals, steps - beside)

    def held_back(self, end: int, residual: float, error: float) -> bool:
        """Whether the smallest (0) or largest (1) would be known to `error` if the Ritz value beside it were exact."""
        return residual**2 <= error * np.diff(self.values)[[0, -1]][end]

    def _share(self, which: int) -> Tensor:
        basis = self._basis.all
        return torch.from_numpy(self._vectors[:, which].copy()).to(basis.device, basis.dtype)
