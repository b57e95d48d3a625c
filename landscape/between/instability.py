"""Instability analysis: one training run is copied at several steps, and each copy goes on with another order of the data.

Owns: the trunk, the branches as run folders, and the pairs of nets whose barriers are measured. A net is stable to the noise of
SGD from the step on at which the barrier between two copies vanishes (Frankle et al. 2020, arXiv:1912.05671). Step k of a run is
a function of the state before it, so a branch is a run that begins with the trunk's state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.callables import explain
from landscape.checkpoint import torch_file
from landscape.checkpoint.save import write_whole
from landscape.errors import AnotherRun, CheckpointError, Interrupted, LandscapeError, UsageError
from landscape.surfaces.same_run import CODE, difference
from landscape.sweep.progress import note
from landscape.training.job import TrainingJob
from landscape.training.loader import reseeded
from landscape.training.reporter import Reporter, graceful_stop
from landscape.training.run import ONLY_ENDS, run_training
from landscape.training.run_folder import FINAL
from landscape.training.seeding import isolated_rng
from landscape.training.settings import differences

# The folder of the run that is copied.
TRUNK = "trunk"
# How a job is made for a folder and a seed of order and augmentation.
MakeJob = Callable[[Path, int], TrainingJob]


def branching_steps(at: Sequence[Any], steps: int) -> list[int]:
    """The steps at which the run is copied, from whole numbers and shares such as "5%".

    Raises:
        UsageError: another form, or not before the last step.
    """
    if not steps:
        raise UsageError("epochs 0: a run without steps cannot be copied; give --epochs above 0")
    found = set()
    for each in at:
        text = str(each).strip()
        try:
            step = round(float(text[:-1]) / 100 * steps) if text.endswith("%") else int(text)
        except (ValueError, OverflowError):
            step = -1
        if not 0 <= step < steps:
            raise UsageError(
                f"at '{text}': expected a step from 0 to {steps - 1}, or a share of the {steps} steps below 100 %, such as 5%"
            )
        found.add(step)
    if not found:
        raise UsageError("at: expected one or more steps or shares, such as 0,2%,10%")
    return sorted(found)


def trained(
    make: MakeJob, out: Path, at: Sequence[Any], copies: int, seed: int, *, overwrite: bool, quiet: bool
) -> tuple[list[int], list[list[Path]]]:
    """(branching steps, for each the trained nets of its copies); what a stopped command has trained is used.

    Raises:
        LandscapeError: bad input, a folder of another run, a loss that is not finite. Interrupted: it can go on.
    """
    trunk = make(out / TRUNK, seed)
    steps = branching_steps(at, trunk.trainer.steps)
    try:
        (out / TRUNK).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LandscapeError(f"output {out}: {error.strerror or error}; give a folder for all runs") from error
    states = _states(trunk, out, steps, overwrite=overwrite, quiet=quiet)
    nets = []
    for step, state in zip(steps, states, strict=True):
        trained_here = []
        for copy in range(1, copies + 1):
            folder = out / f"step_{step:07d}" / f"copy_{copy}"
            job = make(folder, seed + copy)
            job.config["branch"] = {"step": step, "of_seed": seed}
            job.decides.append("branch")
            # the trunk's samples and wrong labels: what a user's data or label noise draw would be others under another seed
            job.trainer.loader = reseeded(trunk.trainer.loader, seed + copy)
            job.trainer.restore(state())
            job.trainer.sums = {}
            _train_copy(job, f"copy {copy} of {copies} from step {step} on", overwrite=overwrite, quiet=quiet)
            trained_here.append(folder / FINAL)
        nets.append(trained_here)
    return steps, nets


def _train_copy(job: TrainingJob, name: str, *, overwrite: bool, quiet: bool) -> None:
    """Trains a copy to its end, unless it is there."""
    done = (job.out / FINAL).exists() and not overwrite
    note(f"{name}: it is trained" if done else name, label=job.label, quiet=quiet)
    try:
        run_training(job, ONLY_ENDS, overwrite=overwrite, quiet=True)
    except Interrupted as stop:
        raise Interrupted(f"{stop}, in {name}") from None


def _states(
    job: TrainingJob, out: Path, steps: Sequence[int], *, overwrite: bool, quiet: bool
) -> list[Callable[[], dict[str, Any]]]:
    """For each step what reads the trunk's state there, after training it as far as the last of them."""
    places = [out / TRUNK / f"state_{step:07d}.pt" for step in steps]
    config = {name: job.config[name] for name in job.decides}
    pending = [k for k, place in enumerate(places) if overwrite or not place.exists()]
    if pending:
        first = min(steps[k] for k in pending)
        # also states that another --at has left
        there = [place for place in (out / TRUNK).glob("state_*.pt") if int(place.stem.rpartition("_")[2]) <= first]
        if there and not overwrite:
            job.trainer.restore(_read(max(there), config))
        with isolated_rng(job.trainer.device):
            _advance(job, dict(zip(steps, places, strict=True)), config, quiet)
    return [lambda place=place: _read(place, config) for place in places]  # type: ignore[misc]


def _advance(job: TrainingJob, places: Mapping[int, Path], config: Mapping[str, Any], quiet: bool) -> None:
    trainer, last = job.trainer, max(places)
    reporter = Reporter(last, trainer.step, trainer.work, label=f"{job.label} trunk", quiet=quiet)
    try:
        with graceful_stop() as stop:
            while True:
                if trainer.step in places:
                    write_whole(places[trainer.step], {**trainer.state(), "config": dict(config)})
                if trainer.step >= last:
                    return
                trainer.advance()
                reporter.step(job.samples_per_step)
                if stop.name:
                    raise Interrupted(f"stopped by {stop.name} after step {trainer.step} of the trunk's {last}")
    finally:
        reporter.close()


def _read(place: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """A state of the trunk.

    Raises:
        LandscapeError: unreadable, or of another run.
    """
    try:
        state, _ = torch_file.read(place)
        if not isinstance(state, dict) or not isinstance(state.get("config"), dict):
            raise CheckpointError("it is not the state of a run")
    except CheckpointError as error:
        raise LandscapeError(f"{place}: damaged ({explain(error)}); start again with --overwrite") from error
    there = state.pop("config")
    other = differences(there, {name: value for name, value in config.items() if name != CODE})
    if code := difference({CODE: there.get(CODE)}, {CODE: config.get(CODE)}):
        other.append(code)
    if other:
        raise AnotherRun(f"{place} is of another run ({other[0]}); give another -o, or --overwrite to start again")
    return state
