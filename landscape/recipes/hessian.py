"""`landscape hessian`: the ends of the Hessian's spectrum over a surface, along a line, or along a training run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from landscape.recipes.surface import agreed
from landscape.recipes.words import plan_lines, spread

if TYPE_CHECKING:
    from landscape.measurement.ends import EndsSettings, HessianEnds
    from landscape.study.extend import Extended
    from landscape.study.study import Plan
    from landscape.surfaces.surface import Surface
    from landscape.sweep.world import World

COUNTED = (
    "parameters that count, all others do not: WHAT as for surface --only (default: those that move along the surface)"
)
IGNORED = (
    "parameters that do not count: WHAT as for surface --ignore (default: biasbn, those with one dimension, as in Li et al. "
    "2018; none with --only)"
)
PRODUCTS = ("program", "graph", "differences")


@dataclass(frozen=True, kw_only=True)
class EndsOptions:
    title: ClassVar[str] = "curvature"

    every: int = option(1, "every Nth point of each axis, including the centre (default: 1)", type=int, metavar="N")
    tolerance: float = option(
        0.01, "accepted relative error of an eigenvalue; an end smaller than a thousandth of the other counts as that large "
        "(default: 0.01)", type=float, metavar="T",
    )  # fmt: skip
    only: str | Sequence[str] | None = again(AxesOptions, "only", help=COUNTED)
    ignore: str | Sequence[str] | None = again(AxesOptions, "ignore", help=IGNORED)
    index: float | None = option(
        None, "also the saddle index: the share of eigenvalues below -T times the largest magnitude, such as 0.001, as "
        "hessian_negative with its standard error", type=float, metavar="T",
    )  # fmt: skip
    split: str | Sequence[str] | None = option(
        None, "split whose loss is used (default: train)", choices=("train", "test")
    )
    samples: int | None = again(DataOptions, "samples", help="N of the file's samples (default: all of them)")
    products: str | None = option(
        None, "how products with the Hessian are computed (default: the first that the net allows)", choices=PRODUCTS
    )
    search: str = option(
        "auto", "find the ends by products in bfloat16 where these are faster here (auto), always, or never; reported "
        "values come from full-precision products only (default: auto)", choices=("auto", "bf16", "exact"),
    )  # fmt: skip


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


def lines(result: Any, shell: Mapping[str, Any]) -> list[str]:
    """Both ends over all finished points, and the number of points outside the tolerance."""
    import numpy as np

    from landscape.quantity import HESSIAN, LARGEST, NEGATIVE, PRODUCTS, ROUGH_PRODUCTS, SETTLED, SMALLEST
    from landscape.study.study import Plan

    if isinstance(result, Plan):
        return plan_lines(result)
    found = {role: result.find(role) for role in (LARGEST, SMALLEST, NEGATIVE, SETTLED, PRODUCTS, ROUGH_PRODUCTS)}
    array = {role: result.values[name] for role, name in found.items() if name}
    low = array.get(ROUGH_PRODUCTS)
    besides = f" and {np.nanmean(low):.1f} in bfloat16" if low is not None and np.nansum(low) else ""
    each = f"{np.nanmean(array[PRODUCTS]):.1f} products with the Hessian{besides} at each"
    said = [f"{result.source or 'surface'}: {result.counts(HESSIAN)['done']} points, {each}"]
    said += [f"  {role} eigenvalue: {spread(result, found[role])}" for role in (LARGEST, SMALLEST)]
    if count := int((array[SETTLED] == 0).sum()) if SETTLED in array else 0:
        said.append(
            f"  outside the tolerance at {count} point{'s' if count != 1 else ''}; see hessian_max_error and "
            "hessian_min_error"
        )
    if NEGATIVE in array:
        shares = 100 * array[NEGATIVE]
        said.append(f"  negative eigenvalues: {np.nanmin(shares):.3g} % to {np.nanmax(shares):.3g} %")
    return said


def picture(surface: Any) -> tuple[Any, str, str]:
    kind = "ratio" if surface.ndim > 1 else "curvature"
    return surface.source, f".{kind}.png", kind


@command(
    "largest and smallest Hessian eigenvalue at every point of a surface, or along a training run",
    EndsOptions,
    MovedOptions,
    EndsMachine,
    OutputOptions,
    lines=lines,
    without=("out", "save_directions"),
    positional=(Positional("surface", "SURFACE.h5", "surface file, which is extended; or a run folder"),),
    picture=picture,
    keeps=True,
    example="mpiexec -n 4 landscape hessian resnet56.h5 --every 2; landscape plot resnet56.h5 --kind ratio",
)
def hessian(surface: Surface | str | Path, *, given: Given) -> Surface | Plan:
    """Adds the largest and the smallest eigenvalue of the Hessian of the mean loss to every point of a surface file.

    The plane, the net, the data and the loss are those of the file's provenance; if one of them has changed, that is an
    error. Adds `hessian_max`, `hessian_min`, the error of each as `hessian_max_error`, ..., `hessian_settled` (whether both
    are within the tolerance), `hessian_products` (the number of products that the point took), and `hessian_rough` (those in
    bfloat16).

    Args:
        surface: a surface file, which is extended; a `Surface`, of which an extended copy is returned; or the folder of a
            training run: its checkpoints are the points of FOLDER/hessian.h5, with the training step as x.

    Returns:
        The surface with the values added, under MPI on every rank; with `dry_run` a Plan.

    Raises:
        LandscapeError: bad input, a loss without second derivatives; what was computed is kept.
    """
    from landscape.grid import MAX_POINTS
    from landscape.measurement.ends import EndsSettings
    from landscape.quantity import HESSIAN
    from landscape.study.extension import ExtensionStudy
    from landscape.study.run import run

    ends, output = given[EndsOptions], given[OutputOptions]
    settings = EndsSettings(tolerance=ends.tolerance, index=ends.index).checked()
    check_choices(ends)
    check_stall(given[EndsMachine].stall)
    check_whole("every", ends.every, 1, MAX_POINTS)
    machine = given[EndsMachine]
    moved = {
        **vars(given[MovedOptions]),
        **{name: getattr(machine, name) for name in ("device", "batch_size", "threads")},
    }
    chosen: dict[str, Any] = {
        "given": moved, "split": _single(ends.split), "precision": machine.precision,
        "counted": (ends.only, ends.ignore), "every": ends.every, "samples": ends.samples, "overwrite": output.overwrite,
    }  # fmt: skip

    goes_on = None if output.overwrite else HESSIAN

    def measure(of: Extended, world: World) -> HessianEnds:
        return ends_of(
            of, settings, usual="biasbn", products=ends.products, search=ends.search, loss=of.loss, group=goes_on
        )

    return run(
        lambda world: ExtensionStudy(surface, HESSIAN, measure, world, **chosen),
        agree={"command": "hessian", **agreed(given, EndsOptions, MovedOptions, EndsMachine, OutputOptions)},
        code=(moved["model"], moved["data"], moved["loss"]),
        dry_run=output.dry_run,
        quiet=output.quiet,
        stall=machine.stall,
    )


def ends_of(
    of: Extended,
    settings: EndsSettings,
    *,
    usual: str,
    products: str | None,
    search: str,
    loss: str | None,
    group: str | None,
) -> HessianEnds:
    """The measurement of both ends.

    `usual`: what is ignored by default; `loss`: see `HessianEnds`; `group`: of the file that goes on, None for a new start.
    """
    from landscape.curvature.operator import AUTO, EXACT, ROUGHLY, CurvatureOperator
    from landscape.measurement.ends import HessianEnds
    from landscape.objective.numerics import memory_budget
    from landscape.surfaces.provenance import LatestFacts

    objective = of.subject.objective
    budget = memory_budget(objective.device, of.subject.sharers)
    ignore, names = of.subject.counted.moving(usual)
    operator = CurvatureOperator(objective, ignore="none", only=names, backend=products, budget=budget)
    earlier = LatestFacts.read(of.surface.provenance.get("run", {}).get(group)).search if group else None
    if search == AUTO and (earlier == EXACT or (earlier == ROUGHLY and operator.has_low_precision)):
        search = earlier  # a file that goes on keeps to what its points were found by
    counted = replace(settings, ignore=ignore, only=of.subject.counted.only)
    return HessianEnds(of.subject, of.slice, operator, counted, loss, search)


def _single(split: str | Sequence[str] | None) -> str | None:
    names = [split] if isinstance(split, str) else list(split or [])
    if len(names) > 1:
        raise UsageError(f"split {', '.join(names)}: expected one split for the curvature; give one of them")
    return names[0] if names else None
