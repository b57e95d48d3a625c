"""An estimate at a point for which most samples pass in bfloat16, and some in full precision too.

Owns: `CorrectedPoint`. Rounding is nearly the same shift for all samples at a point: around the paper's ResNet-56 the
difference of the two losses of a sample has 0.0002 to 0.0005 of the variance of the loss. So the mean in bfloat16 is estimated as
any mean is (rounds.py), with the values in bfloat16 at points nearby as control variates. Then it is itself the control variate
(control.py) of the mean in full precision, which takes few samples. Where rounding is of another kind, as at the paper's net
without shortcuts, the point is left to full precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from landscape.objective.control import ControlledEstimate, Controls
from landscape.objective.frame import DrawnSamples, beginnings
from landscape.objective.rounds import (
    MAX_INHERITED,
    MeanEstimate,
    Neighbour,
    PointEstimator,
    have_error,
    more_samples,
    times_too_large,
    within_bounds,
)
from landscape.objective.take_all import expected_spread, with_controls
from landscape.quantity import DRAWN, MEAN_DRAWN

# About how many samples pass in full precision in the first round, and how many of each stratum at least: 11 in all with the
# usual strata. With two of each, 18, the paper's net without shortcuts took 17 % more of them.
FIRST_EXACT, LEAST_EXACT = 8, 1
# The part of the accepted variance for the mean in bfloat16; the rest is for the correction.
ROUGH_SHARE = 0.85
# How often the mean in bfloat16 is made more accurate, where the correction magnifies its error; not if more than this part of
# the samples passed in full precision by then, because the two have little in common there.
MOST_REFINED, MOST_IN_FULL = 4, 0.25


class CorrectedPoint:
    """The rounds for one split at one point; they extend `exact` and `rough`, the same samples in both precisions.

    `tolerance`: the relative standard error wanted. `share`: the part of its square that the mean in bfloat16 may use at most, as
    points that later have this one as a control inherit its error; that of the correction stays here.
    """

    def __init__(
        self, split: str, exact: DrawnSamples, rough: DrawnSamples, driver: str, tolerance: float, share: float
    ):
        self._split, self._exact, self._rough = split, exact, rough
        self._driver, self._tolerance = driver, tolerance
        self._in_full = PointEstimator(split, exact, driver, tolerance)
        self._in_bf16 = PointEstimator(split, rough, driver, tolerance * (ROUGH_SHARE * share) ** 0.5)

    def results(self, neighbours: Sequence[Neighbour]) -> dict[str, Any] | None:
        """The entries of `SampledObjective.evaluate` for this split; None where the correction takes too many samples."""
        exact, rough = self._exact, self._rough
        means = self._means(neighbours)
        wanted, refined = exact.frame.first(FIRST_EXACT, LEAST_EXACT), 0
        while True:
            exact.extend(np.minimum(wanted, rough.counts))
            found = self._corrected(self._driver, means)
            if found is None:
                return None
            accepted = self._tolerance * abs(found.mean)
            if found.stderr <= accepted:
                return self._results(means)
            if not found.inherited <= MAX_INHERITED**0.5 * accepted:
                refined += 1
                if refined > MOST_REFINED or rough.complete or len(exact) > MOST_IN_FULL * len(rough):
                    return None
                mean, stderr = means[self._driver]
                self._in_bf16.tolerance = stderr / abs(mean) * ROUGH_SHARE**0.5 * accepted / found.inherited
                means = self._means(neighbours)
                continue
            if not accepted or (exact.counts == rough.counts).all():
                return None
            wanted = more_samples(exact, times_too_large(found, accepted), found.spread, rough.counts)

    def _means(self, neighbours: Sequence[Neighbour]) -> Mapping[str, MeanEstimate]:
        """In bfloat16."""
        return self._in_bf16.beside(neighbours) or self._in_bf16.alone()

    def _corrected(self, metric: str, means: Mapping[str, MeanEstimate]) -> ControlledEstimate | None:
        """None where a value is not finite, or so small or large that no error is known."""
        exact, rough, mean = self._exact, self._rough, means[metric]
        values, every = exact.values[metric].astype(float), rough.in_order()[metric].astype(float)
        if not (have_error(values) and have_error(every) and np.isfinite(mean).all()):
            return None
        frame = rough.frame
        in_order = frame.strata.draw(np.zeros_like(rough.counts), rough.counts)
        spread = expected_spread(frame, in_order, every[:, None], rough.counts)
        control = beginnings(every, rough.counts, frame, exact.numbers)[:, None]
        controls = Controls(control, np.array([mean.mean]), np.array([mean.stderr]), spread)
        return with_controls(exact, values, controls, np.empty((len(values), 0)))

    def _results(self, means: Mapping[str, MeanEstimate]) -> dict[str, Any]:
        split, rough = self._split, self._rough
        found: dict[str, Any] = {}
        for metric, values in self._exact.values.items():
            known = self._corrected(metric, means)
            own = self._in_full.without_controls(values) if known is None else MeanEstimate(known.mean, known.stderr)
            name = f"{split}_{metric}"
            found |= {name: within_bounds(own.mean, values), f"stderr/{name}": own.stderr}
            found[MEAN_DRAWN + name] = np.array(means[metric])
        found |= {f"{split}_samples": float(len(self._exact) + len(rough)), f"{split}_rough_samples": float(len(rough))}
        found[f"{DRAWN}{split}"] = rough.counts
        return found | {f"{DRAWN}{split}_{key}": value for key, value in rough.in_order().items()}
