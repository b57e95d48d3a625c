"""Several optimizers on one function: their rates, their paths, and the surface that both are drawn on.

Owns: `DescentAsked`, the choice of learning rates, what the paths are called, and the `Surface` of it all with its provenance.
Knows no option of the shell, and does not write.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from landscape.analytic.descent import Descent, descend, noise_of, values_over
from landscape.analytic.functions import Function, Point
from landscape.analytic.methods import Method, methods_at
from landscape.errors import UsageError
from landscape.grid import COORDINATE, Axis, Grid, Range
from landscape.quantity import EVALUATION, VALUE, Quantity
from landscape.subject.subject import started, versions_used
from landscape.surfaces.provenance import Provenance, RunFacts
from landscape.surfaces.same_run import plain
from landscape.surfaces.study_facts import DescentFacts
from landscape.surfaces.surface import DONE, MINIMA, Surface, Trail

# The rates that are tried where none is given: half a decade apart.
RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
# Of the steps of a run, the share at its end over which values are averaged to choose a rate.
END = 0.1
# Of the way from the start down to the minimum, the share that the level leaves where none is given.
LEFT = 0.01
QUANTITY = Quantity("value", "f(x, y)", VALUE, metric="value")


@dataclass(frozen=True, kw_only=True)
class DescentAsked:
    """What to compare. `rates` None: for each optimizer the best of `RATES`. `level` None: see `level_of`."""

    function: Function
    optimizers: Sequence[str]
    rates: Sequence[float] | None
    steps: int
    start: Point
    noise: float
    seed: int
    level: float | None
    x: Range
    y: Range


def check_start(asked: DescentAsked) -> None:
    """Raises UsageError for a start outside of the window, which no picture would show."""
    for name, at, shown in zip("xy", asked.start, (asked.x, asked.y), strict=True):
        if not shown.start <= at <= shown.stop:
            raise UsageError(
                f"start {asked.start[0]:g},{asked.start[1]:g}: {name} is not within {shown.start:g} to {shown.stop:g}, "
                f"the window of {asked.function.name}; give another --start, or a larger -{name}"
            )


def compared(asked: DescentAsked) -> Surface:
    """The values over the window, and a trail for each optimizer.

    Raises:
        LandscapeError: bad input, or a function that fails.
    """
    check_start(asked)
    noise = noise_of(asked.noise, asked.steps, asked.seed)
    chosen = methods_at(asked.optimizers, asked.rates or ())
    names = names_of(chosen)
    if asked.rates is None:
        runs = [_best(asked, method, noise) for method in chosen]
    else:
        runs = [(method, descend(asked.function, asked.start, method, noise)) for method in chosen]
    trails = {name: _trail(found) for name, (_, found) in zip(names, runs, strict=True)}
    values = values_over(asked.function, asked.x.values, asked.y.values)
    facts = facts_of(asked, [method for method, _ in runs], values)
    grid = Grid((Axis("x", asked.x.values, "x", COORDINATE), Axis("y", asked.y.values, "y", COORDINATE)))
    run = RunFacts(versions=versions_used(), started=started(), level=level_of(asked, float(runs[0][1].value[0])))
    provenance = Provenance(command="optimizers", descent=facts, run=run).json()
    status = {EVALUATION: np.full(grid.shape, DONE, np.uint8)}
    return Surface(
        grid,
        {"value": values},
        {},
        status,
        {**trails, **_minima(asked.function)},
        plain(provenance),
        "",
        {"value": QUANTITY},
    )


def over_rates(asked: DescentAsked, method: Method, noise: Tensor) -> list[tuple[Method, Descent]]:
    """The paths at each of the rates, or the one of an optimizer that needs none."""
    tried = [method.at_rate(rate) for rate in asked.rates or RATES] if method.takes_rate else [method]
    return [(each, descend(asked.function, asked.start, each, noise)) for each in tried]


def _best(asked: DescentAsked, method: Method, noise: Tensor) -> tuple[Method, Descent]:
    """The path that ends lowest, of those that stay in the window if any do; of equal ones that of the smallest rate.

    A rate that is far too large may throw a path out of the window and, by luck, to a low place.
    """
    return min(over_rates(asked, method, noise), key=lambda run: (not _stays(run[1], asked), end_value(run[1])))


def _stays(found: Descent, asked: DescentAsked) -> bool:
    inside = (
        (found.x >= asked.x.start) & (found.x <= asked.x.stop) & (found.y >= asked.y.start) & (found.y <= asked.y.stop)
    )
    return found.diverged is None and bool(inside.all())


def end_value(found: Descent) -> float:
    """The mean of the values in the last tenth of the steps, which noise moves less than the last alone; infinite if diverged."""
    if found.diverged is not None:
        return math.inf
    return float(found.value[-max(1, round(END * (len(found.value) - 1))) :].mean())


def level_of(asked: DescentAsked, first: float) -> float | None:
    """The level: the one asked for, else that 99 % of the way from the start down to the minimum; None where none is known."""
    if asked.level is not None or asked.function.minimum is None:
        return asked.level
    return asked.function.minimum + LEFT * (first - asked.function.minimum)


def names_of(found: Sequence[Method]) -> list[str]:
    """The names alone where they differ, else with the settings.

    Raises:
        UsageError: the same optimizer twice.
    """
    names = [method.name for method in found]
    named = [method.name if names.count(method.name) == 1 else method.text for method in found]
    if twice := [name for name in named if named.count(name) > 1]:
        raise UsageError(f"optimizer '{twice[0]}' is given twice; give each once, or with different settings")
    return named


def _trail(found: Descent) -> Trail:
    count = len(found.x)
    metrics = {"value": found.value, "slope": found.slope, "gradients": found.gradients}
    ended = "" if found.diverged is None else f"diverged at step {found.diverged}"
    return Trail(
        found.x,
        found.y,
        np.arange(count, dtype=np.float64),
        metrics=metrics,
        status=np.full(count, DONE, np.uint8),
        ended=ended,
    )


def _minima(function: Function) -> dict[str, Trail]:
    if not function.minima:
        return {}
    x, y = np.array(function.minima).T
    return {MINIMA: Trail(x, y, labels=("minimum",) + ("",) * (len(x) - 1))}


def facts_of(asked: DescentAsked, found: Sequence[Method], values: np.ndarray, *, swept: bool = False) -> DescentFacts:
    """The provenance; `values` are some of the function, such as those over the window."""
    function = asked.function
    return DescentFacts(
        function=function.name,
        label=function.label,
        source=function.source,
        # values over the window tell two versions of a user's code apart; those of the table are known by name
        fingerprint=hashlib.sha256(values.tobytes()).hexdigest() if function.pointwise else None,
        start=list(asked.start),
        steps=asked.steps,
        noise=asked.noise or None,
        seed=asked.seed if asked.noise else None,
        optimizers=[method.text for method in found],
        rates=list(RATES) if asked.rates is None else list(asked.rates) if swept else None,
        swept=swept or None,
        minimum=function.minimum,
    )
