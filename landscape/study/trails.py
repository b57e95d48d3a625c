"""The paths of training runs over a plane, as a study: where their nets lie, and what their losses are.

Owns: projecting paths on a plane, which of their nets are evaluated, and the plan of a dry run. The results go into the file of
the surface that the paths are drawn over. What is computed at a net is the business of measurement/feet.py.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from landscape.grid import Axis, Grid
from landscape.layout import real_form
from landscape.measurement.feet import Feet
from landscape.members import named_parameters
from landscape.slice.plane import Plane
from landscape.slice.trajectory import Trajectory
from landscape.slice.trajectory_nets import vectors
from landscape.study.on_slice import OnSlice
from landscape.study.principal import PathRows, resting
from landscape.study.study import Extent, Plan, Study
from landscape.subject.alike import check_by_value
from landscape.surfaces.surface import PENDING, Surface, Trail
from landscape.surfaces.trail_file import TrailFile
from landscape.sweep.sampler import EveryPoint, Result, Sampler
from landscape.sweep.work import Work
from landscape.sweep.world import World

# Each net of a path takes two evaluations: of itself and of its foot.
PASSES = 2


@dataclass(frozen=True, eq=False)
class PathsOnPlane:
    """Paths with the place of each of their nets on a plane."""

    paths: tuple[Trajectory, ...]
    trails: Mapping[str, Trail]

    @property
    def feet(self) -> list[tuple[float, ...]]:
        """The coordinates of all nets, one path after the other."""
        return [tuple(place) for trail in self.trails.values() for place in trail.places.tolist()]


def trails_of(on: OnSlice, paths: Sequence[Trajectory], read: PathRows | None = None) -> dict[str, Trail]:
    """Where the nets of each path lie on a plane: the nearest point of it by least squares, and the distance to it.

    `read`: the same nets, if they have been read already.

    Raises:
        CheckpointError: a net that cannot be read, or is of another architecture.
    """
    if read is None or not read.whole or not isinstance(on.slice, Plane):
        coords, distances, hashes = _projected(on, paths)
    else:
        (coords, distances), hashes = read.on(on.slice), list(read.hashes)
    found, start = {}, 0
    for path in paths:
        part = slice(start, start + len(path.nets))
        found[path.name] = Trail(
            x=coords[part, 0],
            y=coords[part, 1],
            step=np.array(path.steps),
            residual=distances[part],
            status=np.full(len(path.nets), PENDING, np.uint8),
            nets=tuple(hashes[part]),
            clock=path.clock,
        )
        start = part.stop
    return found


def _projected(on: OnSlice, paths: Sequence[Trajectory]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(places (n, 2), distances (n,), hashes) of all nets, read one by one."""
    origin: Tensor = on.slice.at((0.0,) * on.slice.grid.ndim)
    places, distances, hashes = [], [], []
    names = resting(on.subject)
    own = dict(named_parameters(on.subject.objective.model))
    for net, vector in vectors(paths, on.subject.net, on.subject.objective.layout, origin.dtype):
        check_by_value(on.subject.objective, on.subject.net, [net])
        coords, distance = on.slice.project(vector.to(origin.device))
        places.append(coords)
        apart = [
            float((real_form(net.tensors[name]).double().cpu() - real_form(own[name].detach()).double().cpu()).norm())
            for name in names
        ]
        distances.append(float(np.linalg.norm([distance, *apart])))
        hashes.append(net.sha256)
    return np.array(places), np.array(distances), hashes


def spread_over(count: int, most: int) -> np.ndarray:
    """bool (count,): at most `most` of `count`, evenly spread, with the first and the last."""
    chosen = np.zeros(count, dtype=bool)
    chosen[np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))] = True
    return chosen


class TrailStudy(Study[Surface]):
    """Adds the paths of training runs to a surface."""

    def __init__(self, on: OnSlice, surface: Surface, found: PathsOnPlane, *, marks: int, overwrite: bool):
        """`marks`: how many nets of each path are evaluated at most."""
        self._on, self._surface, self._found, self._overwrite = on, surface, found, overwrite
        self._work = Feet(on.subject, on.slice, found.paths, found.feet)
        self._wanted = {name: spread_over(len(trail.x), marks) for name, trail in found.trails.items()}
        self._samples = on.subject.objective.samples * PASSES
        self.label = f"{on.provenance.model_name} path"
        self.marks = {**on.marks, "run": " ".join(net for trail in found.trails.values() for net in trail.nets)}
        self.notes = tuple(note for path in found.paths for note in path.notes)

    def open(self) -> TrailFile:
        surface = self._surface
        path = Path(surface.source) if surface.source else None
        return TrailFile(path, surface, self._found.trails, overwrite=self._overwrite)

    def sampler(self, file: TrailFile) -> tuple[Sampler, Extent]:
        pending, total = file.pending(self._wanted), sum(int(each.sum()) for each in self._wanted.values())
        count = sum(len(each) for each in self._wanted.values())
        nets = Grid((Axis("x", np.arange(count), "net", "net"),))
        return EveryPoint(nets, pending), Extent(total, total - len(pending), self._samples)

    def work(self, pending: bool, world: World) -> Work:
        return self._work

    def plan(self, world: World) -> Plan:
        total = sum(int(each.sum()) for each in self._wanted.values())
        started = time.perf_counter()
        self._on.subject.objective.evaluate()
        return Plan(
            points=total,
            pending=total,
            samples_per_point=self._samples,
            samples_per_second=self._samples / PASSES / (time.perf_counter() - started),
            ranks=world.size,
            weight_bytes=self._on.weight_bytes,
            data_bytes=sum(split.nbytes for split in self._on.subject.objective.splits.values()),
            provenance=self._on.provenance,
        )

    def samples_taken(self, result: Result) -> float | None:
        return float(self._samples)
