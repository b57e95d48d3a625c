"""The life of a training run: what is trained, looked at, logged and kept, and when.

Owns: the loop around the trainer's steps, beginning anew or going on, and the end: finished, stopped, or a loss that is
no number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from landscape.errors import EvaluationError, Interrupted
from landscape.training.chance import own_chance, seed_for, seed_globals
from landscape.training.job import Clock, TrainingJob
from landscape.training.reporter import Reporter, Stop, heard
from landscape.training.run_folder import RunFolder


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run: its folder, the trained net (in eval mode), the rows of its log and the final metrics."""

    folder: Path
    model: nn.Module
    log: list[dict[str, Any]]
    metrics: dict[str, float]


def live(job: TrainingJob, every: Mapping[str, int], *, overwrite: bool, quiet: bool) -> Run:
    """Trains to the end, from the beginning or from where the folder's run was left.

    `every`: steps between two rows ("log-every") and two nets ("save-every"); 0 stands for an epoch, -1 for never.

    Raises:
        LandscapeError: another run in the folder, or a loss that is not finite. Interrupted: Ctrl-C or SIGTERM.
    """
    life = _Life(job, every)
    try:
        with own_chance(job.trainer.device):
            life.begin(overwrite=overwrite)
            with heard() as stop:
                _train(job, life, stop, quiet)
            return life.finish()
    finally:
        life.folder.close()


def _train(job: TrainingJob, life: _Life, stop: Stop, quiet: bool) -> None:
    trainer = job.trainer
    reporter = Reporter(trainer.steps, trainer.step, trainer.work, label=job.label, quiet=quiet)
    try:
        while trainer.step < trainer.steps:
            trainer.advance()
            reporter.step(job.samples_per_step)
            if reporter.is_due():
                reporter.say(trainer.step, trainer.epoch, trainer.sums, trainer.lr)
            life.after_step(reporter)
            if stop.name:
                life.check_finite()
                life.keep()
                raise Interrupted(f"stopped by {stop.name} after step {trainer.step} of {trainer.steps}")
    finally:
        reporter.close()


class _Life:
    """The rows of a run, and what is written after which step."""

    def __init__(self, job: TrainingJob, every: Mapping[str, int]) -> None:
        self.job, self.trainer, self.folder = job, job.trainer, RunFolder(job.out)
        self.every, self.rows, self._clock = every, [], Clock()

    def begin(self, *, overwrite: bool) -> None:
        """From the first weights, or from where the folder's run was left."""
        trainer, state = self.trainer, self.folder.open(self.job.config, self.job.decides, overwrite=overwrite)
        if state is not None:
            self.rows = list(state["rows"])
            trainer.restore(state)
            self._clock.add(state["seconds"])
            self.folder.log(self.rows)  # it may have been edited, or be one row behind
        elif final := self.folder.final():  # finished, and the state thrown away
            trainer.model.load_state_dict(final.state_dict)
            trainer.step = trainer.steps
        else:
            self.row({})
            self.save()

    def after_step(self, reporter: Reporter) -> None:
        """Rows and nets that are due now, and the state with them."""
        last = self.trainer.step == self.trainer.steps
        logs, saves = (last or self._is_due(name) for name in ("log-every", "save-every"))
        if not (logs or saves or self.folder.is_due()):
            return
        self.check_finite()
        if logs:
            reporter.row(self.row(self.trainer.drain()))
        if saves:
            self.save()
        else:
            self.keep()

    def row(self, means: Mapping[str, float]) -> dict[str, Any]:
        """A new row: the means since the last one, and the test split as it is now."""
        trainer = self.trainer
        facts = {"step": trainer.step, "epoch": round(trainer.epoch, 6), "lr": trainer.lr, **means}
        seed_globals(trainer.device, seed_for(trainer.settings.seed, "test", trainer.step))
        facts |= self.job.tester.test(trainer.model)
        self.rows.append({**facts, "seconds": round(self._clock.seconds(), 3)})
        return self.rows[-1]

    def save(self) -> None:
        """The net of this step, with what is known of it, and the state."""
        row = self.rows[-1] if self.rows and self.rows[-1]["step"] == self.trainer.step else {}
        known = {name: value for name, value in row.items() if name.startswith(("train_", "test_"))}
        self.folder.net(self.trainer.step, self.trainer.model.state_dict(), self.job.meta(known))
        self.keep()

    def keep(self) -> None:
        """All that the next step depends on."""
        self.folder.keep({**self.trainer.state(), "seconds": self._clock.seconds()}, self.rows)

    def finish(self) -> Run:
        """The trained net, with its metrics on all data in eval mode."""
        if final := self.folder.final():
            metrics = final.meta["metrics"]
        else:
            metrics = self.job.tester.all(self.trainer.model)
            self.folder.net(None, self.trainer.model.state_dict(), self.job.meta(metrics))
        return Run(self.folder.path, self.trainer.model.eval(), self.rows, metrics)

    def check_finite(self) -> None:
        """Nothing is kept of a net that is lost: the state on disk stays one that can be looked at.

        Raises:
            EvaluationError: the loss since the last row, its gradient, or a weight is not finite.
        """
        trainer = self.trainer
        found = {"loss": trainer.sums.get("loss", 0.0), "gradient": trainer.sums.get("norms", 0.0)}
        found["weights"] = nn.utils.get_total_norm([p.detach() for p in trainer.model.parameters()])
        if what := next((name for name, value in found.items() if not math.isfinite(float(value))), None):
            raise EvaluationError(
                f"the training {what} is not finite any more at step {trainer.step} (lr {trainer.lr:.3g}); take a lower --lr, "
                "limit the gradient with --clip 1, or rise more slowly with --warmup"
            )

    def _is_due(self, name: str) -> bool:
        interval = self.every[name] or self.job.steps_per_epoch
        return interval > 0 and self.trainer.step % interval == 0
