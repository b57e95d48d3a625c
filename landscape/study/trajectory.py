"""A training path over a plane, from options to results: first the surface around it, then the losses along it.

Owns: which plane that is, that one rank reads the paths for all, and the order of the two runs. Both are studies of their own
(evaluation.py, trails.py) on one file, so a stopped command goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from landscape.errors import CheckpointError, UsageError
from landscape.members import saved_state
from landscape.options.groups import PCA, RANDOM, OutputOptions, ToleranceOptions
from landscape.options.option import Given
from landscape.slice.trajectory import Trajectory, trajectories
from landscape.slice.trajectory_nets import readable, shortened, unusable
from landscape.study.along import with_directions
from landscape.study.around import points_of, ranges_around
from landscape.study.evaluation import EvaluationStudy, for_plan
from landscape.study.on_slice import Asked, OnSlice, on_plane
from landscape.study.principal import PathRows
from landscape.study.ranks import shared, together
from landscape.study.revive import revived
from landscape.study.run import run_prepared
from landscape.study.study import Plan
from landscape.study.trails import PathsOnPlane, TrailStudy, trails_of
from landscape.subject.entry import read
from landscape.subject.trained import Recorded, recorded_of
from landscape.surfaces import load_surface
from landscape.surfaces.file import check_folder
from landscape.surfaces.surface import Surface, Trail
from landscape.sweep.world import World

GROUP = "trajectory"
# The range of a plane before the paths are known: so small that nothing can go wrong within it.
TRIAL = 1e-6
# What --over takes from the surface, so that it cannot be asked for.
EXCLUDED = (
    "x", "y", "along", "norm", "only", "ignore", "seed", "orthogonal", "state", "batchnorm", "lean", "split", "samples",
    "normalize", "metrics", "l2", "tolerance", "refine", "order", "save_directions", "precision",
)  # fmt: skip
# What --over takes from the options: files that have moved, and how it runs.
MOVED = (
    "model",
    "entry",
    "data",
    "data_root",
    "loss",
    "to",
    "to_y",
    "directions",
    "trust",
    "device",
    "batch_size",
    "threads",
)


@dataclass(frozen=True)
class PathsAsked:
    """The options of `landscape trajectory` beside those of a surface; `agree`: what must be the same on all ranks."""

    runs: Any
    ranges: Mapping[str, Any]
    along: str
    marks: int
    skip_bad: bool
    agree: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class _Prepared:
    """What the ranks have in common before they set up: the plane's options and ranges, and the paths on it."""

    asked: Asked
    ranges: Mapping[str, Any]
    found: PathsOnPlane


def along_paths(wanted: PathsAsked, given: Given) -> Surface | Plan:
    """The surface around some paths, with their trails; for a dry run the plan of the surface.

    Raises:
        LandscapeError: bad input or a failing evaluation; what was computed is kept.
    """
    output, listed = given[OutputOptions], trajectories(wanted.runs)
    counts = {name: points_of(spec, name) for name, spec in wanted.ranges.items()}
    kept: list[_Prepared] = []

    def prepare(world: World) -> _Prepared:
        paths = _agreed(world, listed)
        if wanted.skip_bad:
            paths = [_ending(paths[0]), *paths[1:]]
        else:
            together(world, lambda: _check_end(paths[0]))
        asked = _around(paths[0].nets[-1], given)
        asked = replace(asked, beside=tuple(shared(world, lambda: _trained([path.nets[-1] for path in paths[1:]]))))
        asked = replace(asked, axes=replace(asked.axes, along=_along(wanted, asked)))
        if output.dry_run:
            ranges = {
                name: spec if counts[name] is None else (-1.0, 1.0, counts[name])
                for name, spec in wanted.ranges.items()
            }
            return _Prepared(for_plan(asked, 2), ranges, PathsOnPlane((), {}))
        kept.append(_prepare(wanted, asked, paths, world))
        return kept[0]

    def make(world: World, made: _Prepared) -> EvaluationStudy:
        on = on_plane(made.asked, made.ranges, world, GROUP)
        return EvaluationStudy(_with(on, made.found.trails), made.asked.output, shard=made.asked.machine.shard_data)

    surface = _run(wanted, given, prepare, make)
    if isinstance(surface, Plan):
        return surface
    (made,) = kept
    # nets that differ in what rests have different penalties, and no measure of the plane
    evaluated = replace(
        made.asked, tolerance=ToleranceOptions(), machine=replace(made.asked.machine, shard_data=False),
        loss=replace(made.asked.loss, l2=None),
    )  # fmt: skip
    ranges = {
        axis.name: (float(axis.values[0]), float(axis.values[-1]), len(axis.values)) for axis in surface.grid.axes
    }

    def make_paths(world: World, _: Any) -> TrailStudy:
        return _trail_study(on_plane(evaluated, ranges, world, GROUP, plain=True), surface, made.found, wanted, output)

    return _run(wanted, given, lambda world: None, make_paths)


def _agreed(world: World, paths: Sequence[Trajectory]) -> list[Trajectory]:
    """The nets that the leader has seen: a run may be written while the ranks look into its folder one after the other.

    Raises:
        UsageError: a rank does not see one of them.
    """
    steps = shared(world, lambda: [path.steps for path in paths])

    def same() -> list[Trajectory]:
        found = []
        for path, wanted in zip(paths, steps, strict=False):
            if missing := set(wanted) - set(path.steps):
                raise UsageError(
                    f"path {path.name}: rank {world.rank} does not see the net of {path.clock} {min(missing):g}"
                )
            found.append(path.of([path.steps.index(step) for step in wanted]))
        return found

    return together(world, same)


