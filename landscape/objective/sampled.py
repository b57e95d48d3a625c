"""Metrics at a point estimated from as many samples as the tolerance requires.

Owns: `SampledObjective`, the estimate of all metrics of all splits at the present weights: in full precision (rounds.py), or
mostly in bfloat16 (corrected.py).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from landscape.objective.census import Census, measure_samples
from landscape.objective.corrected import CorrectedPoint
from landscape.objective.frame import DrawnSamples, SamplingFrame
from landscape.objective.objective import Objective
from landscape.objective.rounds import FIRST_ROUND, Neighbour, PointEstimator
from landscape.quantity import DRAWN


def pilot_statistics(objective: Objective, split: str, metric: str) -> tuple[float, float]:
    """Mean and standard deviation of a metric over evenly spaced samples of a split, at the present weights."""
    size = objective.splits[split].size
    numbers = np.unique(np.linspace(0, size - 1, min(size, FIRST_ROUND)).astype(int))
    values = measure_samples(objective, split, numbers, outputs=False).metrics[metric]
    return float(values.mean()), float(values.std())


class SampledObjective:
    """Evaluates `objective` at its present weights to a standard error of `tolerance` times the metric `driver`.

    Results have the names of `Objective.evaluate`. A standard error is that of the estimated mean over all samples (0
    where all were evaluated); `<split>_samples` is the number of samples evaluated, and `<split>_rough_samples` how many of these
    passed in bfloat16. `drawn/<split>_<metric>` (n,) are their values and `drawn/<split>` (H,) their numbers by stratum, which
    serve as controls at other points; these are values in bfloat16 where `drawn/mean of <split>_<metric>` (2,) has their mean and
    its standard error.
    """

    def __init__(
        self,
        objective: Objective,
        census: dict[str, Census],
        tolerance: float,
        driver: str,
        *,
        seed: int = 0,
        rough: Objective | None = None,
        agreed: Callable[[Any], Any] | None = None,
    ):
        """`seed`: which samples are drawn. `rough`: the objective in bfloat16, for most samples.

        `agreed`: of the values on several processes, which go together, those to use.
        """
        self.objective, self.rough, self.tolerance, self.driver = objective, rough, tolerance, driver
        self._agreed, self._census = agreed or (lambda values: values), census
        self._frames = {name: SamplingFrame.of(entry, driver, seed) for name, entry in census.items()}

    def evaluate(self, neighbours: Sequence[Neighbour] = (), share: float = 1.0) -> dict[str, Any]:
        """`share`: the part of the accepted variance to use here; points that later have this one as a control add to it."""
        found: dict[str, Any] = {}
        for name, frame in self._frames.items():
            found |= self._estimate(name, frame, neighbours, share)
        return self._with_penalty(found)

    def at_anchor(self, number: int) -> dict[str, Any]:
        """The result where all samples were evaluated, at the present weights, which are those of the anchor."""
        found: dict[str, Any] = {}
        for name, census in self._census.items():
            means = {key: float(values[number].mean(dtype=float)) for key, values in census.metrics.items()}
            found |= {f"{name}_{key}": mean for key, mean in means.items()}
            found |= {f"stderr/{name}_{key}": 0.0 for key in means}
            found |= {f"{name}_samples": float(self._frames[name].size)}
            found |= {f"{name}_rough_samples": 0.0} if self.rough else {}
            found |= {f"{DRAWN}{name}_{key}": np.empty(0) for key in means}  # the census has them
        return self._with_penalty(found)

    def _estimate(self, name: str, frame: SamplingFrame, near: Sequence[Neighbour], share: float) -> dict[str, Any]:
        exact, passed_before = DrawnSamples(frame, functools.partial(self._measure, self.objective, name)), 0.0
        if self.rough:
            rough = DrawnSamples(frame, functools.partial(self._measure, self.rough, name))
            corrected = CorrectedPoint(name, exact, rough, self.driver, self.tolerance, share).results(near)
            if corrected is not None:
                return corrected
            passed_before = float(len(rough))
        point = PointEstimator(name, exact, self.driver, self.tolerance * share**0.5)
        found = point.results(point.beside(near) or point.alone())
        if self.rough:
            found[f"{name}_samples"] += passed_before
            found[f"{name}_rough_samples"] = passed_before
        return found

    def _with_penalty(self, found: dict[str, Any]) -> dict[str, Any]:
        if not self.objective.l2:
            return found
        penalty = self.objective.penalty()
        return found | {f"{name}_loss_l2": found[f"{name}_loss"] + penalty for name in self._frames}

    def _measure(self, objective: Objective, split: str, numbers: np.ndarray) -> dict[str, np.ndarray]:
        return self._agreed(measure_samples(objective, split, numbers, outputs=False).metrics)
