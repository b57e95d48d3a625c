"""What `landscape dynamics` and `landscape train --track` measure along one run, as a study.

Owns: the settings that follow from the run: its batch size, its rates and thresholds, and the measures that its data allow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from landscape.curvature.preconditioned import Preconditioner
from landscape.curvature.stability import threshold_of
from landscape.data.picking import can_pick
from landscape.errors import UsageError
from landscape.grid import MAX_POINTS
from landscape.measurement.dynamics import Dynamics
from landscape.measurement.dynamics_settings import LEAST, PICKING, PRECONDITIONED, RELATIVE, DynamicsSettings
from landscape.measurement.ends import EndsSettings
from landscape.objective.attack import check_curvature
from landscape.options.groups import LossOptions, OutputOptions
from landscape.options.option import Given, check_choices, check_whole, shown
from landscape.quantity import DYNAMICS
from landscape.recipes.added import EndsMachine
from landscape.recipes.dynamics import DynamicsOptions
from landscape.recipes.hessian import ends_of
from landscape.study.extend import Extended
from landscape.study.extension import ExtensionStudy
from landscape.study.own_samples import is_count
from landscape.surfaces.run_log import CONFIG, is_run_folder, read_config
from landscape.sweep.world import World
from landscape.training.preconditioner_files import keeps_preconditioners, read_preconditioner
from landscape.training.run_rates import rate_of_run

USUAL_BATCH = 128
OTHER = {"train": "test", "test": "train"}
MOVED = ("model", "entry", "data", "data_root", "loss", "trust", "device", "batch_size", "threads")


def study_maker(
    folder: Path, given: Given, *, own_data: bool = False, least: int = 2
) -> Callable[[World], ExtensionStudy]:
    """World -> the study of a run with the options of `landscape dynamics`.

    `own_data`: those given are the run's own. `least`: nets that it must have.

    Raises:
        UsageError: not a run, or an option without meaning.
    """
    asked, machine, output = given[DynamicsOptions], given[EndsMachine], given[OutputOptions]
    if not is_run_folder(folder):
        raise UsageError(f"run {folder}: expected a run folder, as landscape train or ll.Recorder writes it")
    ends = EndsSettings(tolerance=asked.tolerance, index=asked.index).checked()
    check_choices(asked)
    check_whole("every", asked.every, 1, MAX_POINTS)
    check_curvature(given[LossOptions].attack)
    config, rates = _run_facts(folder, asked.lr)
    settings = DynamicsSettings(
        measures=asked.chosen, batch_size=_batch(asked, config), batches=asked.batches,
        stiff_samples=asked.stiff_samples, seed=asked.seed, lr=asked.lr,
    ).checked()  # fmt: skip
    _check_preconditioned(folder, given)
    ignore = asked.ignore if asked.ignore is not None or asked.only is not None else "none"

    moved = given.stated(MOVED)

    def measure(of: Extended, world: World) -> Dynamics:
        goes_on = None if output.overwrite else DYNAMICS
        whole = ends_of(of, ends, usual="none", products=asked.products, search=asked.search, loss=None, group=goes_on)
        chosen = settings if given.stated(["measures"]) else _allowed(settings, of.subject.objective, folder)
        return Dynamics(
            of.subject, of.slice, whole, chosen, rates, of.others, lambda step: _preconditioner(folder, step)
        )

    return lambda world: ExtensionStudy(
        folder, DYNAMICS, measure, world, given=moved, split=asked.split, precision=machine.precision,
        counted=(asked.only, ignore), every=asked.every, samples=asked.samples,
        wants=bool(given.stated(["samples"])), overwrite=output.overwrite, least=least,
        also=[OTHER[asked.split]] if RELATIVE in asked.chosen else (), own_data=own_data,
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
        return USUAL_BATCH if not is_count(known) else int(known)  # type: ignore[arg-type]
    if not is_count(known):
        raise UsageError(
            f"the run's config.json has batch_size {shown(known)}: expected a whole number of at least 1; give --train-batch N"
        )
    return int(known)


def _check_preconditioned(folder: Path, given: Given) -> None:
    """Raises UsageError where preconditioned curvature is asked for by name, and the run keeps no preconditioners."""
    wanted = given.stated(["measures"]) and PRECONDITIONED in given[DynamicsOptions].chosen
    if wanted and not keeps_preconditioners(folder):
        raise UsageError(
            f"preconditioned: {folder} keeps no preconditioners of its optimizer; train with --save-preconditioner (or "
            "ll.Recorder(..., optimizer=...)), or leave it out of --measures"
        )


def _preconditioner(folder: Path, step: float) -> Preconditioner | None:
    return read_preconditioner(folder, int(step))


def _allowed(settings: Any, objective: Any, folder: Path) -> Any:
    """By default without what needs a class for each sample, samples that can be picked, more of them than there are, or a
    preconditioner that the run does not keep.
    """
    split = next(iter(objective.splits.values()))
    targets = split.targets
    classes = targets is not None and targets.ndim == 1 and not targets.is_floating_point()
    left_out = (set() if classes else {"stiffness"}) | ({"covariance"} if split.size < LEAST else set())
    left_out |= set() if can_pick(split) else set(PICKING)
    left_out |= set() if keeps_preconditioners(folder) else {PRECONDITIONED}
    return replace(settings, measures=tuple(name for name in settings.measures if name not in left_out))


def _run_facts(folder: Path, lr: float | None) -> tuple[dict[str, Any], Callable[[float], tuple[float, float]]]:
    """(the settings of a run, step -> its learning rate and stability threshold, NaN where they are not known)."""
    if lr is not None and not 0 < lr < float("inf"):
        raise UsageError(f"lr {lr:g}: expected a learning rate above 0, such as 0.1")
    config = read_config(folder / CONFIG) if (folder / CONFIG).exists() else {}

    def rates(step: float) -> tuple[float, float]:
        rate = rate_of_run(folder, config)(step) if lr is None else lr  # a run that goes on has a longer log each time
        found = threshold_of(config, rate) if rate > 0 else None
        return rate, float("nan") if found is None else found

    return config, rates
