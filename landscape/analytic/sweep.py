"""How much depends on the learning rate: where each optimizer ends at each of many rates, and when it reaches the level.

Owns: the `Surface` of one dimension over the logarithm of the rate. The paths are those of descent.py.
"""

from __future__ import annotations

import math

import numpy as np

from landscape.analytic.compare import DescentAsked, check_start, end_value, facts_of, level_of, names_of, over_rates
from landscape.analytic.descent import noise_of
from landscape.analytic.methods import method_of
from landscape.errors import UsageError
from landscape.grid import COORDINATE, Axis, Grid
from landscape.quantity import EVALUATION, REACHED, RESPONSE, VALUE, Quantity
from landscape.subject.subject import started, versions_used
from landscape.surfaces.provenance import Provenance, RunFacts
from landscape.surfaces.same_run import plain
from landscape.surfaces.surface import DONE, Surface

LABEL = "log₁₀ of the learning rate"


def swept(asked: DescentAsked) -> Surface:
    """`values["adam"]` (n,): the mean value over the last tenth of the steps, infinite where the path diverges; with a level also
    `values["adam steps"]`: the first step at or below it, NaN where there is none.

    Raises:
        LandscapeError: bad input, an optimizer whose rate is not free, or a function that fails.
    """
    check_start(asked)
    chosen = [method_of(text) for text in asked.optimizers]
    if fixed := [method.text for method in chosen if not method.takes_rate]:
        raise UsageError(f"optimizer '{fixed[0]}': has its learning rate already, so none can be swept; leave it out")
    names, noise = names_of(chosen), noise_of(asked.noise, asked.steps, asked.seed)
    runs = [[found for _, found in over_rates(asked, method, noise)] for method in chosen]
    level = level_of(asked, float(runs[0][0].value[0]))
    values = {name: np.array([end_value(found) for found in each]) for name, each in zip(names, runs, strict=True)}
    quantities = {name: Quantity(name, name, VALUE, role=RESPONSE) for name in names}
    if level is not None:
        for name, each in zip(names, runs, strict=True):
            reached = [found.steps_to(level) for found in each]
            values[f"{name} steps"] = np.array([math.nan if step is None else float(step) for step in reached])
            quantities[f"{name} steps"] = Quantity(f"{name} steps", f"steps of {name}", VALUE, role=REACHED, aside=True)
    assert asked.rates is not None
    grid = Grid((Axis("x", np.log10(asked.rates), LABEL, COORDINATE),))
    results = np.concatenate(list(values.values()))  # their hash tells two versions of a user's function apart
    run = RunFacts(versions=versions_used(), started=started(), level=level)
    known = Provenance(command="optimizers", descent=facts_of(asked, chosen, results, swept=True), run=run)
    status = {EVALUATION: np.full(grid.shape, DONE, np.uint8)}
    return Surface(grid, values, {}, status, {}, plain(known.json()), "", quantities)
