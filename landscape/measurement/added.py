"""A metric of a point that is computed whole, by the same work at every point.

Owns: what such an `Addition` says of itself unless it has more to say: its samples as the facts that must agree, one pass for a
point, and the trial of a dry run.

The package itself has no subclass; additions of others derive from it, as in tests/recipes/test_added.py.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

from landscape.measurement.evaluate import move
from landscape.measurement.measurement import Undivided
from landscape.quantity import Quantity
from landscape.slice.slice import Slice
from landscape.subject.subject import Subject
from landscape.sweep.sampler import Point, Result


class Added(Undivided):
    """An `Addition` with one loss and nothing to choose; a class of its own states the attributes, and `here`.

    Attributes:
        group, label, notes: see `Addition`.
        rows: its quantities, whose group is set here.
    """

    group: ClassVar[str]
    label: ClassVar[str]
    rows: ClassVar[tuple[Quantity, ...]]
    notes: tuple[str, ...] = ()

    def __init__(self, subject: Subject, slice: Slice):
        self.subject, self.slice = subject, slice

    @abstractmethod
    def here(self) -> Result:
        """The metrics by name, of the weights that the subject's objective has now."""

    def evaluate(self, point: Point) -> Result:
        move(self.subject, self.slice, point.coords)
        return self.here()

    def quantity(self, name: str) -> Quantity:
        return replace(next(row for row in self.rows if row.name == name), group=self.group)

    def facts(self) -> dict[str, Any]:
        name, split = next(iter(self.subject.objective.splits.items()))
        precision = self.subject.objective.precision
        return {"split": name, "precision": precision, "samples": split.size, "fingerprint": split.fingerprint}

    def run_facts(self) -> dict[str, Any]:
        return {}

    def choice(self) -> str:
        return ""

    def choose(self, choice: str) -> None:
        pass
