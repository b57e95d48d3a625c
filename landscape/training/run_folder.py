"""The folder of a training run, from which the run can be continued.

Owns: the layout of a run folder: the settings in `config.json`, the log in `log.csv`, the nets in `checkpoints/step_N.pt`
and `final.pt`, and in `state.pt` everything that the next step depends on. Every file is written whole or not at all, so
after a kill at any moment the run can be continued.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from landscape.atomic import remove_leftovers, whole_file
from landscape.checkpoint import torch_file
from landscape.checkpoint.checkpoint import Checkpoint, load_checkpoint
from landscape.checkpoint.save import save_checkpoint, write_whole
from landscape.errors import AnotherRun, CheckpointError, LandscapeError, SurfaceFileError, UsageError
from landscape.quantity import DYNAMICS, HESSIAN
from landscape.slice.steps import STEP
from landscape.surfaces.keeper import locked
from landscape.surfaces.run_log import CONFIG, LOG, read_config
from landscape.surfaces.same_run import CODE, difference, unknown_code
from landscape.training.folder_lock import FolderLock
from landscape.training.preconditioner_files import remove_preconditioners
from landscape.training.settings import as_json, differences

STATE, FINAL, NETS = "state.pt", "final.pt", "checkpoints"
# What was measured at the nets of a run, which means nothing without them.
MEASURED = tuple(f"{group}.h5" for group in (DYNAMICS, HESSIAN))
KEPT = {"step": int, "sums": dict, "model": dict, "buffers": dict, "optimizer": dict, "rows": list, "seconds": float}
# The first and the last columns of the log; the metrics are between them.
FIRST, LAST = ("step", "epoch", "lr"), ("gradient_norm", "seconds")
# In the metadata of a net: the learning rate of the step after it, as in the row of the log at that step.
RATE = "rate"
# The state is saved every SECONDS, but less often if a save takes more than a fiftieth of that time.
SECONDS, SHARE = 30.0, 50.0


class RunFolder:
    """The files of one run; `notes`: what the user should know of a run that is continued."""

    def __init__(self, path: Path) -> None:
        self.path, self._kept, self._cost = path, time.monotonic(), 0.0
        self.notes: list[str] = []
        self._lock = FolderLock(path)

    def open(self, config: Mapping[str, Any], decides: Sequence[str], *, overwrite: bool) -> dict[str, Any] | None:
        """Creates the folder, or opens the same run in it, and locks it until `close`.

        Args:
            config: plain values; those named in `decides` must equal the values of the run in the folder.

        Returns:
            The state to continue from; None at the beginning of a run.

        Raises:
            UsageError: the folder holds another run, or other files.
            LandscapeError: it cannot be written or read, or another process has locked it.
        """
        config = as_json(config)
        text = json.dumps(config, indent=2) + "\n"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._take()
            known = (self.path / CONFIG).exists()
            if not known and not is_empty(self.path):
                raise UsageError(f"{self.path}: has files in it that landscape train did not write; give another -o")
            if known and not overwrite:
                self._check_same(config, decides)
            else:
                clear(self.path)
                self._write(CONFIG, text)
            tidy(self.path)
        except OSError as error:
            raise LandscapeError(f"cannot write {self.path}: {error.strerror or error}; give another -o") from error
        return self._state()

    def close(self) -> None:
        """Unlocks the folder."""
        self._lock.release()

    def net(
        self, step: int | None, weights: Mapping[str, Tensor], meta: Mapping[str, Any], loss: Sequence[Any] = ()
    ) -> Path:
        """Saves the net of a step, or (None) the trained net; returns its path. `loss`: its state."""
        path = self.path / FINAL if step is None else net_of(self.path, step)
        save_checkpoint(path, weights, meta, loss)
        return path

    def keep(self, state: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        """Saves the state, and the log up to it."""
        started = time.monotonic()
        write_whole(self.path / STATE, {**state, "rows": [dict(row) for row in rows]})
        self.log(rows)
        self._kept = time.monotonic()
        self._cost = self._kept - started

    def log(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes the log."""
        try:
            self._write(LOG, table(rows))
        except OSError as error:
            raise LandscapeError(f"cannot write {self.path / LOG}: {error.strerror or error}") from error

    def final(self) -> Checkpoint | None:
        """The trained net of a finished run; None otherwise."""
        path = self.path / FINAL
        return load_checkpoint(path) if path.exists() else None

    def is_due(self) -> bool:
        """Whether the state should be saved again."""
        return time.monotonic() - self._kept > max(SECONDS, SHARE * self._cost)

    def _state(self) -> dict[str, Any] | None:
        path = self.path / STATE
        if not path.exists():
            return None
        try:
            found, _ = torch_file.read(path)
        except CheckpointError as error:
            raise LandscapeError(f"{error}; or start again with --overwrite") from error
        if not isinstance(found, dict) or not all(isinstance(found.get(name), kind) for name, kind in KEPT.items()):
            raise LandscapeError(f"{path}: damaged (it is not the state of a run); start again with --overwrite")
        return found

    def _check_same(self, config: Mapping[str, Any], decides: Sequence[str]) -> None:
        try:
            there = read_config(self.path / CONFIG)
        except SurfaceFileError as error:
            raise LandscapeError(f"{error}; or start again with --overwrite") from error
        other = _begun_otherwise(there, config)
        settled = ("first_weights", "init_seed") if other else ()
        other += differences(there, {name: config[name] for name in decides if name != CODE and name not in settled})
        code = {CODE: config.get(CODE)}
        if found := difference({CODE: there.get(CODE)}, code):
            other.append(found)
        self.notes = unknown_code(there, code)
        if other:
            raise AnotherRun(
                f"{self.path} holds another run ({'; '.join(other)}); give another -o, or --overwrite to start again"
            )

    def _take(self) -> None:
        """Locks the folder until `close` or the end of this process."""
        if not self._lock.take():
            raise LandscapeError(f"{self.path}: another process is training there; wait, or give another -o")

    def _write(self, name: str, text: str) -> None:
        with whole_file(self.path / name) as scratch:
            scratch.write_text(text)


