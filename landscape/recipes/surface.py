"""`landscape surface`: metrics over a plane through a net's weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.options.command import Positional, command
from landscape.options.groups import (
    OWN,
    AxesOptions,
    DataOptions,
    LossOptions,
    MachineOptions,
    NetOptions,
    OutputOptions,
    ToleranceOptions,
)
from landscape.options.option import Given, option, texts_of
from landscape.recipes.words import plan_lines, plane_lines

if TYPE_CHECKING:
    from landscape.slice.shape import Form
    from landscape.study.study import Plan
    from landscape.surfaces.surface import Surface

CHECKPOINT = Positional("checkpoint", "CKPT", "trained net: .pt .pth .th .t7 .ckpt .safetensors, or a folder")
COMPUTE = (NetOptions, DataOptions, LossOptions, AxesOptions, MachineOptions, ToleranceOptions, OutputOptions)


@dataclass(frozen=True, kw_only=True)
class PlaneRanges:
    title: ClassVar[str] = "ranges"

    x: Any = option(
        "-1:1:51", "range of x, both ends included, such as -1:1:51 (default, as in Li et al. 2018); auto or auto:N, as far as "
        "the loss rises by --rise; in Python also (from, to, points)", "-x", "--x", metavar="FROM:TO:N|auto:N",
    )  # fmt: skip
    y: Any = option("-1:1:51", "range of y", "-y", "--y", metavar="FROM:TO:N|auto:N")
    z: Any = option(
        None,
        "range of a third direction: a volume, drawn as slices and isosurfaces",
        "-z",
        "--z",
        metavar="FROM:TO:N|auto:N",
    )
    rise: float | None = option(
        None, "with a range auto: where the loss is FACTOR times that of the net, the range ends (default: 10)",
        type=float, metavar="FACTOR",
    )  # fmt: skip


def lines(result: Any, shell: Mapping[str, Any]) -> Sequence[str]:
    from landscape.study.study import Plan

    return plan_lines(result) if isinstance(result, Plan) else plane_lines(result, shell["out"])


def default_out(suffix: str) -> Any:
    """The output of a checkpoint in the shell: its name with another suffix, in the current folder."""
    return lambda positional: f"{Path(positional[0]).stem}.{suffix}.h5"


def agreed(given: Given, *groups: type) -> dict[str, str]:
    """The options that must be the same on every rank, by name."""
    out = "given" if given[OutputOptions].out else "none"
    return {**texts_of(given, groups, without=OWN), "out": out}


def compute(
    checkpoint: Any,
    ranges: Mapping[str, Any],
    given: Given,
    name: str,
    rise: float | None = None,
    form: Form | None = None,
) -> Surface | Plan:
    """A run over a line or plane, or a form of a slice; what depends on the loss, directions and then ranges, comes first."""
    from landscape.study.along import with_directions
    from landscape.study.evaluation import for_plan, plane_study
    from landscape.study.on_slice import Asked
    from landscape.study.process_group import dividing_world
    from landscape.study.ranks import together
    from landscape.study.rise import Ranges, found_ranges, placeholders, searched
    from landscape.study.run import run_prepared
    from landscape.sweep.world import World

    asked = Asked.of(checkpoint, given)
    along, output = asked.axes.along != "random", asked.output

    def prepare(world: World) -> tuple[Asked, Ranges]:
        points, ready = together(world, lambda: searched(asked, ranges, rise, form)), asked
        if along:
            flat = dict.fromkeys("xyz"[: form.directions]) if form else None
            axes = placeholders(flat or points, flat or ranges)
            ready = for_plan(asked, len(axes)) if output.dry_run else with_directions(asked, axes, world)
        return ready, found_ranges(ready, ranges, points, rise, world)

    with dividing_world(asked, ranges) as divided:
        return run_prepared(
            prepare,
            lambda world, ready: plane_study(ready[0], ready[1], world, name, form),
            agree={
                "command": name,
                **agreed(given, *COMPUTE),
                "rise": str(rise),
                "slice": str(form and form.facts),
                **{axis: str(spec) for axis, spec in ranges.items()},
            },
            code=(asked.net.model, asked.data.data, asked.loss.loss, asked.loss.names),
            dry_run=output.dry_run,
            quiet=output.quiet,
            stall=asked.machine.stall,
            world=divided,
        )


@command(
    "loss over a plane through a net's weights (2-D), or a volume (3-D)",
    PlaneRanges,
    *COMPUTE,
    lines=lines,
    positional=(CHECKPOINT,),
    out=default_out("surface"),
    example="mpiexec -n 4 landscape surface resnet56.pt -x -1:1:51 -y -1:1:51 -o resnet56.h5 --plot",
)
def surface(checkpoint: Any = None, *, given: Given) -> Surface | Plan:
    """Evaluates metrics over a plane or, with `z`, a volume through the net's weights.

    Args:
        checkpoint: path, `Checkpoint`, or None with `model` a module that has its weights.

    Returns:
        A Surface with values of shape (ny, nx), or (nz, ny, nx) with a range of z, under MPI on every rank; with
        `dry_run` a Plan.

    Raises:
        LandscapeError: bad input or a failing evaluation; what was computed is in `out`.
    """
    ranges = given[PlaneRanges]
    axes = {"x": ranges.x, "y": ranges.y} | ({} if ranges.z is None else {"z": ranges.z})
    return compute(checkpoint, axes, given, "surface", ranges.rise)
