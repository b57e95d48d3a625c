"""Commands that add a metric of a point to a surface, or along a training run: their options, their picture, and the call.

Owns: what all of them share. A metric is an `Addition` (measurement/), its command a function under `@addition` that calls `add`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.errors import UsageError
from landscape.options.command import Positional, command
from landscape.options.groups import (
    AxesOptions,
    DataOptions,
    LossOptions,
    MachineOptions,
    NetOptions,
    OutputOptions,
    check_stall,
)
from landscape.options.option import Given, again, check_choices, check_whole, option
from landscape.options.what import What
from landscape.recipes.surface import agreed
from landscape.recipes.words import plan_lines, spread

if TYPE_CHECKING:
    from landscape.measurement.measurement import Addition
    from landscape.study.extend import Extended
    from landscape.study.study import Plan
    from landscape.surfaces.surface import Surface
    from landscape.sweep.world import World


@dataclass(frozen=True, kw_only=True)
class PointOptions:
    title: ClassVar[str] = "points and samples"

    every: int = option(1, "every Nth point of each axis, including the centre (default: 1)", type=int, metavar="N")
    split: str | Sequence[str] | None = option(
        None, "split whose loss is used (default: train)", choices=("train", "test")
    )
    samples: int | None = again(DataOptions, "samples", help="N of the file's samples (default: all of them)")

    @property
    def one_split(self) -> str | None:
        """The split, which may be in a list of one; None is the usual one."""
        names = [self.split] if isinstance(self.split, str) else list(self.split or [])
        if len(names) > 1:
            raise UsageError(f"split {', '.join(names)}: expected one split; give one of them")
        return names[0] if names else None


@dataclass(frozen=True, kw_only=True)
class MovedOptions:
    title: ClassVar[str] = "files that have moved since the surface was computed"

    checkpoint: Any = option(None, "the file's checkpoint, if it has moved", metavar="CKPT")
    model: Any = again(NetOptions, "model", help="the file's net, if its spec has moved")
    entry: str | None = again(NetOptions, "entry", help="the file's entry of the checkpoint, if it does not say")
    data: Any = again(DataOptions, "data", help="the file's data, if they have moved")
    data_root: str | None = again(DataOptions, "data_root")
    loss: str | Callable | None = again(LossOptions, "loss", default=None, help="the file's loss, if it has moved")
    to: Any = again(AxesOptions, "to", help="the file's second net, if it has moved")
    to_y: Any = again(AxesOptions, "to_y", help="the file's third net, if it has moved")
    directions: Any = again(AxesOptions, "directions", help="the file's directions, if they have moved")
    trust: bool | str | Path | Sequence[str | Path] = again(NetOptions, "trust")


@dataclass(frozen=True, kw_only=True)
class EndsMachine:
    title: ClassVar[str] = "machine"

    device: Any = again(MachineOptions, "device")
    batch_size: int | None = again(MachineOptions, "batch_size")
    threads: int | None = again(MachineOptions, "threads")
    stall: float | None = again(MachineOptions, "stall")
    precision: str | None = again(
        MachineOptions, "precision", default=None, help="default: fp32, or the file's fp64",
        choices=("fp32", "tf32", "fp64"),
    )  # fmt: skip


SHARED = (PointOptions, MovedOptions, EndsMachine, OutputOptions)
SURFACE = Positional("surface", "SURFACE.h5", "surface file, which is extended; or a run folder")


def addition(help: str, *options: type, group: str, **shell: Any) -> Callable[[Callable], Callable[..., Any]]:
    """`@command` for a metric of a point, with its own groups of `options` before the shared ones.

    `group`: that of its quantities. They are printed, and `--plot` draws the first of them, unless `shell` says otherwise.
    """
    usual = {
        "lines": lambda result, shell: lines(result, group),
        "picture": lambda surface: {"metric": metrics_of(surface, group)[0], "suffix": f".{group}.png"},
    }
    return command(
        help, *options, *SHARED, without=("out", "save_directions"), positional=(SURFACE,), keeps=True,
        **{**usual, **shell},
    )  # fmt: skip


def metrics_of(surface: Surface, group: str) -> list[str]:
    """The metrics that a measurement has added, without those that are drawn only on request."""
    known = {name: surface.quantity(name) for name in surface.values}
    return [name for name, quantity in known.items() if quantity.group == group and not quantity.aside]


def lines(result: Any, group: str) -> list[str]:
    """How many points there are, and the range of each metric over them."""
    from landscape.study.study import Plan

    if isinstance(result, Plan):
        return plan_lines(result)
    said = [f"{result.source or 'surface'}: {result.counts(group)['done']} points"]
    return said + [f"  {result.quantity(name).label}: {spread(result, name)}" for name in metrics_of(result, group)]


def add(
    surface: Surface | str | Path,
    group: str,
    measure: Callable[[Extended, World], Addition],
    given: Given,
    *options: type,
    counted: tuple[What, What] = (None, None),
) -> Surface | Plan:
    """The surface with the metrics of `group` at its points, under MPI on every rank; for a dry run a Plan.

    `measure` makes the measurement of a rank. `options`: the command's own groups. `counted`: `only` and `ignore`.

    Raises:
        LandscapeError: bad input or a failing evaluation; what was computed is kept.
    """
    from landscape.grid import MAX_POINTS
    from landscape.study.extension import ExtensionStudy
    from landscape.study.run import run

    points, files, machine, output = given[PointOptions], given[MovedOptions], given[EndsMachine], given[OutputOptions]
    for checked in (*options, *SHARED):
        check_choices(given[checked])
    check_stall(machine.stall)
    check_whole("every", points.every, 1, MAX_POINTS)
    moved = {**vars(files), **{name: getattr(machine, name) for name in ("device", "batch_size", "threads")}}
    split = points.one_split
    return run(
        lambda world: ExtensionStudy(
            surface, group, measure, world, given=moved, split=split, precision=machine.precision, counted=counted,
            every=points.every, samples=points.samples, overwrite=output.overwrite,
        ),
        agree={"command": group, **agreed(given, *options, *SHARED)},
        code=(files.model, files.data, files.loss),
        dry_run=output.dry_run,
        quiet=output.quiet,
        stall=machine.stall,
    )  # fmt: skip
