"""`landscape dynamics`: what changes along a training run: curvature, batches, gradients, distance."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.errors import UsageError
from landscape.options.command import Positional, command
from landscape.options.groups import DataOptions, LossOptions, NetOptions, OutputOptions, check_stall, comma_list
from landscape.options.option import Given, again, check_choices, check_whole, option, shown
from landscape.recipes.hessian import EndsMachine, EndsOptions, ends_of
from landscape.recipes.surface import agreed
from landscape.recipes.words import plan_lines

if TYPE_CHECKING:
    from landscape.measurement.dynamics import Dynamics
    from landscape.study.extend import Extended
    from landscape.study.study import Plan
    from landscape.surfaces.surface import Surface
    from landscape.sweep.world import World

MEASURES = ("hessian", "batch", "covariance", "stiffness", "critical", "gradient", "layers", "distance")
RUNS = Positional("runs", "RUN", "run folders", nargs="+")
USUAL_BATCH = 128
MOVED = ("model", "entry", "data", "data_root", "loss", "trust", "device", "batch_size", "threads")


@dataclass(frozen=True, kw_only=True)
class DynamicsOptions:
    title: ClassVar[str] = "dynamics"

    measures: str | Sequence[str] = option(
        ",".join(MEASURES), f"{', '.join(MEASURES)}, separated by commas (default: all that the data allow)", type=comma_list,
        metavar="LIST",
    )  # fmt: skip
    every: int = option(1, "every Nth net of the run, and the first (default: 1)", type=int, metavar="N")
    samples: int | None = again(
        DataOptions, "samples", default=2000, help="N samples of the split, always the same (default: 2000)"
    )
    split: str = option("train", "split whose loss is used (default: train)", choices=("train", "test"))
    train_batch: int | None = option(
        None, "samples of a batch in training, for the batch sharpness (default: the run's)", type=int, metavar="N"
    )
    batches: int = option(16, "batches that the batch sharpness is a mean over (default: 16)", type=int, metavar="N")
    stiff_samples: int = option(
        128, "samples whose gradients are compared one by one (default: 128)", type=int, metavar="N"
    )
    lr: float | None = option(
        None,
        "learning rate of the whole run, if its log has none, for the stability threshold",
        type=float,
        metavar="LR",
    )
    seed: int = option(0, "seed of the batches (default: 0)", type=int, metavar="N")
    tolerance: float = again(EndsOptions, "tolerance")
    index: float | None = again(EndsOptions, "index")
    only: str | Sequence[str] | None = again(EndsOptions, "only", help="parameters that count (default: all)")
    ignore: str | Sequence[str] | None = again(
        EndsOptions, "ignore", help="parameters that do not count (default: none)"
    )
    products: str | None = again(EndsOptions, "products")
    search: str = again(EndsOptions, "search")

    @property
    def chosen(self) -> tuple[str, ...]:
        names = comma_list(self.measures) if isinstance(self.measures, str) else self.measures
        return tuple(name for name in names if name)


def lines(result: Any, shell: Mapping[str, Any]) -> list[str]:
    """For each run the first and the last value of each measure."""
    import numpy as np

    from landscape.study.study import Plan

    said = []
    for surface in result if isinstance(result, list) else [result]:
        if isinstance(surface, Plan):
            said += plan_lines(surface)
            continue
        said.append(f"{surface.source}: {surface.counts('dynamics')['done']} of {surface.grid.size} nets")
        for name, values in surface.values.items():
            known = values[np.isfinite(values)]
            if known.size and not surface.quantity(name).aside:
                said.append(f"  {surface.quantity(name).label}: {known[0]:.4g} to {known[-1]:.4g}")
    return said


def picture(result: Any) -> tuple[Any, str, str]:
    several = result if isinstance(result, list) else [result]
    return [each.source for each in several], ".png", "dynamics"


@command(
    "curvature, gradients, stiffness and distance along training runs",
    NetOptions,
    DataOptions,
    LossOptions,
    DynamicsOptions,
    EndsMachine,
    OutputOptions,
    lines=lines,
    without=("out", "save_directions", "download", "normalize", "metrics", "l2"),
    positional=(RUNS,),
    picture=picture,
    keeps=True,
    example="landscape dynamics runs/small_lr runs/large_lr --every 5 --plot",
)
def dynamics(runs: Any, *, given: Given) -> Surface | Plan | list[Surface | Plan]:
    """Measures training dynamics at the nets of a run, on fixed samples, and keeps them in RUN/dynamics.h5.

    By measure: `hessian` gives both ends of the Hessian's spectrum; `batch` the batch sharpness and the largest eigenvalue of the
    Hessians of mini-batches; `covariance` the first eigenvalue of the covariance of gradients and its ratio to the last;
    `stiffness` the mean cosine of the gradients of samples of one class and of two; `critical` the critical sharpness;
    `gradient` its norm; `layers` that of each layer;
    `distance` that from the first net. The stability threshold follows from the run's optimizer.

    Args:
        runs: the folder of a run of `landscape train` or `ll.Recorder`, or a list of such folders.

    Returns:
        A Surface with the training step as x, or a list of them; with `dry_run` Plans.

    Raises:
        LandscapeError: bad input, a loss without second derivatives; what was computed is kept.
    """
    several = [runs] if isinstance(runs, (str, Path)) else list(runs)
    if not several:
        raise UsageError("no run: expected one or more run folders")
    found = [_along(Path(run), given) for run in several]
    return found[0] if len(found) == 1 else found


def _along(folder: Path, given: Given) -> Surface | Plan:
    from landscape.grid import MAX_POINTS
    from landscape.measurement.dynamics import Dynamics, DynamicsSettings
    from landscape.measurement.ends import EndsSettings
    from landscape.objective.attack import check_curvature
    from landscape.quantity import DYNAMICS
    from landscape.study.extension import ExtensionStudy
    from landscape.study.run import run
    from landscape.surfaces.run_log import is_run_folder

    asked, machine, output = given[DynamicsOptions], given[EndsMachine], given[OutputOptions]
    if not is_run_folder(folder):
        raise UsageError(f"run {folder}: expected a run folder, as landscape train or ll.Recorder writes it")
    ends = EndsSettings(tolerance=asked.tolerance, index=asked.index).checked()
    check_choices(asked)
    check_stall(machine.stall)
    check_whole("every", asked.every, 1, MAX_POINTS)
    check_curvature(given[LossOptions].attack)
    config, rates = _run_facts(folder, asked.lr)
    settings = DynamicsSettings(
        measures=asked.chosen, batch_size=_batch(asked, config), batches=asked.batches,
        stiff_samples=asked.stiff_samples, seed=asked.seed, lr=asked.lr,
    ).checked()  # fmt: skip
    ignore = asked.ignore if asked.ignore is not None or asked.only is not None else "none"

    moved = given.stated(MOVED)
    if "data" not in moved and config.get("samples") is not None:
        moved["samples"] = config["samples"]  # those that the run was trained on

    def measure(of: Extended, world: World) -> Dynamics:
        whole = ends_of(of, ends, usual="none", products=asked.products, search=asked.search, loss=None)
        own = settings if given.stated(["measures"]) else _allowed(settings, of.subject.objective)
        return Dynamics(of.subject, of.slice, whole, own, rates)

    return run(
        lambda world: ExtensionStudy(
            folder, DYNAMICS, measure, world, given=moved, split=asked.split, precision=machine.precision,
            counted=(asked.only, ignore), every=asked.every, samples=asked.samples,
            wants=bool(given.stated(["samples"])), overwrite=output.overwrite,
        ),
        agree={"command": "dynamics", **agreed(given, DynamicsOptions, NetOptions, DataOptions, LossOptions, EndsMachine)},
        code=(given[NetOptions].model, given[DataOptions].data, given[LossOptions].loss),
        dry_run=output.dry_run,
        quiet=output.quiet,
        stall=machine.stall,
    )  # fmt: skip


def _batch(asked: DynamicsOptions, config: Mapping[str, Any]) -> int:
    """Samples of a batch in training: the given number, that of the run, or the usual one if it names none.

    Raises:
        UsageError: the run names one that is not a number of samples, and the batches of training are measured.
    """
    known = config.get("batch_size")
    if asked.train_batch is not None:
        return asked.train_batch
    if known is None or "batch" not in asked.chosen:
        return USUAL_BATCH if not _is_count(known) else int(known)  # type: ignore[arg-type]
    if not _is_count(known):
        raise UsageError(
            f"the run's config.json has batch_size {shown(known)}: expected a whole number of at least 1; give --train-batch N"
        )
    return int(known)


def _is_count(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return False
    return value >= 1 and value == int(value)


def _allowed(settings: Any, objective: Any) -> Any:
    """By default without what needs a class for each sample, samples that can be picked, or more of them than there are."""
    from landscape.data.picking import can_pick
    from landscape.measurement.dynamics import LEAST, PICKING

    split = next(iter(objective.splits.values()))
    targets = split.targets
    classes = targets is not None and targets.ndim == 1 and not targets.is_floating_point()
    left_out = (set() if classes else {"stiffness"}) | ({"covariance"} if split.size < LEAST else set())
    left_out |= set() if can_pick(split) else set(PICKING)
    return replace(settings, measures=tuple(name for name in settings.measures if name not in left_out))


def _run_facts(folder: Path, lr: float | None) -> tuple[dict[str, Any], Callable[[float], tuple[float, float]]]:
    """(the settings of a run, step -> its learning rate and stability threshold, NaN where they are not known)."""
    from landscape.curvature.stability import threshold_of
    from landscape.surfaces.run_log import CONFIG, read_config
    from landscape.training.run_rates import rate_of_run

    if lr is not None and not 0 < lr < float("inf"):
        raise UsageError(f"lr {lr:g}: expected a learning rate above 0, such as 0.1")
    config = read_config(folder / CONFIG) if (folder / CONFIG).exists() else {}
    known = rate_of_run(folder, config)

    def rates(step: float) -> tuple[float, float]:
        rate = known(step) if lr is None else lr
        found = threshold_of(config, rate) if rate > 0 else None
        return rate, float("nan") if found is None else found

    return config, rates
