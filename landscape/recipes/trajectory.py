"""`landscape trajectory`: the path of a training run over a plane of the loss landscape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.errors import UsageError
from landscape.options.command import Positional, command
from landscape.options.groups import GRADIENT, HESSIAN, PCA, RANDOM, OutputOptions
from landscape.options.option import Given, check_choices, check_whole, flag, option
from landscape.recipes.surface import COMPUTE, agreed
from landscape.recipes.words import plan_lines, plane_lines

if TYPE_CHECKING:
    from landscape.study.study import Plan
    from landscape.surfaces.surface import Surface

RUNS = Positional(
    "runs", "RUN", "run folders, patterns such as 'run/step_*.pt', or the checkpoint files of one run", nargs="+"
)


@dataclass(frozen=True, kw_only=True)
class PathRanges:
    title: ClassVar[str] = "ranges"

    x: Any = option(
        "auto:51", "range of x: auto:N (N points around the path), or from, to and points such as -1:20:51 (default: auto:51)",
        "-x", "--x", metavar="auto:N|FROM:TO:N",
    )  # fmt: skip
    y: Any = option("auto:51", "range of y", "-y", "--y", metavar="auto:N|FROM:TO:N")


@dataclass(frozen=True, kw_only=True)
class TrajectoryOptions:
    title: ClassVar[str] = "path"

    along: str = option(
        PCA, "directions of the plane: pca (the path's principal axes), random, hessian or gradient, as for surface "
        "(default: pca; with --to or --directions those)", choices=(PCA, RANDOM, HESSIAN, GRADIENT),
    )  # fmt: skip
    over: Any = option(
        None, "draw the path over this surface, which is extended, instead of computing one", metavar="SURFACE.h5"
    )
    marks: int = option(
        50, "nets of each run whose losses are computed, evenly spread, each beside that of its foot on the plane (default: 50)",
        type=int, metavar="N",
    )  # fmt: skip
    skip_bad: bool = flag("leave out nets that cannot be read, do not fit, or are not finite")


def lines(result: Any, shell: Mapping[str, Any]) -> list[str]:
    """The surface, and for each path what its axes hold and how far it is from the plane."""
    import numpy as np

    from landscape.scene.facts.moving import percents
    from landscape.study.study import Plan

    if isinstance(result, Plan):
        return plan_lines(result)
    said = plane_lines(result, result.source or "surface")
    made = result.known.directions
    if made and made.shares:
        walk = f"; a random walk over these steps: {percents(made.walk)}" if made.walk else ""
        said.append(
            f"  principal axes hold {percents(made.shares)} of the squared distances to the net at the centre{walk}"
        )
    for name, trail in result.trails.items():
        if trail.status is not None and trail.residual is not None:
            span = f"{trail.clock} {trail.step[0]:g} to {trail.step[-1]:g}"
            said.append(
                f"  path {name}: {len(trail.x)} nets, {span}, at most {np.max(trail.residual):.3g} off the plane"
            )
    return said


def default_out(positional: Sequence[Any]) -> str:
    from landscape.slice.trajectory import trajectories

    return f"{trajectories(positional[0])[0].name}.trajectory.h5"


@command(
    "the path of a training run over a plane of the loss landscape",
    PathRanges,
    *COMPUTE,
    TrajectoryOptions,
    lines=lines,
    positional=(RUNS,),
    out=default_out,
    picture=lambda surface: {"kind": "trajectory"},
    example="landscape trajectory runs/mine --plot",
)
def trajectory(runs: Any, *, given: Given) -> Surface | Plan:
    """Computes the surface on the plane that a training path lies in best, and the path over it.

    The plane goes through the final net of the first run. By default its axes are the principal axes of the path seen from
    there (the paths, if there are several), and its size holds the path. Up to `marks` nets are evaluated, each together with
    its foot on the plane, because a path does not lie in a plane: `trails[name].metrics` has `train_loss` of the net,
    `foot_train_loss` of its foot, and `residual` their distance.

    Args:
        runs: a run folder, a pattern, or a list of these; a list of checkpoints (files, `Checkpoint` or modules), or a list of
            such lists.

    Returns:
        A Surface with `trails`, one for each run, under MPI on every rank; with `dry_run` a Plan of the surface.

    Raises:
        LandscapeError: bad input or a failing evaluation; what was computed is in `out`.
    """
    from landscape.grid import MAX_POINTS_PER_AXIS
    from landscape.study.trajectory import PathsAsked, along_paths, over_surface

    path, ranges, output = given[TrajectoryOptions], given[PathRanges], given[OutputOptions]
    check_whole("marks", path.marks, 0, MAX_POINTS_PER_AXIS)
    check_choices(path)
    asked = PathsAsked(
        runs=runs, ranges={"x": ranges.x, "y": ranges.y}, along=path.along, marks=path.marks, skip_bad=path.skip_bad,
        agree={"command": "trajectory", **agreed(given, PathRanges, *COMPUTE, TrajectoryOptions)},
    )  # fmt: skip
    if path.over is None:
        return along_paths(asked, given)
    if output.out is not None and str(output.out) != default_out((runs,)):
        raise UsageError(
            f"over extends {path.over} in place, which excludes out {output.out}; drop one, or copy the file first"
        )
    return over_surface(asked, path.over, given)
