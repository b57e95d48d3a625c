"""`landscape flatness`: how flat the loss is around several nets, and whether that says how well they generalize."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.options.command import Positional, command
from landscape.options.groups import DataOptions, LossOptions, MachineOptions, NetOptions, OutputOptions
from landscape.options.option import Given, again, option
from landscape.options.values import comma_list
from landscape.quantity import MEASURES
from landscape.recipes.surface import agreed
from landscape.recipes.words import plan_lines

if TYPE_CHECKING:
    from landscape.study.study import Plan
    from landscape.surfaces.surface import Surface

NETS = Positional("nets", "NET", "checkpoints, run folders, or patterns such as 'runs/*/final.pt'", nargs="+")
# Nets up to which the table has a column for each.
COLUMNS = 5
WIDE = 100


@dataclass(frozen=True, kw_only=True)
class FlatnessOptions:
    title: ClassVar[str] = "flatness"

    measures: str | Sequence[str] = option(
        ",".join(MEASURES), f"{', '.join(MEASURES)}, separated by commas (default: all)", type=comma_list, metavar="LIST"
    )  # fmt: skip
    samples: int | None = again(
        DataOptions, "samples", help="measure on N training samples, always the same; losses are of all (default: all)"
    )
    rho: float = option(0.05, "radius of SAM (default: 0.05)", type=float, metavar="R")
    adaptive_rho: float = option(0.5, "radius of adaptive SAM (default: 0.5)", type=float, metavar="R")
    epsilon: float = option(
        0.001, "half the side of the box of Keskar et al., where it is times |w| + 1 (default: 0.001)", type=float, metavar="E"
    )  # fmt: skip
    radius: float = option(
        0.1,
        "of average, most and worst cases: a share of the norm of each filter (default: 0.1)",
        type=float,
        metavar="R",
    )
    steps: int = option(20, "steps of ascent to a worst case, a gradient each (default: 20)", type=int, metavar="N")
    directions: int = option(20, "random directions of an average (default: 20)", type=int, metavar="K")
    products: int = option(30, "products with the Hessian for a trace (default: 30)", type=int, metavar="N")
    tolerance: float = option(
        0.01, "accepted relative error of the largest eigenvalue (default: 0.01)", type=float, metavar="T"
    )
    seed: int = option(0, "seed of the directions and of the bootstrap (default: 0)", type=int, metavar="N")

    @property
    def chosen(self) -> tuple[str, ...]:
        given = comma_list(self.measures) if isinstance(self.measures, str) else self.measures
        return tuple(name.strip() for name in given)


@dataclass(frozen=True, kw_only=True)
class FlatnessMachine:
    title: ClassVar[str] = "machine"

    precision: str = again(MachineOptions, "precision", choices=("fp32", "tf32", "fp64"))


def picture(surface: Any) -> dict[str, Any]:
    """Measures against gaps where nets can be compared, else how the loss rises."""
    from landscape.correlation import LEAST
    from landscape.surfaces.flatness import curves, targets

    compared = surface.grid.size > 1 and (targets(surface) or surface.grid.size < LEAST)
    return {"kind": "flatness" if compared or not curves(surface) else "mostcase"}


_COMPARED = (NetOptions, DataOptions, LossOptions, FlatnessOptions, MachineOptions, FlatnessMachine, OutputOptions)


def lines(result: Any, shell: Mapping[str, Any]) -> list[str]:
    """The measures as a table: of each net, or the least, median and greatest; and with five nets or more their taus."""
    from landscape.quantity import FLATNESS
    from landscape.study.study import Plan

    if isinstance(result, Plan):
        return plan_lines(result)
    done = result.counts(FLATNESS)["done"]
    said = [f"{result.source or 'flatness'}: {done} of {result.grid.size} nets"]
    said += _each(result) if result.grid.size <= COLUMNS else _over_nets(result)
    return [*said, *_odd_nets(result), *_reasons(result), *_taus(result)]


def _each(surface: Any) -> list[str]:
    """A column for each net."""
    from landscape.surfaces.flatness import names

    room = max(10, (WIDE - 26) // surface.grid.size - 2)
    shown = [name if len(name) <= room else f"..{name[2 - room :]}" for name in names(surface)]
    said = [f"  {'':24}" + "".join(f"  {name:>{room}}" for name in shown)]
    for name in _shown(surface):
        cells = [_with_error(surface, name, k) for k in range(surface.grid.size)]
        said.append(f"  {name:24}" + "".join(f"  {cell:>{room}}" for cell in cells))
    return said


def _over_nets(surface: Any) -> list[str]:
    import numpy as np

    said = [f"  {'':24}  {'least':>10}  {'median':>10}  {'greatest':>10}"]
    for name in _shown(surface):
        known = surface.values[name][~np.isnan(surface.values[name])]
        with np.errstate(over="ignore", invalid="ignore"):
            ends = [known.min(), np.median(known), known.max()] if known.size else [np.nan] * 3
        said.append(f"  {name:24}" + "".join(f"  {_number(surface, name, value):>10}" for value in ends))
    return said


def _shown(surface: Any) -> list[str]:
    """Metrics and measures; what is beside them is in the file."""
    return [name for name in surface.values if not surface.quantity(name).aside]


def _number(surface: Any, name: str, value: float) -> str:
    return f"{100 * value:.2f} %" if surface.quantity(name).percent else f"{value:.4g}"


def _with_error(surface: Any, name: str, k: int) -> str:
    from landscape.quantity import MEASURE

    value, errors = surface.values[name].flat[k], surface.stderr.get(name)
    text = _number(surface, name, value)
    if errors is None or surface.quantity(name).role != MEASURE or not errors.flat[k] > 0:
        return text
    return f"{text} +- {errors.flat[k]:.1g}"


def _odd_nets(surface: Any) -> list[str]:
    """The nets that no measure is known of."""
    import numpy as np

    from landscape.printable import listed
    from landscape.surfaces.flatness import names

    loss = surface.values.get("train_loss")
    if loss is None:
        return []
    bad = [name for name, value in zip(names(surface), loss, strict=True) if not np.isfinite(value)]
    return [f"  not measured, as the training loss is not finite: {listed(bad, COLUMNS)}"] if bad else []


def _reasons(surface: Any) -> list[str]:
    """Why a measure is NaN."""
    from landscape.surfaces.flatness import without_value

    return [f"  {name} is NaN for {text}" for name, text in without_value(surface).items()]


def _taus(surface: Any) -> list[str]:
    """Kendall's tau of each measure with each gap, with its interval; an asterisk where that leaves out 0."""
    import numpy as np

    from landscape.correlation import LEAST
    from landscape.surfaces.flatness import rankings, targets

    against = targets(surface)
    if not against or surface.grid.size < LEAST:
        return []
    columns = [rankings(surface, row) for row in against]
    said = ["Kendall's tau, with its 95 % interval by the bootstrap over nets (* where that leaves out 0)"]
    with_psi = any(np.isfinite(each.psi) for each in columns[0])
    said += (
        [f"psi: the same over nets that differ in one setting only, with the {against[0].label}"] if with_psi else []
    )
    said.append(f"  {'':20}" + "".join(f"{row.label:>23}" for row in against) + ("    psi" if with_psi else ""))
    for each in zip(*columns, strict=True):
        if not any(np.isfinite(ranking.tau.value) for ranking in each):
            continue
        cells = "".join(f"{_tau(ranking.tau):>23}" for ranking in each)
        said.append(f"  {each[0].measure.name:20}{cells}" + (f"  {each[0].psi:5.2f}" if with_psi else ""))
    return said


