"""The loss at a net's own weights beside the one that its training recorded.

Owns: which of the two can be compared, and the note where they differ. A loss that is a class keeps what training makes of it,
such as a factor that grows; another run makes another object, whose landscape is not that of the loss at the end of training.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from landscape.grid import DIRECTION
from landscape.subject.subject import Subject
from landscape.surfaces.provenance import Provenance
from landscape.surfaces.surface import Surface
from landscape.training.run_folder import FINAL
from landscape.trust import names_code

# Relative differences that are more than rounding.
EXACT, COARSE = 1e-3, 5e-2
TINY = 1e-6  # losses of nets that fit every sample are small differences of large numbers
PRECISE = ("fp32", "fp64")


def recorded_note(subject: Subject, facts: Provenance, surface: Surface) -> str | None:
    """One line where the loss at the centre is not the recorded one; None also where they cannot be compared."""
    metrics, training = subject.net.meta.get("metrics"), subject.net.meta.get("training")
    if not (isinstance(metrics, Mapping) and isinstance(training, Mapping)) or training.get("samples") is not None:
        return None
    if not _is_comparable(subject, facts, surface):
        return None
    limit = EXACT if {facts.precision, training.get("precision")} <= set(PRECISE) else COARSE
    # training data pass in eval mode at the end only; before that values are means over the steps
    ended = Path(facts.checkpoint.path or "").name == FINAL if facts.checkpoint else False
    for name in ("train_loss", "test_loss"):
        then, now = metrics.get(name), surface.at_origin(name) if name in surface.values else None
        if now is None or not isinstance(then, (int, float)) or (name == "train_loss" and not ended):
            continue
        if math.isfinite(then) and math.isfinite(now) and abs(then - now) > limit * max(abs(then), abs(now)) + TINY:
            return (
                f"the {name.replace('_', ' ')} at the net's own weights is {now:.4g}, and its training recorded {then:.4g}: "
                + _why(str(subject.loss.loss))
            )
    return None


def _why(loss: str) -> str:
    if not names_code(loss, "loss"):
        return "have the data, their normalization or the code changed since?"
    return (
        f"this run made a new {loss}, which lacks what training made of the old one (--loss file.py:FUNCTION may return it as it "
        "was), or code or data have changed"
    )


def _is_comparable(subject: Subject, facts: Provenance, surface: Surface) -> bool:
    """Whether the centre is the net, and the loss and the data are those of its training, as far as names say."""
    loss, trained, random = subject.loss, subject.net.trained, facts.evaluation
    return (
        all(axis.kind == DIRECTION for axis in surface.grid.axes)
        and facts.slice is None
        and facts.batchnorm != "recompute"
        and isinstance(loss.loss, str)
        and trained is not None
        and trained.spec == loss.loss
        and loss.l2 is None
        and loss.attack is None
        and not (random and (random.random or random.batches))
        and facts.data is not None
        and facts.data.spec is not None  # data in memory have the same name whatever they are
        and trained.data == facts.data.spec
        and all(split.samples == split.of for split in (facts.data.splits or {}).values())
    )
