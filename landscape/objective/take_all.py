"""Estimates of a mean where the first stratum is drawn whole, so that only the rest is estimated.

Owns: taking the sum that is known out of the estimators' arguments, and putting it into what they return. Without such a stratum
they are called as they are. Also owns the unit of values, in which controls are about as large as auxiliary variables.
"""

from __future__ import annotations

import numpy as np

from landscape.objective.control import ControlledEstimate, Controls, controlled_estimate, squared_spread
from landscape.objective.frame import DrawnSamples, SamplingFrame
from landscape.objective.regression import Estimate, estimate

# Controls of a size within 2 to these powers are taken as they are.
FITTING = range(-10, 11)


def with_census(drawn: DrawnSamples, values: np.ndarray) -> Estimate:
    """The mean of all samples by what the census tells of each, from the values (n,) of those drawn."""
    frame, rest = drawn.frame, drawn.rest
    stratum, sizes = drawn.stratum[rest] - frame.strata.whole, frame.sizes[frame.strata.whole :]
    found = estimate(values[rest], frame.auxiliary[drawn.numbers][rest], stratum, sizes)
    share = float(sizes.sum() / frame.size)
    mean = _with_known(values, rest, found.mean, frame)
    return Estimate(mean, share * found.stderr, _with_none(found.spread, frame))


def with_controls(
    drawn: DrawnSamples, values: np.ndarray, controls: Controls, auxiliary: np.ndarray
) -> ControlledEstimate:
    """The mean of all samples by `controls` and `auxiliary` (n, p) of those drawn, from their values (n,)."""
    _, power = np.frexp(np.abs(controls.values).max(initial=0.0))
    if power in FITTING:
        return _with_controls(drawn, values, controls, auxiliary)
    values_of, means, stderrs = (np.ldexp(each, -power) for each in controls[:3])
    scaled = Controls(values_of, means, stderrs, np.ldexp(controls.expected, -2 * power))
    found = _with_controls(drawn, np.ldexp(values, -power), scaled, auxiliary)
    mean, own, inherited = (float(np.ldexp(each, power)) for each in found[:3])
    return ControlledEstimate(mean, own, inherited, found.spread)


def _with_controls(
    drawn: DrawnSamples, values: np.ndarray, controls: Controls, auxiliary: np.ndarray
) -> ControlledEstimate:
    frame, rest = drawn.frame, drawn.rest
    if not frame.whole:
        return controlled_estimate(values, controls, auxiliary, drawn.stratum, frame.sizes)
    stratum, sizes = drawn.stratum[rest] - frame.strata.whole, frame.sizes[frame.strata.whole :]
    share = float(sizes.sum() / frame.size)
    of_rest = Controls(
        controls.values[rest],
        (controls.means - controls.values[~rest].sum(axis=0) / frame.size) / share,
        controls.stderrs / share,
        controls.expected[frame.strata.whole :],
    )
    found = controlled_estimate(values[rest], of_rest, auxiliary[rest], stratum, sizes)
    mean = _with_known(values, rest, found.mean, frame)
    return ControlledEstimate(mean, share * found.own, share * found.inherited, _with_none(found.spread, frame))


def expected_spread(frame: SamplingFrame, numbers: np.ndarray, values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(H,) the mean `squared_spread` of the values (n, k) of samples with these numbers (n,), `counts` (H,) by stratum."""
    stratum = frame.stratum[numbers]
    rest, spread = stratum >= frame.strata.whole, np.zeros(len(numbers))
    spread[rest] = squared_spread(values[rest])
    return np.bincount(stratum, spread, len(counts)) / counts


def _with_known(values: np.ndarray, rest: np.ndarray, mean: float, frame: SamplingFrame) -> float:
    return float((values[~rest].sum() + (frame.size - frame.whole) * mean) / frame.size)


def _with_none(spread: np.ndarray, frame: SamplingFrame) -> np.ndarray:
    return np.concatenate([np.zeros(frame.strata.whole), spread])
