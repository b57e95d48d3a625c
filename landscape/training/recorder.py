"""A recorder for training loops of others: the run folder that `trajectory`, `plot` and `info` read.

Owns: when nets are saved, when rows are written, and what they hold. The files are those of recorded_folder.py.
"""

from __future__ import annotations

import json
import math
import numbers
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from landscape.errors import UsageError
from landscape.members import saved_state
from landscape.options.option import check_whole, shown
from landscape.options.values import named_path
from landscape.subject.modules import bare
from landscape.training.preconditioner_files import write_preconditioner
from landscape.training.preconditioning import check_adaptive, preconditioner_of
from landscape.training.recorded_folder import RecordedFolder
from landscape.training.run_folder import FINAL

if TYPE_CHECKING:
    from types import TracebackType

# Columns that are of neither training nor test data.
AS_GIVEN = ("lr", "gradient_norm")
# What a checkpoint says of its net and data, so that later commands need no options.
KNOWN = ("model", "data", "data_root", "normalize", "loss")


class Recorder:
    """Saves the nets and the metrics of a training loop.

    >>> recorder = ll.Recorder("runs/mine", model, every=100)  # doctest: +SKIP
    >>> for batch in loader:  # doctest: +SKIP
    ...     loss = training_step(batch)
    ...     recorder.step(loss=loss)
    >>> recorder.finish()  # doctest: +SKIP

    The first net is saved at once, then every `every` steps, and in `finish` the last one, as FOLDER/checkpoints/step_N.pt and
    FOLDER/final.pt. At the same steps FOLDER/log.csv gets a row with the means of the metrics since the row before. Under
    torch.distributed only rank 0 writes. Used as a context manager, it finishes by itself.
    `ll.lightning_callback(recorder)` and `ll.transformers_callback(recorder)` do all of this in their trainers.
    """

    def __init__(
        self,
        folder: str | Path,
        model: nn.Module | None = None,
        *,
        every: int = 100,
        about: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        append: bool = False,
        optimizer: torch.optim.Optimizer | None = None,
    ):
        """
        Args:
            folder: the run folder, which is made.
            model: the net that is trained; None if `begin` gets it before the first step.
            every: steps between two saved nets.
            about: what the checkpoints say of the run, plain values. `model`, `data`, `normalize` and `loss` are specs as in the
                shell, such as "net.py:build"; later commands then need no options for them.
            overwrite: remove the run that the folder holds. append: go on with it, after its last saved net.
            optimizer: an adaptive one, whose preconditioner is saved with each net (as many bytes as the parameters in float32):
                `landscape dynamics` needs it for the preconditioned curvature.

        Raises:
            UsageError: the folder holds a run, or other files, or another recorder writes there; the optimizer is not adaptive.
                LandscapeError: it cannot be written.
        """
        check_whole("every", every, 1)
        if optimizer is not None:
            check_adaptive(type(optimizer))
        if overwrite and append:
            raise UsageError("overwrite and append exclude each other; drop one")
        try:
            json.dumps(dict(about or {}))
        except (TypeError, ValueError) as error:
            raise UsageError(f"about: expected plain values such as texts and numbers ({error})") from None
        self.folder, self.every, self.steps = named_path("folder", folder), every, 0
        self._files, self._optimizer = RecordedFolder(self.folder), optimizer
        self._about, self._overwrite, self._append = dict(about or {}), overwrite, append
        self._sums: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._rows: list[dict[str, Any]] = []
        self._model: nn.Module | None = None
        self._last: tuple[dict[str, Any], dict[str, int]] = ({}, {})
        self._begun = self._finished = False
        self._writes, self._saved, self._started, self._before = True, -1, time.monotonic(), 0.0
        if model is not None:
            self.begin(model)

    def begin(self, model: nn.Module, step: int | None = None) -> None:
        """Opens the folder and saves the net before its first step; for a net that the constructor did not get.

        `step`: where a trainer goes on, which drops what was recorded after it.
        """
        self._model = model
        if self._begun:
            return
        self._begun, self._writes, self._started = True, _is_first(), time.monotonic()
        if self._writes:
            about = {**self._about, "save_every": self.every}
            found = self._files.open(about, overwrite=self._overwrite, append=self._append, at=step)
            self.steps, self._rows = found
            self._before = float(self._rows[-1].get("seconds", 0.0)) if self._rows else 0.0
            self._saved = self.steps if self.steps else -1
        self.steps = max(self.steps, step or 0)
        if not (self._append and self.steps):
            self._save()

    def step(self, model: nn.Module | None = None, *, step: int | None = None, **metrics: Any) -> None:
        """Counts a step of training, after the optimizer's; `metrics` are numbers or tensors with one value.

        A metric without `train_` or `test_` before its name is one of training. `step`: its number, if not the next one.

        Raises:
            LandscapeError: a file cannot be written. UsageError: no model, a step that does not rise, or a metric that is not one
                number.
        """
        self._check_begun()
        if model is not None and not isinstance(model, nn.Module):
            raise UsageError(f"model {shown(model)}: expected a torch.nn.Module")
        if self._finished:
            raise UsageError("finish() has ended this run; to go on, make a Recorder with append=True")
        number = self.steps + 1 if step is None else step
        if not isinstance(number, numbers.Integral) or isinstance(number, bool) or number <= self.steps:
            raise UsageError(f"step {shown(step)}: expected a whole number above {self.steps}, that of the step before")
        self._model = self._model if model is None else model
        self.steps, self._last = int(number), ({}, {})
        self._add_all(metrics)
        if self.steps - max(self._saved, 0) >= self.every:
            self._row()
            self._save()

    def log(self, **metrics: Any) -> None:
        """Metrics of the net as it is now, such as those of a test: they come into the row of this step, or into the next one."""
        self._check_begun()
        self._add_all(metrics)
        if self._rows and self._rows[-1]["step"] == self.steps and self.steps:
            self._row()

    def finish(self) -> Path:
        """Saves the last net as FOLDER/final.pt, with the rest of the metrics; returns its path."""
        self._check_begun()
        if not self._finished:
            self._finished = True
            if self._sums:
                self._row()
            if self._writes:
                self._files.save(None, self._weights(), self._meta())
                self._files.close()
        return self.folder / FINAL

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
        self._files.close()

    def _check_begun(self) -> None:
        if not self._begun:
            raise UsageError(
                "no net yet: pass it to Recorder(folder, model), or call begin(model) before the first step"
            )

    def _add_all(self, metrics: Mapping[str, Any]) -> None:
        for name, value in metrics.items():
            own = name in AS_GIVEN or name.startswith(("train_", "test_"))
            self._add(name if own else f"train_{name}", value)

    def _add(self, name: str, value: Any) -> None:
        """Without waiting for a GPU."""
        given = value
        if isinstance(value, Tensor) and not value.is_complex():
            if value.numel() != 1:
                raise UsageError(f"metric {name} of shape {tuple(value.shape)}: expected one number, such as its mean")
            value = value.detach().reshape(()).double()
        else:
            try:
                value = float(value) if not isinstance(value, (str, Tensor)) else None
            except (TypeError, ValueError):
                value = None
            if value is None:
                raise UsageError(f"metric {name} {shown(given)}: expected one real number")
        if name == "lr":  # the rate of the last step, not a mean
            self._sums[name], self._counts[name] = value, 1
            for known in self._last:
                known.pop(name, None)
            return
        self._sums[name] = self._sums.get(name, 0.0) + value
        self._counts[name] = self._counts.get(name, 0) + 1

    def _row(self) -> None:
        """The means since the row before; more of the same step join that row."""
        sums, counts = self._last
        for name, total in self._sums.items():
            sums[name], counts[name] = sums.get(name, 0.0) + total, counts.get(name, 0) + self._counts[name]
        self._sums, self._counts, self._last = {}, {}, (sums, counts)
        means = {name: float(total) / counts[name] for name, total in sums.items()}
        seconds = self._before + time.monotonic() - self._started
        same = self._rows.pop() if self._rows and self._rows[-1]["step"] == self.steps else {}
        self._rows.append({**same, "step": self.steps, **means, "seconds": round(seconds, 3)})
        if self._writes:
            self._files.log(self._rows)

    def _save(self) -> None:
        if self._writes and self.steps != self._saved:
            if self._optimizer is not None and self._model is not None:
                found = preconditioner_of(self._optimizer, bare(self._model))
                write_preconditioner(self.folder, self.steps, found)
            self._files.save(self.steps, self._weights(), self._meta())
            self._saved = self.steps

    def _weights(self) -> dict[str, Tensor]:
        assert self._model is not None  # begin has set it
        state = saved_state(bare(self._model))
        return {name: value for name, value in state.items() if isinstance(value, Tensor)}

    def _meta(self) -> dict[str, Any]:
        known = {name: self._about[name] for name in KNOWN if self._about.get(name) is not None}
        row = self._rows[-1] if self._rows and self._rows[-1]["step"] == self.steps else {}
        metrics = {
            name: value for name, value in row.items() if name not in ("step", "seconds") and math.isfinite(value)
        }
        return {**known, "step": self.steps, "metrics": metrics}


def _is_first() -> bool:
    """Whether this process is the one that writes, among those of torch.distributed or torchrun."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank() == 0
    return os.environ.get("RANK", "0") == "0"
