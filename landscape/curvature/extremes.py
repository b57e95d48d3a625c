"""The smallest and the largest eigenvalue, both from one growing space, with a bound on their error.

Owns: the search for both ends, and starting it from vectors that are known to be near. The space begins with the outermost
vectors found at a neighbouring point, or with random ones, and grows by the residual of whichever end is further from its
eigenvalue. That is Davidson's method without a preconditioner (Davidson 1975), which needs no Krylov space to begin with.
Values in such a space never pass the true ends: the smallest is approached from above, the largest from below. When they are
good enough is the business of acceptance.py.

Where products of a lower precision cost less, the space is made of these. Reported values and residuals come from
full-precision products only: one when the smaller end has come in sight, as the noise of the others would hide it from then on
(space.py), and one for each end when both seem to be found.

Several vectors of the lower end are carried, as the smallest eigenvalues of nets lie close together and change places from
point to point: a single start that holds almost nothing of the one that is now the smallest converges to the second. Of the
upper end, where they lie far apart, one is enough. It shares its product with the lowest, unless products are of low
precision: the noise of the large would drown the small.

Both ends come from one space: two separate runs, as in the original program, would each need products that serve the other as
well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from landscape.curvature.acceptance import SMALL, Acceptance
from landscape.curvature.basis import Operator, RandomVectors
from landscape.curvature.space import LOWER, UPPER, BothEnds, ExactProduct, Space

# The length of the random vector that is mixed into a known one: a start that is an eigenvector to the last digit, but of an
# eigenvalue that is no longer the smallest, would never leave its place.
PERTURBATION = 0.1
# How many vectors of the lower end are carried from point to point, and the share of the uppermost in the first of them.
LOWER_CARRIED, UPPER_SHARE = 3, 0.3
# Without a neighbour: one random vector may by chance hold little of the outermost eigenvector, two seldom do.
RANDOM_STARTS = 2
# An end whose own residual would do for this small a share of the tolerance is limited by its neighbours, whose places are not
# known well enough to tell the gap; then the one that is known least is worked on.
LIMITED_BY_GAP = 0.1
# A search is given up after this many products. One in low precision, which takes 15 to 40 and seldom 80, then goes on in full.
MAX_PRODUCTS, MAX_LOW_PRECISION = 300, 100
# The lower end is in sight when its residual is within this share of it; its low-precision product is checked then, or after
# this many products at the latest, and when it is off by more than this share of the value, low precision is of no use here.
IN_SIGHT, CHECKED_BY, MAX_NOISE = 0.1, 24, 0.25
# Smaller spaces are searched in full precision.
MIN_DIMENSION = 17
# An end that is this near and not found after this many more low-precision products is held up by their noise.
NEARLY_FOUND, STALLED_AFTER = 0.05, 16


@dataclass(frozen=True, eq=False)
class Extremes:
    """Both ends of a spectrum.

    `errors`: about how far each may be from the true value, see `block_bound`. `lower_vectors` (k, n): of the smallest values
    found, the eigenvector of the smallest first; `upper_vector` (n,): that of the largest. `products`: how many of full
    precision were needed, `low_precision_products`: how many others besides. `converged`: whether both ends passed
    `Acceptance`. `low_precision_failed`: such products were tried and were too imprecise.
    """

    smallest: float
    largest: float
    errors: tuple[float, float]
    lower_vectors: Tensor
    upper_vector: Tensor
    products: int
    converged: bool
    low_precision_products: int = 0
    low_precision_failed: bool = False

    @property
    def vectors(self) -> Tensor:
        """(2, n) the eigenvectors, that of the smallest first."""
        return torch.stack([self.lower_vectors[0], self.upper_vector])

    def start(self) -> Tensor:
        """(k + 1, n) what a point nearby may start from, see `near` of `extremes`."""
        return torch.cat([self.lower_vectors, self.upper_vector[None]])


def extremes(
    apply: Operator,
    random: RandomVectors,
    dimension: int,
    *,
    tolerance: float = 0.01,
    near: Tensor | None = None,
    max_products: int = MAX_PRODUCTS,
    low_precision: Operator | None = None,
) -> Extremes:
    """Both ends of the spectrum of the symmetric operator `apply` on a space of `dimension`.

    `near` (k, n): the `Extremes.start` of an operator nearby. `tolerance`: accepted error of each end, relative to it; see
    `Acceptance` for an end near zero. At most `max_products` are spent, those of `low_precision` not counted among them; then
    what is there is returned, not converged. `low_precision`: nearly the same operator, for less; it changes how many products
    of `apply` are needed, not what is accepted.

    Raises:
        EvaluationError: a product is not finite.
    """
    if dimension < MIN_DIMENSION:
        low_precision = None
    found = _Search(Space(apply, dimension, low_precision), random, tolerance, max_products).run(near)
    if not found.low_precision_failed:
        return found
    left = max(1, max_products - found.products)
    full = _Search(Space(apply, dimension), random, tolerance, left).run(found.start())
    return replace(
        full,
        products=found.products + full.products,
        low_precision_products=found.low_precision_products,
        low_precision_failed=True,
    )


class _Search:
    """One search for both ends in a space."""

    def __init__(self, space: Space, random: RandomVectors, tolerance: float, max_products: int):
        self._space, self._random = space, random
        self._acceptance = Acceptance(tolerance)
        self._max = min(max_products, MAX_LOW_PRECISION) if space.low_precision else max_products
        self._drawn = 0
        self._in_sight = False
        self._corrected_at = [0, 0]  # the size of the space, for each end

    def run(self, near: Tensor | None) -> Extremes:
        for vector in self._starts(near):
            self._space.add(vector)
        return self._in_low_precision() if self._space.low_precision else self._in_full_precision()

    def _in_full_precision(self) -> Extremes:
        space = self._space
        while True:
            ends = space.both_ends()
            held = self._acceptance.holds(self._found(ends), space.size)
            if held or self._exhausted():
                return self._result(ends, converged=held or space.complete)
            self._grow(ends)

    def _in_low_precision(self) -> Extremes:
        space = self._space
        while True:
            ends = space.both_ends()
            if not self._in_sight and self._comes_in_sight(ends):
                noise = self._correct_lower()
                ends = space.both_ends()
                if noise > MAX_NOISE * abs(ends.values[0]):
                    return self._result(ends, converged=False, failed=True)
            elif self._correct_stalled(ends):
                ends = space.both_ends()
            if self._acceptance.holds(self._found(ends), space.size) or self._exhausted():
                ends, exact = space.verified(*(space.correct(end)[0] for end in (LOWER, UPPER)))
                good = bool(self._found(ends).all())
                if good or self._exhausted():
                    return self._result(ends, exact, converged=good, failed=not good)
                self._acceptance.reset()
                ends = space.both_ends()
            self._grow(ends)

    def _starts(self, near: Tensor | None) -> list[Tensor]:
        if near is None:
            self._drawn = RANDOM_STARTS
            return [self._random(number) for number in range(RANDOM_STARTS)]
        if not self._space.low_precision and len(near) > 1:
            near = torch.cat([(near[0] + UPPER_SHARE * near[-1])[None], near[1:-1]])
        self._drawn = len(near)
        draws = [self._random(number) for number in range(len(near))]
        return [vector + drawn * (PERTURBATION / drawn.norm()) for vector, drawn in zip(near, draws, strict=True)]

    def _exhausted(self) -> bool:
        return self._space.complete or self._space.size >= self._max

    def _found(self, ends: BothEnds) -> np.ndarray:
        scale = float(np.abs(ends.values).max())
        return self._acceptance.found(ends.values, ends.residuals, ends.errors, scale=scale, size=self._space.size)

    def _comes_in_sight(self, ends: BothEnds) -> bool:
        return bool(ends.residuals[0] <= IN_SIGHT * abs(ends.values[0])) or self._space.size >= CHECKED_BY

    def _correct_lower(self) -> float:
        """How far off the low-precision product of the lower end was."""
        self._in_sight = True
        _, noise = self._space.correct(LOWER)
        self._corrected_at[0] = self._space.size
        return noise

    def _correct_stalled(self, ends: BothEnds) -> bool:
        """Whether an end was held up by noise; it is corrected then."""
        near = ~self._found(ends) & (ends.residuals <= NEARLY_FOUND * np.abs(ends.values))
        stalled = near & (self._space.size >= np.array(self._corrected_at) + STALLED_AFTER)
        for end in np.flatnonzero(stalled):
            self._space.correct((LOWER, UPPER)[end])
            self._corrected_at[end] = self._space.size
        return bool(stalled.any())

    def _grow(self, ends: BothEnds) -> None:
        """By what the end lacks that is further from its eigenvalue, or by something new where it lacks nothing."""
        space, sizes = self._space, np.abs(ends.values)
        worst = int(np.argmax(ends.errors / np.maximum(sizes, max(SMALL * sizes.max(), np.finfo(float).tiny))))
        values, norms = ends.beside[worst]
        direction, norm = ends.directions[worst][0], norms[0]
        rounding = 10 * torch.finfo(direction.dtype).eps * sizes.max()
        enough = LIMITED_BY_GAP * self._acceptance.tolerance * sizes[worst]
        if space.size > 3 and (norm <= rounding or norm**2 <= enough * abs(values[1] - values[0])):
            least_known = 1 + int(np.argmax(norms[1:]))
            direction, norm = ends.directions[worst][least_known], norms[least_known]
        if norm <= rounding or not space.add(direction):
            space.add(self._random(self._drawn))
            self._drawn += 1

    def _result(
        self, ends: BothEnds, exact: list[ExactProduct] | None = None, *, converged: bool, failed: bool = False
    ) -> Extremes:
        space = self._space
        lower, upper = [space.vector(i) for i in range(min(LOWER_CARRIED, space.size))], space.vector(UPPER)
        if exact is not None:
            lower[0], upper = exact[0].vector, exact[1].vector
        return Extremes(
            smallest=float(ends.values[0]),
            largest=float(ends.values[1]),
            errors=(float(ends.errors[0]), float(ends.errors[1])),
            lower_vectors=torch.stack(lower),
            upper_vector=upper,
            products=space.full_products,
            converged=converged,
            low_precision_products=space.size if space.low_precision else 0,
            low_precision_failed=failed,
        )