def _ending(path: Trajectory) -> Trajectory:
    """Without nets at its end that cannot be read: the plane goes through the last one."""
    for last in range(len(path.nets) - 1, 0, -1):
        try:
            net = path.nets[last]
            tensors = saved_state(net) if isinstance(net, nn.Module) else read(net, None).state_dict
            if all(bool(each.isfinite().all()) for each in tensors.values() if each.is_floating_point()):
                return shortened(path, range(last + 1))
        except CheckpointError:
            continue
    return path


def _check_end(path: Trajectory) -> None:
    """Raises CheckpointError, as for any net of the path, if the last one cannot be read: the plane goes through it."""
    if not isinstance(path.nets[-1], nn.Module):
        try:
            read(path.nets[-1], None)
        except CheckpointError as error:
            raise unusable(path, len(path.nets) - 1, error) from error


def _around(net: Any, given: Given) -> Asked:
    """The options with a net at the centre, which may be a module in memory."""
    asked = Asked.of(None if isinstance(net, nn.Module) else net, given)
    return replace(asked, net=replace(asked.net, model=net)) if isinstance(net, nn.Module) else asked


def _trained(nets: Sequence[Any]) -> list[Recorded | None]:
    """The losses of the training of nets that are drawn over a plane through another one."""
    found: list[Recorded | None] = []
    for net in nets:
        try:
            found.append(None if isinstance(net, nn.Module) else recorded_of(read(net, None), state=False))
        except CheckpointError:  # said where the path is read, unless the net is left out
            continue
    return found


def over_surface(wanted: PathsAsked, source: Any, given: Given) -> Surface | Plan:
    """The paths over an existing surface, which is extended; a `Surface` in memory is extended as it stands.

    Raises:
        LandscapeError: the surface has no plane, or what it was computed from is gone or no longer the same.
    """
    output, listed = given[OutputOptions], trajectories(wanted.runs)
    surface = source if isinstance(source, Surface) else load_surface(source)
    if surface.ndim != 2:
        raise UsageError(f"over {surface.source or 'this surface'}: has one axis, and a path is drawn over a plane")
    if excluded := given.stated(EXCLUDED):
        name = next(iter(excluded)).replace("_", "-")
        raise UsageError(
            f"over takes its plane, its data and its loss from that surface, which excludes {name}; drop one"
        )
    moved = given.stated(MOVED)

    def prepare(world: World) -> tuple[OnSlice, PathsOnPlane]:
        paths = _agreed(world, listed)
        on = together(world, lambda: revived(surface, GROUP, moved, world, split=None, precision=None))
        return on, _found(on, paths, wanted, world)

    def make(world: World, made: tuple[OnSlice, PathsOnPlane]) -> TrailStudy:
        return _trail_study(made[0], surface, made[1], wanted, output)

    return _run(wanted, given, prepare, make)


def _prepare(wanted: PathsAsked, asked: Asked, paths: Sequence[Trajectory], world: World) -> _Prepared:
    """Directions, the places of the paths, and the ranges around them; the leader reads, and all get the same."""
    trial = {name: (-TRIAL, TRIAL, 3) for name in wanted.ranges}

    def checked() -> None:
        asked.check(2)
        if asked.output.path and world.leads:
            check_folder(asked.output.path)

    together(world, checked)
    if wanted.skip_bad:
        like = replace(asked, axes=replace(asked.axes, along=RANDOM, directions=None))
        paths = shared(world, lambda: readable(paths, on_plane(like, trial, world, GROUP).subject.net))
    held: list[PathRows] = []

    def read(on: OnSlice, folder: Path | None) -> PathRows:
        held.append(PathRows.read(on, paths, folder))
        return held[0]

    if asked.axes.along != RANDOM:
        asked = with_directions(asked, trial, world, read)
    named, trails = shared(world, lambda: _trails(on_plane(asked, trial, world, GROUP), paths, *held))
    return _Prepared(asked, ranges_around({**named, **trails}, wanted.ranges), PathsOnPlane(tuple(paths), trails))


def _trails(on: OnSlice, paths: Sequence[Trajectory], *read: PathRows) -> tuple[Mapping[str, Trail], dict[str, Trail]]:
    """(the named nets on a plane, the paths)."""
    return on.trails, trails_of(on, paths, *read)


def _found(on: OnSlice, paths: Sequence[Trajectory], wanted: PathsAsked, world: World) -> PathsOnPlane:
    if wanted.skip_bad:
        paths = shared(world, lambda: readable(paths, on.subject.net))
    return PathsOnPlane(tuple(paths), shared(world, lambda: trails_of(on, paths)))


def _along(wanted: PathsAsked, asked: Asked) -> str:
    """As `surface` has it; directions that are given leave nothing to compute."""
    if asked.axes.directions is not None or asked.axes.to is not None:
        return RANDOM
    return f"{PCA}:{GROUP}" if wanted.along == PCA else wanted.along


def _with(on: OnSlice, trails: Mapping[str, Trail]) -> OnSlice:
    return replace(on, trails={**on.trails, **trails})


def _trail_study(
    on: OnSlice, surface: Surface, found: PathsOnPlane, wanted: PathsAsked, output: OutputOptions
) -> TrailStudy:
    return TrailStudy(on, surface, found, marks=wanted.marks, overwrite=output.overwrite)


def _run(wanted: PathsAsked, given: Given, prepare: Any, make: Any) -> Any:
    asked = Asked.of(None, given)
    return run_prepared(
        prepare,
        make,
        agree=wanted.agree,
        code=(asked.net.model, asked.data.data, asked.loss.loss, asked.loss.names),
        dry_run=asked.output.dry_run,
        quiet=asked.output.quiet,
        stall=asked.machine.stall,
    )
