"""The loss at a net's own weights beside the one that its training recorded.

Owns: which of the two can be compared, and the note where they differ: data, code, or what a loss keeps of training may be others
by now. Of a loss that is a module a checkpoint keeps that (subject/restored_loss.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape.grid import DIRECTION
from landscape.objective.loss_state import LossState
from landscape.printable import printable
from landscape.subject.subject import Subject
from landscape.subject.trained import is_same_spec
from landscape.surfaces.provenance import Provenance
from landscape.surfaces.surface import Surface
from landscape.training.run_folder import FINAL
from landscape.trust import names_code

# Relative differences that are more than rounding.
EXACT, COARSE = 1e-3, 5e-2
# Of other data: what is worth a word.
OTHER = 0.5
TINY = 1e-6  # losses of nets that fit every sample are small differences of large numbers
PRECISE = ("fp32", "fp64")


@dataclass(frozen=True)
class Record:
    """The losses that the training of a net recorded, by the name that they have in results; `why` another may be found."""

    losses: Mapping[str, float]
    why: str
    limit: float

    def note(self, found: Mapping[str, float | None]) -> str | None:
        """One line where a loss at the net's own weights is not the recorded one."""
        for name, then in self.losses.items():
            now = found.get(name)
            if (
                now is not None
                and math.isfinite(now)
                and abs(then - now) > self.limit * max(abs(then), abs(now)) + TINY
            ):
                return (
                    f"the {name.replace('_', ' ')} at the net's own weights is {now:.4g}, and its training recorded {then:.4g}: "
                    + self.why
                )
        return None


def record_of(subject: Subject, facts: Provenance) -> Record | None:
    """What a run on this subject can be compared with; None where nothing can."""
    metrics, training = subject.net.meta.get("metrics"), subject.net.meta.get("training")
    if not (isinstance(metrics, Mapping) and isinstance(training, Mapping)) or training.get("samples") is not None:
        return None
    if not _is_comparable(subject, facts):
        return None
    # training data pass in eval mode at the end only; before that values are means over the steps
    name = Path((facts.checkpoint and facts.checkpoint.path) or "").name
    ended, sure = _has_ended(name, subject.net.meta.get("epochs"), training.get("epochs")), name == FINAL
    losses = {name: metrics.get(name) for name in ("train_loss", "test_loss") if ended or name != "train_loss"}
    known = {name: each for name, each in losses.items() if isinstance(each, (int, float)) and math.isfinite(each)}
    if (there := _of_other_data(subject, facts)) is not None:
        return Record(known, there, OTHER) if known else None
    exact = facts.precision in PRECISE and training.get("precision") in PRECISE
    limit = OTHER if ended and not sure else EXACT if exact else COARSE
    return Record(known, _why(subject), limit) if known else None


def recorded_note(subject: Subject, facts: Provenance, surface: Surface) -> str | None:
    """The line on a result whose origin is the net, where there is one."""
    if not all(axis.kind == DIRECTION for axis in surface.grid.axes) or facts.slice is not None:
        return None
    if (record := record_of(subject, facts)) is None:
        return None
    return record.note({name: surface.at_origin(name) for name in record.losses if name in surface.values})


def _has_ended(name: str, epochs: Any, of: Any) -> bool:
    """Whether a file is that of a trained net, by its name in a run, or likely, where it has another one."""
    numbers = isinstance(epochs, (int, float)) and isinstance(of, (int, float))
    return name == FINAL or (bool(name) and numbers and epochs == of and not name.startswith("step_"))


def _of_other_data(subject: Subject, facts: Provenance) -> str | None:
    """What data there are now and were then, where names say that these are not the same."""
    now, then = facts.data and facts.data.spec, subject.net.trained and subject.net.trained.data
    if now == then or (now and then and is_same_spec(then, now)):
        return None
    shown = printable(now) if now else "data in memory"
    return f"that was on {printable(str(then))}, and this is on {shown}"


def _why(subject: Subject) -> str:
    loss, trained = str(subject.loss.loss), subject.net.trained
    kept = trained and trained.state and LossState.of_loss(subject.objective.measure).is_whole
    if kept or not names_code(loss, "loss"):
        return "have the data, their normalization or the code changed since?"
    return (
        f"this run made a new {loss}, which lacks what training made of the old one (--loss file.py:FUNCTION may return it as it "
        "was), or code or data have changed"
    )


def _is_comparable(subject: Subject, facts: Provenance) -> bool:
    """Whether the loss and the data are those of the net's training, as far as names say."""
    loss, trained, random = subject.loss, subject.net.trained, facts.evaluation
    return (
        facts.batchnorm != "recompute"
        and isinstance(loss.loss, str)
        and trained is not None
        and is_same_spec(trained.spec, loss.loss)
        and loss.l2 is None
        and loss.attack is None
        and not (random and (random.random or random.batches))
        and facts.data is not None
        and trained.data is not None
        and all(split.samples == split.of for split in (facts.data.splits or {}).values())
    )
