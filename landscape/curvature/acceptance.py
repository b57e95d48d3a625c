"""When Ritz values of a growing space count as eigenvalues of the ends that they stand for.

Owns: bounds on the error of a Ritz value, and the one rule that ends every search (extremes.py, estimates.py). Knows numbers
only, neither how a space grows nor what an operator is.

A residual says that some eigenvalue is near, not that it is the outermost. Random vectors consist almost wholly of directions
without curvature, so the first Ritz values beside a few large ones lie near zero with small residuals, and an end that is not
found yet looks like an end at zero: -72.7 beside 12337 was 0.0002 after four products, with a residual of 0.4. Two eigenvalues
close to each other look like one between them until the space tells them apart.
"""

from __future__ import annotations

import numpy as np

# A value smaller than this share of the largest magnitude need only be known as precisely as if it were that large, once
# MIN_FOR_ZERO products have found nothing larger at its end.
SMALL, MIN_FOR_ZERO = 1e-3, 20
# A value stands out of its residual when that is at most this share of it.
STANDS_OUT = 0.05
# The estimated error must be within this share of the tolerance, as an unseen eigenvalue in the gap makes it too small. On a
# net with crowded ends 4 to 6 of 298 points were then off by more than the tolerance of 1 %, with 0.5 in its place 8 or 9,
# with 1 19 to 21 (docs/performance.md).
SAFETY = 0.3
# Nothing is accepted before this many products, and only when it holds this many times in a row.
MIN_PRODUCTS, CONSECUTIVE = 8, 2
# No stated error is smaller than this many rounding units of the largest magnitude.
ROUNDING = 10
# How far a value may be off, in units of the length of what is not symmetric in the products with its vector.
NOISE = 2.0


class Acceptance:
    """The rule of one search for eigenvalues to a relative `tolerance`.

    A value is found when its estimated error is within the tolerance and it stands out of its own residual, or when it is as
    good as zero after many products. The search may end when all are found several times in a row.
    """

    def __init__(self, tolerance: float):
        self.asked, self.tolerance = tolerance, SAFETY * tolerance
        self._times = 0

    def found(
        self, values: np.ndarray, residuals: np.ndarray, errors: np.ndarray, *, scale: float, size: int
    ) -> np.ndarray:
        """bool (k,): which Ritz values of a space of `size` vectors are found; `scale`: the largest magnitude in it."""
        sizes = np.abs(values)
        stands_out = (errors <= self.tolerance * sizes) & (residuals <= STANDS_OUT * sizes)
        return stands_out | ((size >= MIN_FOR_ZERO) & (errors <= self.tolerance * SMALL * scale))

    def holds(self, found: np.ndarray, size: int) -> bool:
        """Whether the search may end; to be called once for each look at the space."""
        self._times = self._times + 1 if found.all() and size >= MIN_PRODUCTS - 1 else 0
        return self._times >= CONSECUTIVE

    def agree(self, before: np.ndarray, after: np.ndarray, scale: float) -> bool:
        """Whether two looks found the same values, within the tolerance."""
        return bool((np.abs(after - before) <= self.tolerance * _sizes(after, scale)).all())

    def bears(self, values: np.ndarray, noise: np.ndarray, scale: float) -> np.ndarray:
        """bool (k,): whether products are right enough for each value to be known to the tolerance."""
        return NOISE * noise <= self.asked * _sizes(values, scale)

    def stated(self, values: np.ndarray, errors: np.ndarray, noise: np.ndarray, scale: float, eps: float) -> np.ndarray:
        """(k,) the error stated beside each value: never less than the tolerance, and with what the products are off by.

        An estimate from residuals is too small where eigenvalues that are not in the space crowd at an end: of 1,920 ends 18
        were off by more than it, but none by more than the tolerance.
        """
        return with_products(np.maximum(errors, self.asked * _sizes(values, scale)), noise, scale, eps)

    def reset(self) -> None:
        """Starts counting again, after something changed the space."""
        self._times = 0


def with_products(errors: np.ndarray, noise: np.ndarray, scale: float, eps: float) -> np.ndarray:
    """(k,) the errors, with what the products are off by, and no smaller than rounding."""
    return np.maximum(errors, ROUNDING * eps * scale) + NOISE * noise


def _sizes(values: np.ndarray, scale: float) -> np.ndarray:
    """(k,) the magnitudes that relative errors refer to: a small value counts as a larger one, see `SMALL`."""
    return np.maximum(np.abs(values), SMALL * scale)


def kato_temple(residuals: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """(k,) about how far Ritz values are from eigenvalues.

    The residual r is always a bound. Where no other eigenvalue lies within `gap`, so is r^2 / gap, which is mostly far
    smaller (Kato 1949, Temple 1928). A gap is taken between Ritz values, less the residual of the neighbour, which may belong
    to an eigenvalue that much nearer; where nothing is left of it, the residual stands.
    """
    quotient = np.divide(residuals**2, gaps, out=np.full_like(residuals, np.inf), where=gaps > 0)
    return np.minimum(residuals, quotient)


def all_errors(values: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """(k,) about how far each of the rising Ritz `values` of a whole space is from an eigenvalue, see `kato_temple`."""
    steps = np.diff(values)
    above = np.concatenate([steps - residuals[1:], [np.inf]])
    below = np.concatenate([[np.inf], steps - residuals[:-1]])
    gaps = np.minimum(above, below)
    return kato_temple(residuals, np.where(np.isfinite(gaps), gaps, 0.0))


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
