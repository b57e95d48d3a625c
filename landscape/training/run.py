"""A training run from its start or continuation to its end.

Owns: the loop around the trainer's steps, and the times at which metrics are logged and nets are saved. A run ends when
it is finished, when it is stopped, or when its loss is not finite.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from landscape.callables import explain
from landscape.data.split import Split, TensorSplit
from landscape.errors import EvaluationError, Interrupted, LandscapeError
from landscape.members import load_state, parameters_in, saved_state
from landscape.objective.described import Loss
from landscape.objective.loss import with_state
from landscape.objective.stored_loss import for_checkpoint
from landscape.randomness import seed_torch
from landscape.sweep.progress import note
from landscape.training.job import Stopwatch, TrainingJob
from landscape.training.preconditioner_files import write_preconditioner
from landscape.training.preconditioning import preconditioner_of
from landscape.training.reporter import Reporter, StopRequest, graceful_stop
from landscape.training.run_folder import STATE, RunFolder
from landscape.training.seeding import isolated_rng, seed_for

# A row of the log each epoch, and no nets but the first and the last.
ONLY_ENDS = {"save-every": -1, "log-every": 0}


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run: its folder, the trained net in eval mode, its loss, the rows of its log and the final metrics.

    `loss`: as training left it, to be passed on as `loss`: a copy of one that is a module and has changed, otherwise as given.
    """

    folder: Path
    model: nn.Module
    loss: str | Callable | Loss
    log: list[dict[str, Any]]
    metrics: dict[str, float]

    def __repr__(self) -> str:
        last = self.log[-1]["step"] if self.log else 0
        found = ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())
        return f"Run({self.folder}, {last} steps{found and ', '}{found})"


class Follower(Protocol):
    """What is done with each net of a run."""

    def begin(self, stopped: Callable[[], bool]) -> None:
        """Makes up for the nets that are there; ends early once the run is `stopped`."""

    def saved(self, step: int, path: Path) -> None:
        """The net of a step is in a file now."""

    def close(self) -> None:
        """The run is over, or stopped."""


def run_training(
    job: TrainingJob,
    every: Mapping[str, int],
    *,
    overwrite: bool,
    quiet: bool,
    follow: Callable[[Path], Follower] | None = None,
    preconditioners: bool = False,
) -> Run:
    """Trains to the end, from the start or from the state in the run folder.

    `every`: the interval in steps of rows ("log-every") and of saved nets ("save-every"); 0 means an epoch, -1 never.
    `follow`: makes what follows the run in a folder, when that has its first net. `preconditioners`: each net is saved with that
    of the optimizer, which has one.

    Raises:
        LandscapeError: the folder holds another run, or the loss is not finite.
        Interrupted: Ctrl-C or SIGTERM.
    """
    recorder = _Recorder(job, every, preconditioners)
    try:
        with isolated_rng(job.trainer.device):
            recorder.begin(overwrite=overwrite)
            for text in (*recorder.folder.notes, *_standing(job)):
                note(text, label=job.label, quiet=quiet)
            recorder.follower = follow(recorder.folder.path) if follow else None
            with graceful_stop() as stop:
                _catch_up(job, recorder, stop)
                _train(job, recorder, stop, quiet)
            return recorder.finish()
    finally:
        recorder.close()


def _standing(job: TrainingJob) -> list[str]:
    """A line where a run goes on, or is done."""
    step, steps = job.trainer.step, job.trainer.steps
    if step == 0:
        return []
    return [f"step {step} of {steps} is in {job.out}; " + ("the run goes on" if step < steps else "the run is done")]


def _catch_up(job: TrainingJob, recorder: _Recorder, stop: StopRequest) -> None:
    """Before the first step, for what follows the run; only now can a stop be answered without a loss."""
    if recorder.follower:
        recorder.follower.begin(lambda: stop.name is not None)
    if stop.name:
        raise _interrupted(job, stop)


def _interrupted(job: TrainingJob, stop: StopRequest) -> Interrupted:
    return Interrupted(f"stopped by {stop.name} after step {job.trainer.step} of {job.trainer.steps}")


def _train(job: TrainingJob, recorder: _Recorder, stop: StopRequest, quiet: bool) -> None:
    trainer = job.trainer
    reporter = Reporter(trainer.steps, trainer.step, trainer.work, label=job.label, quiet=quiet)
    try:
        while trainer.step < trainer.steps:
            trainer.advance()
            reporter.step(job.samples_per_step)
            if reporter.is_due():
                reporter.report(trainer.step, trainer.epoch, trainer.sums, trainer.lr)
            recorder.after_step(reporter)
            if stop.name:
                recorder.check_finite()
                recorder.keep()
                raise _interrupted(job, stop)
    finally:
        reporter.close()


def _odd_sample(split: Split) -> int | None:
    """The number of the first sample with inputs that are not finite; None where there is none, or they cannot be looked at."""
    inputs = split.inputs if isinstance(split, TensorSplit) else None
    if inputs is None or not (inputs.is_floating_point() or inputs.is_complex()):
        return None
    odd = (~inputs.isfinite()).flatten(1).any(1) if inputs.ndim > 1 else ~inputs.isfinite()
    return int(odd.nonzero()[0]) if bool(odd.any()) else None