def _tau(tau: Any) -> str:
    interval = f"[{tau.low:5.2f}, {tau.high:5.2f}]" if tau.low == tau.low else ""
    return f"{tau.value:5.2f} {interval}{'*' if tau.excludes_zero else ' '}"


@command(
    "flatness and sharpness of many nets, and how they rank with the generalization gap",
    *_COMPARED,
    lines=lines,
    without=("split", "metrics", "l2", "plain", "shard_data", "save_directions"),
    positional=(NETS,),
    out=lambda positional: "flatness.h5",
    picture=picture,
    example="landscape flatness 'runs/*/final.pt' -o flatness.h5 --plot",
)
def flatness(nets: Any, *, given: Given) -> Surface | Plan:
    """Measures of flatness of each of several nets, with their losses and generalization gaps.

    All are measured on the same training samples and with the same random numbers; the nets may be of several architectures. The
    file holds the hyper-parameters in which the runs of the nets differ, where they are in run folders.

    Args:
        nets: a list of checkpoints, run folders, patterns, and modules; or a single one of these.

    Returns:
        A Surface whose x counts the nets, under MPI on every rank; with `dry_run` a Plan.

    Raises:
        LandscapeError: bad input, or a net that does not fit the data; what was computed is in `out`.
    """
    from landscape.measurement.flatness import FlatnessSettings
    from landscape.objective.attack import check_curvature
    from landscape.options.option import check_choices
    from landscape.slice.nets import nets_of
    from landscape.study.flatness import FlatnessStudy
    from landscape.study.run import run
    from landscape.sweep.world import World

    asked, machine, output = given[FlatnessOptions], given[MachineOptions], given[OutputOptions]
    settings = FlatnessSettings(
        measures=asked.chosen, rho=asked.rho, adaptive_rho=asked.adaptive_rho, epsilon=asked.epsilon, radius=asked.radius,
        steps=asked.steps, directions=asked.directions, products=asked.products, tolerance=asked.tolerance, seed=asked.seed,
    ).checked()  # fmt: skip
    machine.check()
    check_choices(given[FlatnessMachine])
    check_curvature(given[LossOptions].attack)

    def make(world: World) -> FlatnessStudy:
        return FlatnessStudy(nets_of(nets), settings, given, world)

    return run(
        make,
        agree={"command": "flatness", **agreed(given, *_COMPARED)},
        code=(given[NetOptions].model, given[DataOptions].data, given[LossOptions].loss),
        dry_run=output.dry_run,
        quiet=output.quiet,
        stall=machine.stall,
    )
