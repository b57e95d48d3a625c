"""Losses along paths between nets, as a study, and over the plane that a curve lies in.

Owns: which paths there are and what they are called in the file, their provenance, and how a file grows by further paths. The
life of the run is that of every evaluation (study/).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath

import numpy as np
import torch

from landscape.between.ends import Ends
from landscape.between.growth import grown
from landscape.between.repaired import REPAIRED, Repairs, repaired_line
from landscape.between.training import TrainedCurve
from landscape.checkpoint.digest import joint_digest
from landscape.direction.parts import Parts
from landscape.direction.selection import everything
from landscape.errors import SurfaceFileError, UsageError
from landscape.grid import Grid, Range
from landscape.measurement.rises import Rises
from landscape.objective.batchnorm import tracking_layers
from landscape.options.groups import DataOptions, LossOptions, MachineOptions, OutputOptions
from landscape.slice.paths import LINE, Path, Paths
from landscape.slice.plane import Plane
from landscape.study.evaluation import EvaluationStudy
from landscape.study.on_slice import OnSlice
from landscape.study.recorded import record_of
from landscape.study.study import Extent
from landscape.subject.alike import check_by_value
from landscape.subject.restored_loss import notes_on_others
from landscape.subject.subject import Subject, checked, make_subject, policy
from landscape.surfaces.file import SurfaceFile, check_folder
from landscape.surfaces.hdf5 import read_surface_file
from landscape.surfaces.keeper import locked
from landscape.surfaces.provenance import DirectionFacts
from landscape.surfaces.same_run import difference, plain, unknown_code
from landscape.surfaces.study_facts import ConnectFacts
from landscape.surfaces.surface import NETS, Surface, Trail
from landscape.sweep.progress import note
from landscape.sweep.sampler import EveryPoint, Sampler
from landscape.sweep.world import World

GROUP = "connect"
DIGITS = 16
# Around the curve in its plane, as shares of its extent in x and y: the barrier lies below it, on the line between the nets.
MARGINS = 0.25, 0.6
# Bends nearer to the line than this share of its length are on it, up to the rounding of float32.
FLAT = 1e-5
# Points of a curve drawn over its plane.
CURVE_POINTS = 101


@dataclass(frozen=True)
class PathRow:
    """A path of a file: from net `first` to net `last`, by number, and `id`, which is made of hashes of what decides it."""

    id: str
    kind: str
    first: int
    last: int


@dataclass(frozen=True)
class ConnectAsked:
    """The options of `landscape connect` that its runs need, in the groups of options/groups.py."""

    data: DataOptions
    loss: LossOptions
    machine: MachineOptions
    output: OutputOptions
    points: int
    batchnorm: str | None
    notes: Sequence[str] = ()


def rows_of(
    ends: Ends, curve: TrainedCurve | None, pairs: Sequence[tuple[int, int]] | None = None, *, repair: bool = False
) -> list[PathRow]:
    """The straight line between each pair of nets, or those given, then these repaired, then the curve between the first two."""
    hashes = [each[:DIGITS] for each in ends.hashes]
    count = len(hashes)
    wanted = pairs or [(i, j) for i in range(count) for j in range(i + 1, count)]
    kinds = (LINE, REPAIRED) if repair else (LINE,)
    found = [PathRow(f"{kind} {hashes[i]} {hashes[j]}", kind, i, j) for kind in kinds for i, j in wanted]
    if curve:
        digest = hashlib.sha256(b"".join(bend.cpu().numpy().tobytes() for bend in curve.bends)).hexdigest()[:DIGITS]
        found.append(PathRow(f"{curve.kind} {hashes[0]} {hashes[1]} {digest}", curve.kind, 0, 1))
    return found


def known_rows(path: FilePath | None, overwrite: bool) -> list[str]:
    """The ids of the paths that an existing file holds, in their order."""
    if path is None or overwrite or not path.exists():
        return []
    known = read_surface_file(path).known.connect
    return list((known and known.paths) or [])


def connect_subject(asked: ConnectAsked, ends: Ends, device: torch.device, world: World) -> Subject:
    """The first net with data and loss, checked on one batch.

    Batch-norm statistics are recomputed at each point by default: those of the ends mean nothing between them.
    """
    wanted = asked.batchnorm or ("recompute" if has_statistics(ends) else None)
    batchnorm = policy(ends.net, wanted, moves=False, states=False)
    subject = make_subject(
        ends.net, asked.data, asked.loss, asked.machine, device, world, batchnorm=batchnorm,
        chosen=everything(Parts.of(ends.net.module)),
    )  # fmt: skip
    among = notes_on_others(ends.net.trained, ends.trained[1:], asked.loss.loss)
    subject = checked(subject, (*asked.notes, *among))
    check_by_value(subject.objective, ends.net, ends.others)
    return subject


def has_statistics(ends: Ends) -> bool:
    return bool(tracking_layers(ends.net.module))


def on_paths(
    asked: ConnectAsked, ends: Ends, subject: Subject, rows: Sequence[PathRow], held: Sequence[str],
    curve: TrainedCurve | None, world: World, branches: Mapping[str, float] | None = None,
) -> OnSlice:  # fmt: skip
    """The subject on the paths: those that the file has already (`held`, by id), then the others.

    `branches`: the training step at which the nets of a path parted, by label of the first.
    """
    objective = subject.objective
    origin = objective.weights.clone()
    ends.check(objective.layout)
    vectors = ends.vectors(objective.layout, origin)
    repairs = Repairs(subject, ends.movable) if any(row.kind == REPAIRED for row in rows) else None
    made: dict[str, Path] = {}
    for row in rows:
        start, end = vectors[row.first], vectors[row.last]
        if repairs and row.kind == REPAIRED:
            made[row.id] = repaired_line((start, end), repairs)
        else:
            bends = tuple(bend.to(origin) for bend in curve.bends) if curve and row.kind != LINE else ()
            made[row.id] = Path(row.kind, (start, *bends, end))
    ids = [*held, *(row.id for row in rows if row.id not in held)]
    parted = {row.id: branches[ends.labels[row.first]] for row in rows} if branches else {}
    places = Range(0.0, 1.0, asked.points).values
    label = (
        f"place on the path from {ends.labels[0]} (0) to {ends.labels[1]} (1)"
        if len(ends.labels) == 2
        else "place on the path"
    )
    slice = Paths([made.get(each) for each in ids], places, origin, label)
    facts = ConnectFacts(
        nets=list(ends.labels), weights=[each[:DIGITS] for each in ends.hashes], paths=ids,
        lengths=[made[each].length() if each in made else -1.0 for each in ids],
        curve=curve.text if curve else None,
        repair=repairs.text if repairs else None,
        branches=[parted.get(each, -1.0) for each in ids] if branches else None,
    )  # fmt: skip
    directions = DirectionFacts(kind="path", fingerprint=joint_digest(row.id for row in rows))
    first = subject.facts.checkpoint
    if first is not None and not (has_statistics(ends) and objective.batchnorm == "keep"):
        first = replace(first, sha256=None)  # each row says which nets it joins, and nothing else is of the first net
    provenance = replace(
        subject.facts, command=GROUP, batchnorm=objective.batchnorm if has_statistics(ends) else None, connect=facts,
        checkpoint=first,
        run=replace(subject.run_facts(world), lean=False),
    )  # fmt: skip
    return OnPaths(subject, slice, provenance, made=directions)


@dataclass(frozen=True, eq=False)
class OnPaths(OnSlice):
    """`made`: what the ranks must have in common of the paths, which is not stored: a file may grow by further paths."""

    made: DirectionFacts = DirectionFacts()

    @property
    def marks(self) -> dict[str, str]:
        return {**super().marks, "directions": str(self.made.fingerprint)}


class PathStudy(EvaluationStudy):
    """Losses along paths; a file with other paths between nets of the same subject keeps them and grows."""

    def __init__(self, on: OnSlice, output: OutputOptions):
        assert isinstance(on.slice, Paths)
        super().__init__(on, output, work=Rises(on.subject, on.slice))
        self._slice = on.slice

    def open(self) -> SurfaceFile:
        output = self._output
        path = output.path
        if path is None or output.overwrite or not path.exists():
            return super().open()
        check_folder(path)
        lock = locked(path)
        try:
            file = SurfaceFile(path, self.held(path), quantity=self._work.quantity, lock=lock)
            self.notes = (*self.notes, *unknown_code(file.content.provenance, self._on.provenance.json()))
            return file
        except BaseException:
            lock.release()
            raise

    def held(self, path: FilePath) -> Surface:
        """What the file holds, with the paths of this run among its rows.

        Raises:
            SurfaceFileError: it is of another subject, or has other places on its paths.
        """
        old, grid, facts = read_surface_file(path), self._on.slice.grid, plain(self._on.provenance.json())
        other = difference(old.provenance, facts)
        if not other and not (old.ndim == 2 and np.array_equal(old.x, grid.axes[0].values)):
            other = f"{len(old.x)} points in the file, {len(grid.axes[0].values)} now"
        if other:
            raise SurfaceFileError(f"{path} holds another run: {other}; give another -o, or --overwrite to start again")
        return grown(old, grid, facts, path)

    def sampler(self, file: SurfaceFile) -> tuple[Sampler, Extent]:
        pending, size = self.pending(file.surface), self.points
        extent = Extent(size, size - len(pending), self._on.subject.objective.samples)
        return EveryPoint(file.surface.grid, pending), extent

    def finish(self, file: SurfaceFile, sampler: Sampler, pending: bool) -> None:
        super().finish(file, sampler, pending)
        record = record_of(self._on.subject, self._on.provenance) if pending else None
        row = next(
            (k for k, path in enumerate(self._slice.paths) if path and path.points[0] is self._slice.origin), None
        )
        if record and row is not None:
            found = {name: float(array[row, 0]) for name, array in file.surface.values.items() if name in record.losses}
            if said := record.note(found):
                note(said, label=self.label, quiet=self._output.quiet)

    @property
    def points(self) -> int:
        """Points of the paths at hand."""
        return len(self._slice.grid.axes[0].values) * sum(path is not None for path in self._slice.paths)

    def pending(self, surface: Surface) -> list[int]:
        """Numbers of their points that lack a result."""
        width = len(self._slice.grid.axes[0].values)
        return [point for point in surface.pending() if self._slice.paths[point // width] is not None]


def curve_plane(path: Path, points: int, labels: Sequence[str]) -> tuple[Plane, dict[str, Trail]]:
    """The plane through both ends and the middle of a curve's bends, in units of distance, with the curve over it.

    x runs from the first net to the second; y is at a right angle to it, toward the bends.

    Raises:
        UsageError: all bends lie on the line between the ends.
    """
    first, last = path.points[0].double(), path.points[-1].double()
    x = last - first
    length = float(x.norm())
    x /= length
    y = torch.stack([point.double() for point in path.points[1:-1]]).mean(0) - first
    y -= x * (x @ y)
    height = float(y.norm())
    if not height > FLAT * length:
        raise UsageError(
            "plane: the bends lie on the line between the nets, and span no plane; train them longer, or leave --plane out"
        )
    y /= height
    y -= x * (x @ y)
    y /= y.norm()
    places = np.linspace(0, 1, CURVE_POINTS)
    like = path.points[0]
    vectors = [path.at(float(t), torch.empty_like(like)) for t in places]
    flat = Plane(path.points[0], [x.to(like), y.to(like)])
    found = [flat.project(vector) for vector in vectors]
    coords = np.array([coords for coords, _ in found])
    residual = np.array([distance for _, distance in found])
    ranges = []
    for column, margin in zip(coords.T, MARGINS, strict=True):
        low, high = float(column.min()), float(column.max())
        extra = margin * (high - low)
        ranges.append(Range(low - extra, high + extra, points))
    texts = (
        f"x: distance toward {labels[1]}",
        f"y: distance toward the bend{'s' if len(path.points) > 3 else ''}",
    )
    grid = Grid.of(*ranges, labels=texts)
    plane = Plane(path.points[0], flat.directions, grid)
    trails = {
        NETS: Trail(np.array([0.0, length]), np.zeros(2), residual=np.zeros(2), labels=tuple(labels)),
        path.kind: Trail(coords[:, 0], coords[:, 1], places, residual, clock="t"),
    }  # fmt: skip
    return plane, trails