class _Recorder:
    """Writes the log, the nets and the state of a run when they are due."""

    def __init__(self, job: TrainingJob, every: Mapping[str, int], preconditioners: bool) -> None:
        self.job, self.trainer, self.folder = job, job.trainer, RunFolder(job.out)
        self.every, self._stopwatch, self._preconditioners = every, Stopwatch(), preconditioners
        self.rows: list[dict[str, Any]] = []
        self.follower: Follower | None = None

    def begin(self, *, overwrite: bool) -> None:
        """Starts from the initial weights, or continues from the state in the folder."""
        trainer, state = self.trainer, self.folder.open(self.job.config, self.job.decides, overwrite=overwrite)
        if state is not None:
            self.rows = self._restored(state)
            self._stopwatch.add(state["seconds"])
            self.folder.log(self.rows)  # the file may have been edited, or lack the last row
        elif final := self.folder.final():  # finished, and the state was deleted
            load_state(trainer.model, final.state_dict)
            trainer.step = trainer.steps
        else:
            self.row({})
            self.save()

    def _restored(self, state: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a state, after taking over everything else."""
        try:
            self.trainer.restore(dict(state))
            return [dict(row) for row in state["rows"]]
        except Exception as error:  # torch and dict have many types of errors for parts that do not fit
            raise LandscapeError(
                f"{self.folder.path / STATE}: is not the state of this run ({explain(error)}); start again with --overwrite"
            ) from error

    def after_step(self, reporter: Reporter) -> None:
        """Writes the row and the net that are due, and the state with them."""
        last = self.trainer.step == self.trainer.steps
        logs, saves = (last or self._is_due(name) for name in ("log-every", "save-every"))
        if not (logs or saves or self.folder.is_due()):
            return
        self.check_finite()
        if logs:
            reporter.report_row(self.row(self.trainer.pop_means()))
        if saves:
            self.save()
        else:
            self.keep()

    def row(self, means: Mapping[str, float]) -> dict[str, Any]:
        """Appends a row: the means since the last row, and the metrics on the test split."""
        trainer = self.trainer
        facts = {"step": trainer.step, "epoch": round(trainer.epoch, 6), "lr": trainer.lr, **means}
        seed_torch(seed_for(trainer.settings.seed, "test", trainer.step), trainer.device)
        facts |= self.job.tester.test(trainer.model)
        self.rows.append({**facts, "seconds": round(self._stopwatch.seconds(), 3)})
        return self.rows[-1]

    def save(self) -> None:
        """Saves the net of this step with its metrics, and the state."""
        row = self.rows[-1] if self.rows and self.rows[-1]["step"] == self.trainer.step else {}
        known = {name: value for name, value in row.items() if name.startswith(("train_", "test_"))}
        if self._preconditioners:
            found = preconditioner_of(self.trainer.optimizer, self.trainer.model, self.trainer.lr)
            write_preconditioner(self.folder.path, self.trainer.step, found)
        path = self._net(self.trainer.step, known)
        self.keep()
        if self.follower:
            self.follower.saved(self.trainer.step, path)

    def _net(self, step: int | None, metrics: Mapping[str, float]) -> Path:
        trainer = self.trainer
        return self.folder.net(
            step, saved_state(trainer.model), self.job.meta(dict(metrics)), for_checkpoint(trainer.measure)
        )

    def keep(self) -> None:
        """Saves everything that the next step depends on."""
        self.folder.keep({**self.trainer.state(), "seconds": self._stopwatch.seconds()}, self.rows)

    def finish(self) -> Run:
        """Saves the trained net with its metrics on all data in eval mode."""
        if final := self.folder.final():
            known, state = final.meta.get("metrics"), final.loss_state
            metrics = known if isinstance(known, dict) else {}
        else:
            metrics, state = self.job.tester.all(self.trainer.model), for_checkpoint(self.trainer.measure)
            self._net(None, metrics)
        self.trainer.model.eval()
        return Run(self.folder.path, self.trainer.model, self._loss(state), self.rows, metrics)

    def _loss(self, state: Sequence[Any]) -> str | Callable | Loss:
        """As it was given, where a file's state is that of another."""
        with contextlib.suppress(ValueError, LandscapeError):
            return with_state(self.job.loss, state)
        return self.job.loss

    def close(self) -> None:
        """Lets others write in the folder."""
        try:
            if self.follower:
                self.follower.close()
        finally:
            self.folder.close()

    def check_finite(self) -> None:
        """Called before anything is saved, so that the state on disk stays finite.

        Raises:
            EvaluationError: the loss since the last row, its gradient, or a weight is not finite.
        """
        trainer = self.trainer
        found = {
            "training loss is": trainer.sums.get("loss", 0.0),
            "training gradient is": trainer.sums.get("norms", 0.0),
        }
        found["weights are"] = nn.utils.get_total_norm([p.detach() for p in parameters_in(trainer.model)])
        if what := next((name for name, value in found.items() if not math.isfinite(float(value))), None):
            if (bad := _odd_sample(self.job.tester.splits["train"])) is not None:
                raise EvaluationError(
                    f"the {what} not finite at step {trainer.step}: training sample {bad} holds NaN or inf; leave it out"
                )
            raise EvaluationError(
                f"the {what} not finite any more at step {trainer.step} (lr {trainer.lr:.3g}); take a lower --lr, "
                "limit the gradient with --clip 1, or rise more slowly with --warmup"
            )

    def _is_due(self, name: str) -> bool:
        interval = self.every[name] or self.job.steps_per_epoch
        return interval > 0 and self.trainer.step % interval == 0
