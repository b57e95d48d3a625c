"""The smallest and the largest eigenvalue, both from one growing space, with a bound on their error.

Owns: when they are good enough, and starting from vectors that are known to be near. The space begins with the outermost
vectors found at a neighbouring point, or with random ones, and grows by the residual of whichever end is further from its
eigenvalue. That is Davidson's method without a preconditioner (Davidson 1975), which needs no Krylov space to begin with.
Values in such a space never pass the true ends: the smallest is approached from above, the largest from below.

Where products of a lower precision cost less, the space is made of these, and the operator's own products are for the ends
alone: one when the smaller end has come in sight, as their noise would hide it from then on (space.py), and one for each end
when they seem to be found. Those tell values and residuals that hold.

Several vectors of the lower end are carried, as the smallest eigenvalues of nets lie close together and change places from
point to point: a single start that holds almost nothing of the one that is now the smallest converges to the second. Of the
upper end, where they lie far apart, one is enough, and it shares its product with the lowest, unless products are rough: the
noise of the large would drown the small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from landscape.curvature.lanczos import SMALL, Operator, settled
from landscape.curvature.space import LOW, TOP, Pair, Space, View

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
# The estimated error must be within this share of the tolerance, as an unseen eigenvalue in the gap makes it too small. On a
# net with crowded ends 4 to 6 of 298 points were then off by more than the tolerance of 1 %, with 0.5 in its place 8 or 9
# (see docs/performance.md).
SURE = 0.3
# An end whose own residual would do for so small a share of that is held back by its neighbours, whose places are not known
# well enough to tell the gap; then the one that is known least is worked on.
HELD_BACK = 0.1
# After so many products a search is given up. One by rough products, which takes 15 to 40 and seldom 80, goes on without them.
MOST, MOST_ROUGH = 300, 100
# The lower end is in sight when its residual is within this share of it; at the latest after so many products it is looked
# at, and when rough ones are off by more than this share of it, they are of no use here.
IN_SIGHT, AT_LATEST, USELESS = 0.1, 24, 0.25
# In so small a space there is nothing to look for.
SMALLEST = 16
# An end that is so near and yet not found after so many more rough products is held up by their noise.
NEAR, AGAIN = 0.05, 16


@dataclass(frozen=True, eq=False)
class Ends:
    """Both ends of a spectrum.

    `errors`: about how far each may be from the true value, see `block_bound`. `low` (k, n): vectors of the smallest values
    found, the eigenvector of the smallest first; `top` (n,): that of the largest. `products`: how many were needed, `rough`:
    how many of lower precision besides. `converged`: whether both errors are within what was asked for. `useless`: rough
    products were tried and were too rough.
    """

    smallest: float
    largest: float
    errors: tuple[float, float]
    low: Tensor
    top: Tensor
    products: int
    converged: bool
    rough: int = 0
    useless: bool = False

    @property
    def vectors(self) -> Tensor:
        """(2, n) the eigenvectors, that of the smallest first."""
        return torch.stack([self.low[0], self.top])

    def start(self) -> Tensor:
        """(k + 1, n) what a point nearby may start from, see `near` of `extremes`."""
        return torch.cat([self.low, self.top[None]])


def extremes(
    apply: Operator,
    random: Callable[[int], Tensor],
    dimension: int,
    *,
    tolerance: float = 0.01,
    near: Tensor | None = None,
    most: int = MOST,
    rough: Operator | None = None,
) -> Ends:
    """Both ends of the spectrum of the symmetric operator `apply` on a space of `dimension`.

    `random(k)`: the k-th random vector (n,), normally distributed. `near` (k, n): the `Ends.start` of an operator nearby.
    `tolerance`: accepted error of each end, relative to it; see `settled` for an end near zero. At most `most` products are
    spent, those of `rough` not counted among them; then what is there is returned, not converged.
    `rough`: nearly the same operator, for less; it changes how many products of `apply` are needed, not what is accepted.

    Raises:
        EvaluationError: a product is not finite.
    """
    if dimension <= SMALLEST:
        rough = None
    found = _Search(Space(apply, dimension, rough), random, tolerance, most).run(near)
    if not found.useless:
        return found
    plain = _Search(Space(apply, dimension), random, tolerance, max(1, most - found.products)).run(found.start())
    return replace(plain, products=found.products + plain.products, rough=found.rough, useless=True)


class _Search:
    """One search for both ends in a space."""

    def __init__(self, space: Space, random: Callable[[int], Tensor], tolerance: float, most: int):
        self._space, self._random, self._most = space, random, most
        self._tolerance = SURE * tolerance
        self._drawn = 0
        self._sharpened = [0, 0]  # at which size of the space

    def run(self, near: Tensor | None) -> Ends:
        space, held, in_sight = self._space, 0, not self._space.rough
        for vector in self._starts(near):
            space.add(vector)
        while True:
            view = space.look()
            if not in_sight and self._comes_in_sight(view):
                in_sight = True
                _, noise = space.sharpen(LOW)
                view = space.look()
                if noise > USELESS * abs(view.values[0]):
                    return self._ended(view, None, converged=False, useless=True)
                self._sharpened[0] = space.size
            elif space.rough and self._is_held_up(view):
                view = space.look()
            held = held + 1 if self._found(view).all() and space.size >= FEWEST - 1 else 0
            last = space.complete or space.size >= (min(self._most, MOST_ROUGH) if space.rough else self._most)
            if held == TWICE or last:
                if not space.rough:
                    return self._ended(view, None, converged=held == TWICE or space.complete)
                view, pairs = self._checked()
                good = bool(self._found(view).all())
                if good or last:
                    return self._ended(view, pairs, converged=good, useless=not good)
                held, view = 0, space.look()
            self._grow(view)

    def _starts(self, near: Tensor | None) -> list[Tensor]:
        if near is None:
            self._drawn = RANDOM
            return [self._random(number) for number in range(RANDOM)]
        if not self._space.rough and len(near) > 1:
            near = torch.cat([(near[0] + UPPER * near[-1])[None], near[1:-1]])
        self._drawn = len(near)
        chances = [self._random(number) for number in range(len(near))]
        return [vector + chance * (CHANCE / chance.norm()) for vector, chance in zip(near, chances, strict=True)]

    def _comes_in_sight(self, view: View) -> bool:
        return view.residuals[0] <= IN_SIGHT * abs(view.values[0]) or self._space.size >= AT_LATEST

    def _is_held_up(self, view: View) -> bool:
        """Whether an end was held up by noise; it is sharpened then."""
        near = ~self._found(view) & (view.residuals <= NEAR * np.abs(view.values))
        late = self._space.size >= np.array(self._sharpened) + AGAIN
        for end in np.flatnonzero(near & late):
            self._space.sharpen((LOW, TOP)[end])
            self._sharpened[end] = self._space.size
        return bool((near & late).any())

    def _found(self, view: View) -> np.ndarray:
        scale = np.abs(view.values).max()
        return settled(view.values, view.residuals, view.errors, scale, self._space.size, self._tolerance)

    def _checked(self) -> tuple[View, list[Pair]]:
        """Both ends as the operator itself has them, by one more product for each."""
        return self._space.check([self._space.sharpen(which)[0] for which in (LOW, TOP)])

    def _grow(self, view: View) -> None:
        """By what the end lacks that is further from its eigenvalue, or by something new where it lacks nothing."""
        space, sizes = self._space, np.abs(view.values)
        worst = int(np.argmax(view.errors / np.maximum(sizes, max(SMALL * sizes.max(), np.finfo(float).tiny))))
        values, norms = view.beside[worst]
        direction, norm = view.directions[worst][0], norms[0]
        rounding = 10 * torch.finfo(direction.dtype).eps * sizes.max()
        enough = HELD_BACK * self._tolerance * sizes[worst]
        if space.size > 3 and (norm <= rounding or norm**2 <= enough * abs(values[1] - values[0])):
            least_known = 1 + int(np.argmax(norms[1:]))
            direction, norm = view.directions[worst][least_known], norms[least_known]
        if norm <= rounding or not space.add(direction):
            space.add(self._random(self._drawn))
            self._drawn += 1

    def _ended(self, view: View, pairs: list[Pair] | None, *, converged: bool, useless: bool = False) -> Ends:
        space = self._space
        low, top = [space.vector(i) for i in range(min(CARRIED, space.size))], space.vector(TOP)
        if pairs is not None:
            low[0], top = pairs[0].vector, pairs[1].vector
        rough = space.size if space.rough else 0
        smallest, largest = map(float, view.values)
        errors = (float(view.errors[0]), float(view.errors[1]))
        return Ends(smallest, largest, errors, torch.stack(low), top, space.own_products, converged, rough, useless)
