"""The ends of the Hessian's spectrum at a point of a slice.

Owns: `HessianEnds`, its settings, and the names of the results. Nothing passes from point to point.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from landscape.curvature.basis import Operator
from landscape.curvature.estimates import Eigenpairs, density
from landscape.curvature.extremes import MAX_PRODUCTS, Extremes, extremes
from landscape.curvature.operator import BF16, EXACT, CurvatureOperator
from landscape.errors import UsageError
from landscape.measurement.evaluate import move, quantity_of
from landscape.measurement.measurement import Coords, Undivided
from landscape.quantity import HESSIAN as GROUP
from landscape.quantity import Quantity, quantity_named
from landscape.slice.slice import Slice
from landscape.subject.subject import Subject
from landscape.surfaces.study_facts import CurvatureFacts
from landscape.sweep.sampler import Point

MAX, MIN, NEGATIVE, SETTLED = "hessian_max", "hessian_min", "hessian_negative", "hessian_settled"
PROBES, STEPS = 2, 40
# The usual products of a point, for the estimate of a dry run (docs/performance.md): all in full precision, or those in full
# precision beside low-precision ones.
USUAL_PRODUCTS, USUAL_BESIDE = 20, 3


@dataclass(frozen=True)
class EndsSettings:
    """`ignore`, `only`: which parameters count, as recorded. `tolerance`: relative error of each eigenvalue.

    `index`: a share of the largest magnitude; eigenvalues below minus that share count as negative; None omits the saddle index.
    """

    ignore: str = "biasbn"
    only: str | None = None
    tolerance: float = 0.01
    index: float | None = None
    probes: int = PROBES
    steps: int = STEPS

    def checked(self) -> EndsSettings:
        """Raises UsageError for invalid values."""
        if not 0 < self.tolerance <= 0.5:
            raise UsageError(
                f"tolerance {self.tolerance:g}: expected a relative error above 0, up to 0.5, such as 0.01"
            )
        if self.index is not None and not 0 <= self.index < 1:
            raise UsageError(
                f"index {self.index:g}: expected a share of the largest eigenvalue from 0 to 1, such as 0.001"
            )
        return self


class HessianEnds(Undivided):
    """Both ends of the spectrum at a point (`Addition`)."""

    group, label = GROUP, "curvature"

    def __init__(
        self,
        subject: Subject,
        slice: Slice,
        products: CurvatureOperator,
        settings: EndsSettings,
        loss: str | None = None,
        search: str = EXACT,
    ):
        """`loss`: the metric that also keeps the loss, if no other measurement does. `search`: see `CurvatureOperator`."""
        self.subject, self.slice = subject, slice
        self.notes = tuple(products.notes)
        self._loss, self._products, self._settings = loss, products, settings
        self.operator = products
        self.low_precision: Operator | None = products.low_precision(search)

    @property
    def tolerance(self) -> float:
        """The accepted relative error of an eigenvalue."""
        return self._settings.tolerance

    def quantity(self, name: str) -> Quantity:
        found = quantity_named(name)
        return found if found.group == GROUP else replace(quantity_of(self.subject.objective, name), group=GROUP)

    def facts(self) -> dict[str, Any]:
        name, split = next(iter(self.subject.objective.splits.items()))
        return CurvatureFacts(
            split=name,
            precision=self.subject.objective.precision,
            samples=split.size,
            fingerprint=split.fingerprint,
            ignore=self._settings.ignore,
            only=self._settings.only,
            parameters=self._products.dimension,
            tolerance=self._settings.tolerance,
            index=self._settings.index,
            products=self._products.backend,
        ).json()

    def run_facts(self) -> dict[str, Any]:
        return {"search": self.choice()}

    def choice(self) -> str:
        return BF16 if self.low_precision else EXACT

    def choose(self, choice: str) -> None:
        if choice != self.choice():
            self.low_precision = self.operator.low_precision(choice)

    def passes(self, result: Mapping[str, float]) -> float:
        return result[f"{GROUP}_products"] + result[f"{GROUP}_rough"]

    def trial(self, coords: Coords) -> tuple[float, float]:
        move(self.subject, self.slice, coords)
        self._products.refresh()
        vector = self._products.gaussian(0)
        seconds = USUAL_PRODUCTS * _seconds_of(self.low_precision or self._products, vector)
        if not self.low_precision:
            return USUAL_PRODUCTS, seconds
        return USUAL_PRODUCTS + USUAL_BESIDE, seconds + USUAL_BESIDE * _seconds_of(self._products, vector)

    def evaluate(self, point: Point) -> dict[str, float]:
        """`hessian_max`, `hessian_min`, the error of each, the loss, and how many products were needed."""
        move(self.subject, self.slice, point.coords)
        products, settings = self._products, self._settings
        before = products.count
        loss = products.refresh()
        if not math.isfinite(loss):
            return self._unknown(loss)
        random = self.random_vectors(point.coords)
        found = extremes(
            products,
            random,
            products.dimension,
            tolerance=settings.tolerance,
            max_products=MAX_PRODUCTS,
            low_precision=self.low_precision,
        )
        results = {
            **self._kept(loss),
            MAX: found.largest,
            MIN: found.smallest,
            f"{MAX}_error": found.errors[1],
            f"{MIN}_error": found.errors[0],
            SETTLED: float(found.converged),
        }
        if settings.index is not None:
            results |= self._index(settings.index, found, random)
        return {
            **results,
            f"{GROUP}_products": float(products.count - before),
            f"{GROUP}_rough": float(found.low_precision_products),
        }

    def _unknown(self, loss: float) -> dict[str, float]:
        """Where the loss is not finite there is no curvature."""
        unknown = [MAX, MIN, f"{MAX}_error", f"{MIN}_error", SETTLED]
        unknown += [NEGATIVE] if self._settings.index is not None else []
        spent = {f"{GROUP}_products": 0.0, f"{GROUP}_rough": 0.0}
        return {**self._kept(loss), **dict.fromkeys(unknown, math.nan), **spent}

    def _kept(self, loss: float) -> dict[str, float]:
        return {self._loss: loss} if self._loss else {}

    def random_vectors(self, coords: Coords) -> Callable[[int], Tensor]:
        """Random vectors that are the same on every rank, and differ from point to point."""
        digest = hashlib.blake2b(np.asarray(coords, dtype=np.float64).tobytes(), digest_size=4).digest()
        seed = int.from_bytes(digest, "big")
        return lambda number: self._products.gaussian(seed, number)

    def _index(self, index: float, ends: Extremes, random: Callable[[int], Tensor]) -> dict[str, float]:
        """The share of eigenvalues that are negative beyond the tolerance, with its standard error."""
        products, settings = self._products, self._settings
        known: Eigenpairs | None = Eigenpairs(
            np.array([ends.smallest, ends.largest]), np.array(ends.errors), ends.vectors, 0, ends.converged
        )
        if products.dimension <= 2:
            known = None
        found = density(products, random, products.dimension, probes=settings.probes, steps=settings.steps, known=known)
        bound = -index * max(abs(ends.smallest), abs(ends.largest))
        share, error = found.share_below(bound)
        return {NEGATIVE: share, f"stderr/{NEGATIVE}": error}


def _seconds_of(apply: Callable[[Tensor], Tensor], vector: Tensor) -> float:
    apply(vector)
    started = time.perf_counter()
    float(apply(vector)[0])  # waits for a GPU
    return time.perf_counter() - started
