"""What a run consists of, as `study.run` sees it.

Owns: the abstract `Study` (final in evaluation.py, extension.py and spectrum.py), the `ResultFile` that it fills, and the `Plan`
of a dry run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from landscape.objective.kept_plan import Expected
from landscape.surfaces.provenance import Provenance
from landscape.sweep.sampler import Result, Sampler
from landscape.sweep.work import Work
from landscape.sweep.world import World

R_co = TypeVar("R_co", covariant=True)


class ResultFile(Protocol[R_co]):
    """The results so far, on the leading rank."""

    @property
    def content(self) -> R_co:
        """What is known so far."""

    def record(self, index: int, result: Result) -> None:
        """Keeps the result of a point, and saves when a save is due."""

    def record_failure(self, index: int) -> None:
        """Marks a point whose evaluation raised."""

    def save(self) -> None:
        """Writes what is not on disk yet."""

    def release(self) -> None:
        """Lets other processes write the file."""

    def standing(self, done: int, total: int) -> str:
        """How much of the run is where, as `112 of 1681 points are in noskip.h5`."""


@dataclass(frozen=True)
class Extent:
    """For the progress: `total` points in all, `done` already, `samples` passed through the net at each."""

    total: int
    done: int
    samples: int

    @property
    def pending(self) -> bool:
        """Whether any point is still to be computed."""
        return self.done < self.total


@dataclass(frozen=True)
class Saving:
    """What a run under a tolerance is expected to take on a smooth surface: points, samples at each, and evaluations of a sample.

    `samples` and `evaluations` are upper bounds, unless each point takes all samples; `least`: a lower bound of the latter.
    """

    points: int
    samples: int
    evaluations: int
    least: int


@dataclass(frozen=True)
class Plan:
    """What a run would do, for `--dry-run`. Times assume that all ranks are as fast as this one."""

    points: int
    pending: int
    samples_per_point: int
    samples_per_second: float
    ranks: int
    weight_bytes: int
    data_bytes: int
    provenance: Provenance
    saving: Saving | None = None
    taken: str | None = None
    """Why the output cannot hold the run, which is an error without `--dry-run`."""
    kept: Expected | None = None
    """The activations that are computed once; None where all of the net is passed at each point."""
    further: Mapping[str, float] = field(default_factory=dict)
    """Seconds that the command will take beside the points, by what it does in them."""

    @property
    def seconds(self) -> float:
        """At most, where there is something to be saved."""
        return self._seconds(self.saving.evaluations if self.saving else None)

    @property
    def least_seconds(self) -> float:
        return self._seconds(self.saving.least if self.saving else None)

    def _seconds(self, wanted: int | None) -> float:
        everything = self.pending * self.samples_per_point
        evaluations = everything if wanted is None else min(wanted, everything)
        if self.kept:  # then each point takes all samples
            points = evaluations / self.samples_per_point / self.ranks
            first = min(points, 1.0) * self.samples_per_point / self.samples_per_second
            return first + max(points - 1.0, 0.0) * self.kept.seconds
        return evaluations / (self.samples_per_second * self.ranks)


class Study(ABC, Generic[R_co]):
    """A run that is ready on this rank; the type variable is what it returns.

    Attributes:
        label: in front of progress lines.
        marks: what must be the same on every rank, as texts by name.
        notes: what the user should know before the first point.
        shard: divide every point among the ranks.
        has_lines: a line on each result takes the place of the progress bar.
    """

    label: str
    marks: Mapping[str, str]
    notes: tuple[str, ...] = ()
    shard: bool = False
    has_lines: bool = False

    @abstractmethod
    def open(self) -> ResultFile[R_co]:
        """On the leader: starts the file, or continues the existing one."""

    @abstractmethod
    def sampler(self, file: Any) -> tuple[Sampler, Extent]:
        """On the leader: which points are pending, and how many."""

    @abstractmethod
    def plan(self, world: World) -> Plan:
        """On all ranks: what the run would do."""

    @abstractmethod
    def work(self, pending: bool, world: World) -> Work:
        """On all ranks: what is computed at a point; `pending` says whether any point is pending."""

    def samples_taken(self, result: Result) -> float | None:
        """How many samples a point passed through the net; None is `Extent.samples`."""
        return None

    def line_on(self, index: int, result: Result) -> str | None:
        """The line on a result, where there are lines."""
        return None

    def finish(self, file: Any, sampler: Sampler, pending: bool) -> None:
        """On the leader, after the last point; `pending`: whether any point was left at the start."""
