"""The folder of a recorded run: its files, and what becomes of one that holds a run already.

Owns: the rules on overwriting and going on, and the writing of the log. The files are those of run_folder.py, without the state
that `landscape train` continues from. When something is saved is the business of recorder.py.
"""

from __future__ import annotations

import json
import os
import secrets
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from landscape.atomic import whole_file
from landscape.checkpoint.checkpoint import load_checkpoint
from landscape.checkpoint.save import save_checkpoint
from landscape.errors import LandscapeError, UsageError
from landscape.surfaces.run_log import CONFIG, LOG, load_run, read_config
from landscape.training.folder_lock import FolderLock
from landscape.training.preconditioner_files import remove_preconditioners
from landscape.training.run_folder import FINAL, clear, is_empty, net_of, nets_in, table, tidy

# The recorders of this process by their folders, which are absolute.
_OPEN: weakref.WeakValueDictionary[Path, RecordedFolder] = weakref.WeakValueDictionary()


class RecordedFolder:
    """The files of one recorded run."""

    def __init__(self, path: Path):
        self.path, self._lock, self._lost = path, FolderLock(path), False
        self._before: RecordedFolder | None = None
        """The one whose place this one has taken, until it is certain that it can."""

    def open(
        self, about: Mapping[str, Any], *, overwrite: bool, append: bool, at: int | None
    ) -> tuple[int, list[dict]]:
        """Makes the folder, or takes one; returns the last step and the rows of what goes on.

        `about`: plain values for the configuration. `at`: the step at which a trainer goes on; what comes after it is dropped.

        Raises:
            UsageError: it holds a run and neither `overwrite` nor `append` is given, or other files.
            LandscapeError: it cannot be written, or another writes there.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._take(over=overwrite or append)
            known = (self.path / CONFIG).exists()
            self._check(known, overwrite=overwrite, append=append)
            # nothing but this mark tells two recordings in one folder apart
            mark = secrets.token_hex(8)
            steps, rows = 0, list[dict]()
            if known and overwrite:
                clear(self.path)
            if known and append:
                same, before = read_config(self.path / CONFIG)["recorded"], set(nets_in(self.path))
                steps, rows = self._resume(at)
                if before <= set(
                    nets_in(self.path)
                ):  # else others come at these steps: what was measured is of those before
                    mark = same
            tidy(self.path)
            with whole_file(self.path / CONFIG) as scratch:
                scratch.write_text(json.dumps({**about, "recorded": mark}, indent=2) + "\n")
        except OSError as error:
            self._give_back()
            raise LandscapeError(f"cannot write {self.path}: {error.strerror or error}; give another folder") from error
        except LandscapeError:
            self._give_back()
            raise
        self._before = None
        return steps, rows

    def close(self) -> None:
        """Unlocks the folder."""
        self._lock.release()

    def save(self, step: int | None, weights: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Path:
        """Saves the net of a step, or (None) the last one."""
        self._check_ours()
        path = self.path / FINAL if step is None else net_of(self.path, step)
        save_checkpoint(path, weights, meta)
        return path

    def log(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes the log; missing values are empty."""
        self._check_ours()
        try:
            with whole_file(self.path / LOG) as scratch:
                scratch.write_text(table(rows, ("step",), ("seconds",)))
        except OSError as error:
            raise LandscapeError(f"cannot write {self.path / LOG}: {error.strerror or error}") from error

    def _give_back(self) -> None:
        """After a refusal: the folder is again that of the recorder that had it."""
        self.close()
        other, self._before = self._before, None
        if other is not None and other._lock.take():
            other._lost, _OPEN[self.path.resolve()] = False, other

    def _take(self, *, over: bool) -> None:
        """`over`: from a recorder of this process, such as that of a notebook's cell that runs again."""
        place = self.path.resolve()
        if over and (other := _OPEN.get(place)):
            other.close()
            other._lost, self._before = True, other
        if not self._lock.take():
            raise UsageError(f"{self.path}: another recorder or training writes there; wait, or give another folder")
        _OPEN[place] = self

    def _check_ours(self) -> None:
        if self._lost:
            raise UsageError(f"{self.path}: a later recorder writes there now; use that one, or give another folder")

    def _check(self, known: bool, *, overwrite: bool, append: bool) -> None:
        if not known and not is_empty(self.path):
            raise UsageError(f"{self.path}: has files in it that are not those of a run; give another folder")
        if known and not (overwrite or append):
            raise UsageError(
                f"{self.path} holds a run; give another folder, overwrite=True to remove it, or append=True to go on"
            )
        if known and append and not isinstance(read_config(self.path / CONFIG).get("recorded"), str):
            raise UsageError(
                f"{self.path} holds a run of landscape train, which that command continues; give another folder"
            )

    def _resume(self, at: int | None) -> tuple[int, list[dict]]:
        """The step of the last saved net, that of `finish` included, and the rows up to there."""
        final, steps = self.path / FINAL, list(nets_in(self.path))
        step = steps[-1] if steps else 0
        if final.exists():
            last = load_checkpoint(final).meta.get("step")
            if isinstance(last, int) and last > step:
                step = last
                os.replace(final, net_of(self.path, last))
            final.unlink(missing_ok=True)
        if at is not None and at < step:
            self._drop_after(at, step)
            step = at
        if not (self.path / LOG).exists():
            return step, []
        log = load_run(self.path)
        rows = [
            {name: float(log.columns[name][i]) for name in log.columns if log.given[name][i]}
            for i in range(len(log.times))
            if log.times[i] <= step
        ]
        return step, [{**row, "step": int(row["step"])} for row in rows]

    def _drop_after(self, at: int, step: int) -> None:
        """The nets after a step: the trainer takes another way from there."""
        nets = nets_in(self.path)
        if not at and len(nets) > 1:
            raise UsageError(
                f"{self.path} holds a run up to step {step}, and the trainer starts at 0: give another folder, or resume from a "
                "checkpoint"
            )
        for number, path in nets.items():
            if number > at:
                path.unlink()
        remove_preconditioners(self.path, at)
