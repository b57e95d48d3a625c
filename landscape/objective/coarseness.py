"""Whether a low precision is good enough for a net: its loss at the net's own weights, beside that in float32.

Owns: the comparison, on a few samples before a run. In bfloat16 the loss of the paper's ResNet-56 without shortcuts is 1.2 where
it is 0.69, and that of its twin with shortcuts right to 1 %; nothing but trying tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from landscape.objective.numerics import numerics
from landscape.objective.weighted import mean_of

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

SAMPLES = 64
# A difference is reported when it is more than this share of the loss; a smaller loss counts as FLOOR.
MOST, FLOOR = 0.05, 1e-2


def coarse_loss(objective: Objective) -> tuple[float, float] | None:
    """(the loss of a few samples, that in float32) where these differ by more than 5 %; otherwise None.

    Also None without a loss, where values depend on more than weights and samples, such as statistics of other data, and for a
    net that is lent, which may be held in bfloat16.
    """
    fits = objective.conduct.plain and not objective.recomputes and not objective.lent
    if objective.precision not in ("tf32", "bf16") or not fits:
        return None
    batch = next(iter(next(iter(objective.splits.values())).batches(SAMPLES)))
    with objective.ready():
        low = objective.measure(objective.net, batch)
    with numerics("fp32", objective.device):
        full = objective.measure(objective.model, batch)
    if "loss" not in full:
        return None
    found, exact = (float(mean_of(values["loss"])) for values in (low, full))
    return (found, exact) if abs(found - exact) > MOST * max(abs(exact), FLOOR) else None
