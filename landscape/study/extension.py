"""A measurement at the points of an existing surface, as a study: curvature over a plane or along a training run.

Owns: which points are computed, the group in the surface's file, and the plan of a dry run. What is
computed at a point is the business of an `Addition` (measurement/).

Results go into the file of the surface, in a status group of their own, so net, data and plane are those of the losses by
construction. A thinned grid can be refined later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from landscape.data.load import short_notes
from landscape.grid import DIRECTION, Grid
from landscape.measurement.measurement import Addition
from landscape.options.what import What
from landscape.slice.slice import Slice
from landscape.study.extend import Extended, extended, few_of
from landscape.study.ranks import shared
from landscape.study.study import Extent, Plan, Study
from landscape.subject.subject import Subject, started, versions_used
from landscape.surfaces.file import SurfaceFile
from landscape.surfaces.surface import Surface
from landscape.sweep.orders.coarse import coarse_first, thinned
from landscape.sweep.sampler import EveryPoint, Result, Sampler
from landscape.sweep.work import Work
from landscape.sweep.world import World


class ExtensionStudy(Study[Surface]):
    """Adds a measurement to every point, or every few points, of a surface."""

    def __init__(
        self,
        source: Surface | str | Path,
        group: str,
        measure: Callable[[Extended, World], Addition],
        world: World,
        *,
        given: Mapping[str, Any],
        split: str | None,
        precision: str | None,
        counted: tuple[What, What] = (None, None),
        every: int = 1,
        samples: int | None = None,
        wants: bool = True,
        overwrite: bool = False,
        least: int = 2,
        also: Sequence[str] = (),
        own_data: bool = False,
    ):
        """`measure` makes the measurement of this rank, which is kept as `group`.

        `given`: options that take the place of what the surface's provenance says; `counted`: `only` and `ignore`; `wants`: the
        number of samples was asked for; `least`: nets that a run must have; `also`: further splits to load; `own_data`: as
        in `extended`; the rest as in `landscape.hessian`.
        """
        of = extended(
            source, group, given, world, split=split, precision=precision, counted=counted, least=least, also=also,
            own_data=own_data, overwrite=overwrite,
        )  # fmt: skip
        self._overwrite, self._ranks, self._every = overwrite, world.size, every
        whole = of.subject.objective.splits[of.split]
        self._split = few_of(whole, samples)
        others = {name: few_of(part, samples) for name, part in of.subject.objective.splits.items() if name in also}
        objective = of.subject.objective.view(splits={of.split: self._split})
        self._of = replace(of, subject=replace(of.subject, objective=objective), others=others)
        self._work = measure(self._of, world)
        self.label = f"{self._of.surface.known.model_name} {self._work.label}"
        self.marks = {**self._of.marks, "options": str(self._work.facts())}
        short = short_notes(samples if wants else None, {of.split: whole.size})
        self.notes = (*of.subject.notes, *short, *self._work.notes)

    @property
    def subject(self) -> Subject:
        """What is measured."""
        return self._of.subject

    @property
    def slice(self) -> Slice:
        """Where its points are."""
        return self._of.slice

    @property
    def _points(self) -> list[int]:
        return thinned(self._of.slice.grid, self._every)

    def open(self) -> SurfaceFile:
        of, work = self._of, self._work
        file = SurfaceFile.extend(
            of.surface, of.path, work.group, work.facts(), overwrite=self._overwrite, quantity=work.quantity
        )
        latest = {"versions": versions_used(), "ranks": self._ranks, "started": started(), "every": self._every}
        file.describe(work.group, {**latest, **work.run_facts()})
        return file

    def sampler(self, file: SurfaceFile) -> tuple[Sampler, Extent]:
        pending = self._pending(file.surface)
        extent = Extent(len(self._points), len(self._points) - len(pending), self._split.size)
        return EveryPoint(file.surface.grid, in_order(file.surface.grid, self._every, pending)), extent

    def work(self, pending: bool, world: World) -> Work:
        """With what the leader has found to be faster: a trial on each rank would make values depend on their number."""
        self._work.choose(shared(world, self._work.choice))
        return self._work

    def samples_taken(self, result: Result) -> float | None:
        return self._split.size * self._work.passes(result)

    def plan(self, world: World) -> Plan:
        of = self._of
        passes, seconds = self._work.trial(of.surface.grid.coordinates(self._points[len(self._points) // 2]))
        samples = round(self._split.size * passes)
        return Plan(
            points=len(self._points),
            pending=len(self._pending(of.surface)),
            samples_per_point=samples,
            samples_per_second=samples / seconds,
            ranks=world.size,
            weight_bytes=of.subject.objective.nbytes,
            data_bytes=self._split.nbytes,
            provenance=of.surface.known,
        )

    def _pending(self, surface: Surface) -> list[int]:
        left = set(surface.pending(self._work.group))
        return [point for point in self._points if point in left]


def in_order(grid: Grid, every: int, pending: Sequence[int]) -> list[int]:
    """The pending points in the order in which they are computed.

    Around a net that is coarse to fine, so that what is done of an unfinished file is a map of the whole, which a picture shows
    (scene/thin.py); the nets of a run come in the order of their steps. The order changes no value: nothing passes from point to
    point.
    """
    if any(axis.kind != DIRECTION for axis in grid.axes):
        return list(pending)
    left = set(pending)
    return [point for point in coarse_first(grid, every) if point in left]
