"""The ends of the Hessian's spectrum over a surface, along a line, or along a training run, as a study.

Owns: which points are computed and in which order, what the file says of the group, and the plan of a dry run. What is
computed at a point is the business of measurement/ends.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from landscape.curvature.products import Products
from landscape.grid import Grid
from landscape.measurement.ends import GROUP, EndsSettings, HessianEnds
from landscape.measurement.evaluate import move
from landscape.objective.numerics import memory_budget
from landscape.study.extend import Extended, extended, few_of
from landscape.study.study import Extent, Plan, Study
from landscape.subject.subject import started, versions_used
from landscape.surfaces.file import SurfaceFile
from landscape.surfaces.provenance import CurvatureFacts, LatestFacts
from landscape.surfaces.surface import FAILED, PENDING, Surface
from landscape.sweep.launch import World
from landscape.sweep.parts import Work
from landscape.sweep.sampler import EveryPoint, Result, Sampler

# What a point starting from its neighbour's eigenvectors takes, for the time that a dry run expects (docs/performance.md):
# high-precision products alone, or those beside low-precision ones.
USUAL_PRODUCTS, USUAL_BESIDE = 13, 3


class CurvatureStudy(Study[Surface]):
    """Adds `hessian_...` to every point, or every few points, of a surface."""

    def __init__(
        self,
        source: Surface | str | Path,
        settings: EndsSettings,
        world: World,
        *,
        given: Mapping[str, Any],
        split: str | None,
        precision: str | None,
        every: int = 1,
        samples: int | None = None,
        products: str | None = None,
        search: str = "auto",
        overwrite: bool = False,
    ):
        """`given`: options that take the place of what the surface's provenance says; the rest as in `landscape.hessian`."""
        self._of = extended(source, given, world, split=split, precision=precision)
        self._overwrite, self._ranks = overwrite, world.size
        objective = self._of.subject.objective
        self._split = few_of(objective.splits[self._of.split], samples)
        objective.splits = {self._of.split: self._split}
        budget = memory_budget(objective.device, world.local_size)
        self._products = Products(objective, ignore=settings.ignore, way=products, budget=budget)
        rough = self._products.roughly(search)
        self._work = HessianEnds(self._of.subject, self._of.slice, self._products, settings, self._of.loss, rough)
        self._points = tuple(thinned(self._of.surface.grid, every))
        self._facts = _facts(self._of, self._split, settings, self._products)
        self._run = LatestFacts(
            versions=versions_used(),
            ranks=world.size,
            started=started(),
            every=every,
            search="bf16" if rough else "exact",
        )
        self.label = f"{self._of.surface.known.model_name} curvature"
        self.marks, self.notes = {**self._of.marks, "settings": str(self._facts)}, tuple(self._products.notes)

    def open(self) -> SurfaceFile:
        of = self._of
        file = SurfaceFile.extend(
            of.surface, of.path, GROUP, self._facts.json(), overwrite=self._overwrite, quantity=self._work.quantity
        )
        file.describe(GROUP, self._run.json())
        return file

    def sampler(self, file: SurfaceFile) -> tuple[Sampler, Extent]:
        pending = self._pending(file.surface)
        extent = Extent(len(self._points), len(self._points) - len(pending), self._split.size)
        return EveryPoint(file.surface.grid, in_strips(file.surface.grid, pending, self._ranks)), extent

    def work(self, pending: bool, world: World) -> Work:
        return self._work

    def samples_taken(self, result: Result) -> float | None:
        return self._split.size * (result[f"{GROUP}_products"] + result[f"{GROUP}_rough"])

    def plan(self, world: World) -> Plan:
        of, rough = self._of, self._work.rough
        move(of.subject, of.slice, of.surface.grid.coordinates(self._points[len(self._points) // 2]))
        self._products.refresh()
        vector = self._products.gaussian(0)
        seconds = USUAL_PRODUCTS * _seconds_of(rough or self._products, vector)
        if rough:
            seconds += USUAL_BESIDE * _seconds_of(self._products, vector)
        products = USUAL_PRODUCTS + (USUAL_BESIDE if rough else 0)
        return Plan(
            points=len(self._points),
            pending=len(self._pending(of.surface)),
            samples_per_point=self._split.size * products,
            samples_per_second=self._split.size * products / seconds,
            ranks=world.size,
            weight_bytes=of.subject.objective.nbytes,
            data_bytes=self._split.nbytes,
            provenance=of.surface.known,
        )

    def _pending(self, surface: Surface) -> list[int]:
        status = surface.status.get(GROUP)
        if status is None:
            return list(self._points)
        return [point for point in self._points if status.flat[point] in (PENDING, FAILED)]


def thinned(grid: Grid, every: int) -> list[int]:
    """The numbers of the points of `grid.lattice(every)`."""
    return np.ravel_multi_index(np.meshgrid(*grid.lattice(every), indexing="ij"), grid.shape).ravel().tolist()


def in_strips(grid: Grid, points: Sequence[int], ranks: int) -> list[int]:
    """The points in an order that keeps each rank among its own neighbours while all ranks are equally fast.

    Along the rows, forth and back, so that consecutive points are neighbours; that path is cut into one strip for each rank,
    and the first points of all strips come first.
    """
    if grid.ndim > 1:
        width = grid.shape[-1]
        rows = {row: number for number, row in enumerate(sorted({point // width for point in points}))}
        points = sorted(points, key=lambda p: (p // width, (p % width) * (-1) ** rows[p // width]))
    strips = [list(part) for part in np.array_split(np.array(points, dtype=int), max(1, min(ranks, len(points))))]
    longest = max(map(len, strips), default=0)
    return [int(strip[i]) for i in range(longest) for strip in strips if i < len(strip)]


def _facts(of: Extended, split: Any, settings: EndsSettings, products: Products) -> CurvatureFacts:
    return CurvatureFacts(
        split=of.split,
        precision=of.precision,
        samples=split.size,
        fingerprint=split.fingerprint,
        ignore=settings.ignore,
        parameters=products.dimension,
        tolerance=settings.tolerance,
        index=settings.index,
        products=products.way,
    )


def _seconds_of(apply: Callable, vector: torch.Tensor) -> float:
    apply(vector)
    started = time.perf_counter()
    float(apply(vector)[0])  # waits for a GPU
    return time.perf_counter() - started
