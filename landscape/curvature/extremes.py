"""The smallest and the largest eigenvalue, both from one growing space, with a bound on their error.

Owns: the search for both ends. The space begins with a random vector and grows by the residual of whichever end is further from
its eigenvalue. That is Davidson's method without a preconditioner (Davidson 1975), which needs no Krylov space to begin with.
Values in such a space never pass the true ends: the smallest is approached from above, the largest from below. When they are
good enough is the business of acceptance.py.

A small residual does not say that an eigenvalue is the outermost. So when both ends pass, the space grows from a fresh random
vector alone for a few products, and only ends that pass again, with the same values, are settled. Without this, an end was off
by more than the tolerance at 47 of 960 points of crowded, degenerate and definite spectra; with it at none
(docs/performance.md).

Where products of a lower precision cost less, the space is made of these. Reported values and residuals come from
full-precision products only: one when the smaller end has come in sight, as the noise of the others would hide it from then on
(space.py), and one for each end when both seem to be found.

A search uses nothing from other points, so what it finds depends on neither ranks nor stops. Starting from the eigenvectors of a
neighbouring point saved 15 to 25 % of the products, and locked onto the second eigenvalue where two change places.

Both ends come from one space: two separate runs, as in the original program, would each need products that serve the other as
well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from landscape.curvature.acceptance import SMALL, Acceptance
from landscape.curvature.basis import Operator, RandomVectors
from landscape.curvature.space import LOWER, UPPER, BothEnds, ExactProduct, Space

# When both ends seem to be found, the space grows from a fresh random vector by this many products more. With one, no end of
# 864 points was off by more than the tolerance, without any 3 were; the others are a margin.
CHECK_PRODUCTS = 3
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

    `errors`: how far each may be from the true value, see `Acceptance.stated`. `vectors` (2, n): the eigenvectors, that of the
    smallest first. `products`: how many of full precision were needed, `low_precision_products`: how many others besides.
    `converged`: both ends passed `Acceptance`, and again after a fresh random vector. `low_precision_failed`: such products were
    tried and were too imprecise.
    """

    smallest: float
    largest: float
    errors: tuple[float, float]
    vectors: Tensor
    products: int
    converged: bool
    low_precision_products: int = 0
    low_precision_failed: bool = False


def extremes(
    apply: Operator,
    random: RandomVectors,
    dimension: int,
    *,
    tolerance: float = 0.01,
    max_products: int = MAX_PRODUCTS,
    low_precision: Operator | None = None,
    upper: bool = False,
) -> Extremes:
    """Both ends of the spectrum of the symmetric operator `apply` on a space of `dimension`.

    `random(k)`: the k-th random vector. `tolerance`: accepted error of each end, relative to it; see
    `Acceptance` for an end near zero. At most `max_products` are spent, those of `low_precision` not counted among them; then
    what is there is returned, not converged. `low_precision`: nearly the same operator, for less; it changes how many products
    of `apply` are needed, not what is accepted. `upper`: only the largest is sought, with about half of the products; what
    is said of the smallest has no meaning then.

    Raises:
        EvaluationError: a product is not finite.
    """
    if dimension < MIN_DIMENSION or upper:
        low_precision = None
    found = _Search(Space(apply, dimension, low_precision), random, tolerance, max_products, upper=upper).run()
    if not found.low_precision_failed:
        return found
    left = max(1, max_products - found.products)
    full = _Search(Space(apply, dimension), random, tolerance, left).run(found.vectors)
    return replace(
        full,
        products=found.products + full.products,
        low_precision_products=found.low_precision_products,
        low_precision_failed=True,
    )


