"""What a training run wrote about itself: `config.json` and `log.csv` in its folder.

Owns: `RunLog` and the reading of the two files. It is in this room because it is the other thing that pictures are made
from: files to plain numpy, without torch. Writing them is the trainer's business.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from landscape.errors import SurfaceFileError
from landscape.plain_json import parse_json
from landscape.quantity import Quantity, quantity_named
from landscape.regular import is_folder, reason_unreadable

CONFIG, LOG = "config.json", "log.csv"
# The columns that are not measurements of the net.
CLOCKS = ("step", "epoch", "lr", "seconds")
# What rows are ordered and drawn by: the first of these that the log has.
EPOCH, STEP = TIMES = ("epoch", "step")


@dataclass(frozen=True, eq=False)
class RunLog:
    """The rows of a run's log.

    `columns[name]` is float64 (n,). `given[name]` bool (n,) says which cells are not empty: a number that was not
    measured is an empty cell, while NaN and inf are results. `cut`: the last line was incomplete and is left out.
    Columns without a single number are absent.
    """

    config: dict
    columns: dict[str, np.ndarray]
    given: dict[str, np.ndarray]
    source: str = ""
    cut: bool = False
    metrics: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", tuple(name for name in self.columns if name not in CLOCKS))

    def quantity(self, name: str) -> Quantity:
        """What a column holds: its label, kind and split."""
        return quantity_named(name)

    @property
    def clock(self) -> str:
        """What the rows are drawn by: epoch, or step in a log without epochs."""
        return clock_of(self.columns)

    @property
    def times(self) -> np.ndarray:
        """(n,) the epoch or step of each row."""
        return self.columns[self.clock]

    def series(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(epochs or steps, values), each (m,), of the rows in which this column was taken."""
        rows = self.given[name]
        return self.times[rows], self.columns[name][rows]


def clock_of(names: Iterable[str]) -> str:
    """The column that says when a row was taken."""
    return EPOCH if EPOCH in names else STEP


def is_run_folder(path: str | Path) -> bool:
    """Whether a path is meant as a run: a folder of any content."""
    return is_folder(path)


def load_run(folder: str | Path) -> RunLog:
    """Reads the folder of a training run, finished or still going.

    Raises:
        SurfaceFileError: a file is missing, or is not what a run writes.
    """
    folder = Path(folder)
    missing = [name for name in (CONFIG, LOG) if not (folder / name).is_file()]
    if missing:
        raise SurfaceFileError(
            f"{folder}: no run folder, {' and '.join(missing)} missing; give a folder that landscape train wrote"
        )
    names, rows, cut = _table(folder / LOG)
    columns = {name: np.array([_number(row[i]) for row in rows]) for i, name in enumerate(names)}
    given = {name: np.array([row[i] != "" for row in rows], dtype=bool) for i, name in enumerate(names)}
    taken = [name for name in names if given[name].any()]
    kept = _not_redone(columns[clock_of(columns)])
    return RunLog(
        read_config(folder / CONFIG),
        {name: columns[name][kept] for name in taken},
        {name: given[name][kept] for name in taken},
        str(folder),
        cut,
    )


def read_config(path: Path) -> dict:
    """The settings of a run.

    Raises:
        SurfaceFileError: the file cannot be read, or holds no JSON object.
    """
    if reason := reason_unreadable(path):
        raise SurfaceFileError(f"{path}: {reason}")
    try:
        found = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SurfaceFileError(f"{path}: cannot be read as JSON ({error}); restore it or train again") from None
    if not isinstance(found, dict):
        raise SurfaceFileError(f"{path}: expected an object with the settings of the run, not {type(found).__name__}")
    return found


def _table(path: Path) -> tuple[list[str], list[list[str]], bool]:
    """(names, cells of the complete lines, whether a line was left out): a line is complete when its end is written."""
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise SurfaceFileError(f"{path}: cannot be read ({error.strerror or error})") from None
    whole = text[: text.rfind("\n") + 1]
    lines = [[cell.strip() for cell in line] for line in csv.reader(whole.splitlines())]
    names = lines[0] if lines else []
    if not {*TIMES} & {*names} or len(set(names)) < len(names):
        raise SurfaceFileError(
            f"{path}: expected a first line of column names with 'epoch' or 'step', such as epoch,train_loss"
        )
    rows = [line for line in lines[1:] if line]
    if not rows:
        raise SurfaceFileError(f"{path}: holds no rows yet; try again when the first epoch is over")
    for number, row in enumerate(rows, start=2):
        _check(path, number, row, names)
    return names, rows, len(whole) < len(text)


def _check(path: Path, number: int, row: list[str], names: list[str]) -> None:
    """One line of numbers or empty cells, at a known epoch."""
    if len(row) != len(names):
        raise SurfaceFileError(f"{path}, line {number}: {len(row)} cells, expected {len(names)} as in the first line")
    for name, cell in zip(names, row, strict=True):
        try:
            value = _number(cell)
        except ValueError:
            raise SurfaceFileError(
                f"{path}, line {number}: '{cell}' is not a number; expected one, or nothing, as {name}"
            ) from None
        if name == clock_of(names) and not np.isfinite(value):
            raise SurfaceFileError(
                f"{path}, line {number}: '{cell}' is not a{'n' * (name == EPOCH)} {name}; expected a finite number"
            )


def _number(cell: str) -> float:
    return float(cell) if cell else float("nan")


def _not_redone(times: np.ndarray) -> np.ndarray:
    """bool (n,): the rows that no later row repeats, as a run resumed from an earlier state does."""
    later = np.append(np.minimum.accumulate(times[::-1])[::-1][1:], np.inf)
    return times < later
