"""The learning rate as a function of the step.

Owns: the schedules in closed form. They have no state, so a run continued at step k has exactly the rate of step k. They
agree with torch's schedulers of the same names, by test. `plateau` is constant here: what lowers its rate is in plateau.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

# Smith & Topin 2019 (arXiv:1708.07120) with torch's defaults: the begin and the end of the cycle, as shares of its maximum.
BEGIN, END, RISE = 1 / 25, 1 / 25 / 1e4, 0.3
SCHEDULES = ("constant", "step", "cosine", "onecycle", "exponential", "hyperbolic", "plateau")
# These fall from the full rate to its share gamma over the run, which must then be above 0.
FALLING, PLATEAU = ("exponential", "hyperbolic"), "plateau"


def make_schedule(
    name: str, *, steps: int, warmup: int | None, milestones: Sequence[float], gamma: float
) -> Callable[[int], float]:
    """A function from a step, 0 .. steps - 1, to the share of the full learning rate.

    Args:
        name: one of SCHEDULES.
        steps: the number of steps of the whole run.
        warmup: steps of linear rise before the schedule; for onecycle, the rising part (None: 0.3 of all).
        milestones: shares of the run at which `step` multiplies the rate by `gamma`.
        gamma: for `exponential` and `hyperbolic`, above 0, the share of the rate that is left after the last step: with t from 0
            to 1 after the rise, gamma^t and 1 / (1 + b t), b = 1 / gamma - 1.
    """
    if name == "onecycle":
        rising = RISE * (steps + 1) if warmup is None else warmup
        return lambda step: _one_cycle(step, steps, rising)
    rise = warmup or 0
    marks = [share * steps for share in milestones]

    def share(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        if name == "step":
            return gamma ** sum(step >= mark for mark in marks)
        time = (step - rise) / max(1, steps - rise)
        if name == "cosine":
            return _between(1.0, 0.0, time)
        if name == "exponential":
            return gamma**time
        if name == "hyperbolic":
            return 1 / (1 + (1 / gamma - 1) * time)
        return 1.0

    return share


def _one_cycle(step: int, steps: int, rising: float) -> float:
    top = rising - 1
    if step <= top:
        return _between(BEGIN, 1.0, step / top if top > 0 else 1.0)
    return _between(1.0, END, (step - top) / max(1, steps - top))


def _between(first: float, last: float, share: float) -> float:
    """Half a cosine wave from the first value to the last."""
    return last + (first - last) / 2 * (1 + math.cos(math.pi * min(1.0, share)))
