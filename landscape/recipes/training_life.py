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
from landscape.recipes.training_job import Clock, TrainingJob
from landscape.training.reporter import Reporter, heard
from landscape.training.run_folder import RunFolder
from landscape.training.trainer import own_chance

EPOCH, END = "epoch", "end"


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
    life, trainer = _Life(job, every), job.trainer
    with own_chance(trainer.device), heard() as stop:
        life.begin(overwrite=overwrite)
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
        return life.finish()


class _Life:
    """The rows of a run, and what is written after which step."""

    def __init__(self, job: TrainingJob, every: Mapping[str, int]) -> None:
        self.job, self.trainer, self.folder = job, job.trainer, RunFolder(job.out)
        self.every, self.rows, self._clock = every, [], Clock()

    def begin(self, *, overwrite: bool) -> None:
        state = self.folder.open(self.job.config, self.job.decides, overwrite=overwrite)
        if state is None:
            self.row({})
            self.save()
            return
        self.rows = list(state["rows"])
        self.trainer.restore(state)
        self._clock.add(state["seconds"])

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
        facts |= self.job.test(trainer.model) if self.job.test else {}
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
        metrics = self.folder.final_metrics() or self.job.final_metrics()
        self.folder.net(None, self.trainer.model.state_dict(), self.job.meta(metrics))
        return Run(self.folder.path, self.trainer.model.eval(), self.rows, metrics)

    def check_finite(self) -> None:
        """Nothing is kept of a net that is lost: the state on disk stays one that can be looked at.

        Raises:
            EvaluationError: the loss since the last row, or its gradient, is not finite.
        """
        trainer = self.trainer
        loss, norm = (float(trainer.sums.get(name, 0.0)) for name in ("loss", "norms"))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            what = "loss" if not math.isfinite(loss) else "gradient"
            raise EvaluationError(
                f"the training {what} is not finite any more at step {trainer.step} (lr {trainer.lr:.3g}); take a lower --lr, "
                "limit the gradient with --clip 1, or rise more slowly with --warmup"
            )

    def _is_due(self, name: str) -> bool:
        interval = self.every[name] or self.job.steps_per_epoch
        return interval > 0 and self.trainer.step % interval == 0