class _Search:
    """One search for both ends in a space."""

    def __init__(
        self, space: Space, random: RandomVectors, tolerance: float, max_products: int, *, upper: bool = False
    ):
        self._space, self._random = space, random
        self._wanted = slice(UPPER, None) if upper else slice(None)
        self._acceptance = Acceptance(tolerance)
        self._max = min(max_products, MAX_LOW_PRECISION) if space.low_precision else max_products
        self._drawn = 0
        self._in_sight = False
        self._corrected_at = [0, 0]  # the size of the space, for each end
        self._holds = self._confirmed = self._low_precision_fails = False

    def run(self, near: Sequence[Tensor] | Tensor = ()) -> Extremes:
        """`near`: vectors that the space begins with beside a random one."""
        for vector in (*near, self._next_random()):
            self._space.add(vector)
        return self._in_low_precision() if self._space.low_precision else self._in_full_precision()

    def _in_full_precision(self) -> Extremes:
        ends = self._confirm()
        return self._result(ends, converged=self._confirmed or self._space.complete)

    def _in_low_precision(self) -> Extremes:
        space = self._space
        while True:
            ends = self._confirm()
            if self._low_precision_fails:
                return self._result(ends, converged=False, failed=True)
            ends, exact = space.verified(*(space.correct(end)[0] for end in (LOWER, UPPER)))
            good = self._confirmed and bool(self._found(ends).all())
            if good or self._exhausted():
                return self._result(ends, exact, converged=good, failed=not good)
            self._acceptance.reset()
            self._grow(space.both_ends())

    def _confirm(self) -> BothEnds:
        """Grows the space until both ends pass, and until they have passed a check by a fresh random vector once."""
        ends = self._accepted()
        while not (self._confirmed or self._exhausted() or self._low_precision_fails):
            before = ends.values
            self._check()
            ends = self._accepted()
            scale = float(np.abs(ends.values).max())
            self._confirmed = self._holds and self._acceptance.agree(
                before[self._wanted], ends.values[self._wanted], scale
            )
        return ends

    def _accepted(self) -> BothEnds:
        """Grows the space until both ends pass, or no more products may be spent; `_holds` says which."""
        self._acceptance.reset()
        while True:
            ends = self._seen()
            self._holds = self._acceptance.holds(self._found(ends)[self._wanted], self._space.size)
            if self._holds or self._exhausted() or self._low_precision_fails:
                return ends
            self._grow(ends)

    def _seen(self) -> BothEnds:
        """Both ends; where products are of low precision, after what full-precision products are due."""
        space = self._space
        ends = space.both_ends()
        if not space.low_precision:
            return ends
        if not self._in_sight and self._comes_in_sight(ends):
            noise = self._correct_lower()
            ends = space.both_ends()
            self._low_precision_fails = noise > MAX_NOISE * abs(ends.values[0])
        elif self._correct_stalled(ends):
            ends = space.both_ends()
        return ends

    def _check(self) -> None:
        """Grows the space from a fresh random vector alone."""
        new = self._space.add(self._next_random())
        for _ in range(CHECK_PRODUCTS):
            if new and not self._exhausted():
                new = self._space.add(self._space.newest_product)

    def _exhausted(self) -> bool:
        return self._space.complete or self._space.size >= self._max

    def _found(self, ends: BothEnds) -> np.ndarray:
        scale = float(np.abs(ends.values).max())
        space, rule = self._space, self._acceptance
        found = rule.found(ends.values, ends.residuals, ends.errors, scale=scale, size=space.size)
        if space.low_precision:
            return found
        # a residual cannot fall below the error of the product, most of which lies outside the space
        off = ends.noise * (space.dimension / space.size) ** 0.5
        return found | ~rule.bears(ends.values, ends.noise, scale) & (ends.residuals <= off)

    def _comes_in_sight(self, ends: BothEnds) -> bool:
        return bool(ends.residuals[0] <= IN_SIGHT * abs(ends.values[0])) or self._space.size >= CHECKED_BY

    def _correct_lower(self) -> float:
        """How far off the low-precision product of the lower end was."""
        self._in_sight = True
        _, noise = self._space.correct(LOWER)
        self._corrected_at[LOWER] = self._space.size
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
        lacking = ends.errors / np.maximum(sizes, max(SMALL * sizes.max(), np.finfo(float).tiny))
        worst = range(len(lacking))[self._wanted][int(np.argmax(lacking[self._wanted]))]
        direction, norm = ends.directions[worst], ends.residuals[worst]
        rounding = 10 * space.eps * sizes.max()
        if norm <= rounding or not space.add(direction):
            space.add(self._next_random())

    def _next_random(self) -> Tensor:
        self._drawn += 1
        return self._random(self._drawn - 1)

    def _result(
        self, ends: BothEnds, exact: list[ExactProduct] | None = None, *, converged: bool, failed: bool = False
    ) -> Extremes:
        space, scale = self._space, float(np.abs(ends.values).max())
        errors = self._acceptance.stated(ends.values, ends.errors, ends.noise, scale, space.eps)
        vectors = [each.vector for each in exact] if exact else [space.vector(LOWER), space.vector(UPPER)]
        return Extremes(
            smallest=float(ends.values[0]),
            largest=float(ends.values[1]),
            errors=(float(errors[0]), float(errors[1])),
            vectors=torch.stack(vectors),
            products=space.full_products,
            converged=converged and bool(self._acceptance.bears(ends.values, ends.noise, scale)[self._wanted].all()),
            low_precision_products=space.size if space.low_precision else 0,
            low_precision_failed=failed,
        )
