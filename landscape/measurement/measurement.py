"""What a measurement is.

Owns: the interfaces `Measurement` and `Addition`, and `Undivided`, the base of those whose points are not shared among ranks.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from landscape.quantity import Quantity
from landscape.sweep.sampler import Point, Result

Coords = tuple[float, ...]
Values = dict[str, float]


class Measurement(Protocol):
    """Work (`sweep.work.Work`) that describes its results."""

    @property
    def chunks(self) -> int:
        """The number of parts of a point; the same at every point and on every rank."""

    def part(self, point: Point, first: int, end: Callable[[int], int]) -> Sequence[Any]:
        """One contribution for each chunk from `first` on; `end` is called before each and says where to stop."""

    def join(self, contributions: Sequence[Any]) -> Result:
        """The result of a point from the contributions of all its chunks, in order."""

    def quantity(self, name: str) -> Quantity:
        """What the result of that name is."""


class Addition(Measurement, Protocol):
    """A measurement that is added to an existing surface, in its own status group.

    Attributes:
        group: the name of the status group, and of the facts in the provenance.
        label: what progress lines call it.
        notes: what the user should know before the first point.
    """

    group: str
    label: str
    notes: tuple[str, ...]

    def facts(self) -> Mapping[str, Any]:
        """Facts that must agree before more points are added to the same group, as JSON."""

    def run_facts(self) -> Mapping[str, Any]:
        """Facts that only describe the latest run, as JSON."""

    def choice(self) -> str:
        """What was found to be faster here by a trial: all ranks take the leader's, since it may change the last digits."""

    def choose(self, choice: str) -> None:
        """Takes what the leader has found."""

    def passes(self, result: Mapping[str, float]) -> float:
        """Passes over the data that a point took."""

    def trial(self, coords: Coords) -> tuple[float, float]:
        """(passes, seconds) that a usual point takes, timed at `coords`, for a dry run."""


class Undivided(ABC):
    """A measurement whose points are computed whole."""

    chunks = 1

    @abstractmethod
    def evaluate(self, point: Point) -> Result:
        """The result of a point."""

    def passes(self, result: Mapping[str, float]) -> float:
        """See `Addition`."""
        return 1.0

    def trial(self, coords: Coords) -> tuple[float, float]:
        """See `Addition`."""
        started = time.perf_counter()
        result = self.evaluate(Point(0, coords))
        return self.passes(result), time.perf_counter() - started

    def part(self, point: Point, first: int, end: Callable[[int], int]) -> list[Result]:
        return [self.evaluate(point)]

    def join(self, contributions: Sequence[Result]) -> Result:
        return contributions[0]