def _begun_otherwise(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """How the first weights of two runs differ where those of one are a checkpoint's, as `init a.pt there, not set here`."""
    if there.get("first_weights") == here.get("first_weights") or not (there.get("init") or here.get("init")):
        return []
    if there.get("init") == here.get("init"):
        return [f"the weights in {here['init']} have changed"]
    return [f"init {there.get('init') or 'not set'} there, {here.get('init') or 'not set'} here"]


def net_of(folder: Path, step: int) -> Path:
    """The file of the net of a step."""
    return folder / NETS / f"step_{step:07d}.pt"


def is_empty(folder: Path) -> bool:
    """Whether nothing is in it but what a run leaves if it is stopped before it has a configuration."""

    def leftover(path: Path) -> bool:
        scratch = path.name.startswith(".") and path.name.endswith(".tmp")
        return scratch or (path.name == NETS and path.is_dir() and not any(path.iterdir()))

    return all(map(leftover, folder.iterdir()))


def nets_in(folder: Path) -> dict[int, Path]:
    """The saved nets by step, in their order."""
    matches = {path: STEP.search(path.name) for path in (folder / NETS).glob("step_*.pt")}
    return dict(sorted((int(match[1]), path) for path, match in matches.items() if match))


def clear(folder: Path) -> None:
    """Removes the files of an earlier run, and no others.

    Raises:
        SurfaceFileError: another process measures its nets.
    """
    for path in (folder / name for name in MEASURED):
        if path.exists():
            locked(path).release()
    for path in [*(folder / name for name in (LOG, STATE, FINAL, *MEASURED)), *nets_in(folder).values()]:
        path.unlink(missing_ok=True)
    remove_preconditioners(folder)


def tidy(folder: Path) -> None:
    """Makes the folder of nets, and removes half-written files of a process that was killed."""
    (folder / NETS).mkdir(exist_ok=True)
    for name in (CONFIG, LOG, STATE, FINAL):
        remove_leftovers(folder, f".{name}.")
    remove_leftovers(folder / NETS, ".step_")


def table(rows: Sequence[Mapping[str, Any]], first: tuple[str, ...] = FIRST, last: tuple[str, ...] = LAST) -> str:
    """The rows as CSV, with a column for each name in any of them; missing values are empty."""
    names = dict.fromkeys(name for row in rows for name in row if name not in (*first, *last))
    columns = [*first, *sorted(names, key=lambda name: not name.startswith("train_")), *last]
    out: list[str] = []
    writer = csv.DictWriter(_Lines(out), columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return "".join(out)


class _Lines:
    """A file-like object for csv that appends to a list."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append
