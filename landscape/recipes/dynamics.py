"""`landscape dynamics`: what changes along a training run: curvature, batches, gradients, distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.errors import UsageError
from landscape.options.command import Positional, command
from landscape.options.groups import DataOptions, LossOptions, NetOptions, OutputOptions, check_stall
from landscape.options.option import Given, again, option
from landscape.options.values import comma_list
from landscape.recipes.added import EndsMachine
from landscape.recipes.hessian import EndsOptions
from landscape.recipes.surface import agreed
from landscape.recipes.words import plan_lines

if TYPE_CHECKING:
    from landscape.study.study import Plan
    from landscape.surfaces.surface import Surface

USUAL = ("hessian", "batch", "covariance", "stiffness", "critical", "gradient", "layers", "distance", "preconditioned")
MEASURES = (*USUAL, "relative")
RUNS = Positional("runs", "RUN", "run folders", nargs="+")


@dataclass(frozen=True, kw_only=True)
class DynamicsOptions:
    title: ClassVar[str] = "dynamics"

    measures: str | Sequence[str] = option(
        ",".join(USUAL), f"{', '.join(MEASURES)}, separated by commas (default: all but the last that data and run allow)",
        type=comma_list, metavar="LIST",
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


def picture(result: Any) -> dict[str, Any]:
    several = result if isinstance(result, list) else [result]
    return {"surfaces": [each.source for each in several], "kind": "dynamics"}


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
    `stiffness` the mean cosine of the gradients of samples of one class and of two; `critical` the critical sharpness,
    `relative` that of the other split's loss along the same gradient;
    `gradient` its norm; `layers` that of each layer;
    `distance` that from the first net; `preconditioned` the largest eigenvalue of the Hessian divided by what an adaptive
    optimizer divides its steps by, of runs that keep it. The stability threshold follows from the run's optimizer.

    Args:
        runs: the folder of a run of `landscape train` or `ll.Recorder`, or a list of such folders.

    Returns:
        A Surface with the training step as x, or a list of them; with `dry_run` Plans.

    Raises:
        LandscapeError: bad input, a loss without second derivatives; what was computed is kept.
    """
    several = [runs] if isinstance(runs, (str, Path)) else runs
    if not isinstance(several, (list, tuple)) or not all(isinstance(run, (str, Path)) for run in several):
        raise UsageError(f"runs of type {type(runs).__name__}: expected the folder of a run, or a list of such folders")
    if not several:
        raise UsageError("no run: expected one or more run folders")
    _check_losses(several, given)
    found = [_along(Path(run), given) for run in several]
    return found[0] if len(found) == 1 else found


def _check_losses(runs: Sequence[str | Path], given: Given) -> None:
    """Raises UsageError for runs that were trained with different losses, which one picture would put on one axis."""
    from landscape.subject.trained import one_loss, recorded_in, states_loss
    from landscape.surfaces.run_log import CONFIG, read_config

    if len(runs) < 2 or states_loss(given):
        return
    folders = [Path(run) for run in runs]
    one_loss(
        recorded_in(read_config(folder / CONFIG), folder.name, str(folder))
        for folder in folders
        if (folder / CONFIG).is_file()
    )


def _along(folder: Path, given: Given) -> Surface | Plan:
    from landscape.recipes.run_dynamics import study_maker
    from landscape.study.run import run

    output, stall = given[OutputOptions], given[EndsMachine].stall
    check_stall(stall)
    return run(
        study_maker(folder, given),
        agree={"command": "dynamics", **agreed(given, DynamicsOptions, NetOptions, DataOptions, LossOptions, EndsMachine)},
        code=(given[NetOptions].model, given[DataOptions].data, given[LossOptions].loss),
        dry_run=output.dry_run,
        quiet=output.quiet,
        stall=stall,
    )  # fmt: skip
