"""What a result says about itself while it grows, as a few texts and one table.

Owns: `ResultState`, and the reading of a file into one. Which facts and names there are is decided in scene/facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landscape.printable import printable
from landscape.scene.facts.run import run_facts, run_subject
from landscape.scene.facts.spectrum import computed_facts, eigenvalue_text, with_error
from landscape.scene.facts.surface import facts, subject
from landscape.scene.holes import DRAWN, NOT_FINITE, holes_of
from landscape.scene.text import value_text
from landscape.scene.wording import reworded
from landscape.surfaces.run_log import RunLog
from landscape.surfaces.source import Source, load_source
from landscape.surfaces.spectrum import Spectrum
from landscape.surfaces.surface import Surface
from landscape.watching.counting import Count, count_of

# Rows of the table: a spectrum may have a block for each of a thousand layers.
MOST_ROWS = 30
Row = tuple[str, ...]


@dataclass(frozen=True)
class ResultState:
    """One state of a result.

    `run` is equal for two states of one run. `rows` are the ranges of the values so far, under `columns`.
    """

    title: str
    run: tuple[Any, ...]
    count: Count
    columns: Row
    rows: tuple[Row, ...]
    facts: tuple[str, ...]


def read(path: Path) -> ResultState:
    """What a file or run folder holds now.

    Raises:
        SurfaceFileError: it cannot be read, or is of no kind that can be drawn.
    """
    return reworded(reading_of(load_source(path)), printable)


def reading_of(source: Source) -> ResultState:
    """The same of a result in memory."""
    if isinstance(source, RunLog):
        return _of_run(source)
    return _of_spectrum(source) if isinstance(source, Spectrum) else _of_surface(source)


def _of_surface(surface: Surface) -> ResultState:
    axes = tuple((axis.name, axis.values.tobytes()) for axis in surface.grid.axes)
    names = [name for name in surface.values if not surface.quantity(name).aside]
    said = facts(surface, surface.metric() if surface.values else None)
    rows = tuple(_row(surface, name) for name in names)
    columns = ("", "least", "greatest", "at the centre", "not finite")
    # A surface of paths grows by rows, so its grid is no mark of the run.
    grows = surface.known.connect is not None
    key = ("surface", () if grows else axes, *_origin(surface))
    return ResultState(subject(surface), key, count_of(surface), *_filled(columns, rows), tuple(said))


def _row(surface: Surface, name: str) -> Row:
    """The range of the finite values that were computed."""
    row, holes = surface.quantity(name), holes_of(surface, name)
    values, centre = surface.values[name][holes == DRAWN], surface.at_origin(name)
    ends = (values.min(), values.max()) if values.size else ()
    texts = [value_text(float(end), percent=row.percent) for end in ends] or ["", ""]
    known = centre is not None and np.isfinite(centre)
    odd = int((holes == NOT_FINITE).sum())
    middle = value_text(float(centre), percent=row.percent) if known and centre is not None else ""
    return (row.label, *texts, middle, f"{odd:,}" if odd else "")


def _of_spectrum(spectrum: Spectrum) -> ResultState:
    rows = []
    for name, block in spectrum.blocks.items():
        ends = [eigenvalue_text(float(block.values[i]), float(block.errors[i])) for i in (0, -1) if len(block.values)]
        trace = with_error(block.trace, block.trace_stderr) if np.isfinite(block.trace) else ""
        rows.append((name, *(ends or ["", ""]), trace))
    columns = ("", "least eigenvalue", "greatest", "trace")
    key = ("spectrum", tuple(spectrum.blocks), *_origin(spectrum))
    said = tuple(computed_facts(spectrum))
    return ResultState(subject(spectrum), key, count_of(spectrum), *_filled(columns, tuple(rows)), said)


def _of_run(log: RunLog) -> ResultState:
    rows = []
    for name in log.metrics:
        values, row = log.series(name)[1], log.quantity(name)
        finite = values[np.isfinite(values)]
        ends = [
            value_text(float(end), percent=row.percent) for end in ((finite.min(), finite.max()) if finite.size else ())
        ]
        rows.append((row.label, value_text(float(values[-1]), percent=row.percent), *(ends or ["", ""])))
    columns, key = ("", "latest", "least", "greatest"), ("run", repr(sorted(log.config.items(), key=str)))
    return ResultState(run_subject(log), key, count_of(log), *_filled(columns, tuple(rows)), tuple(run_facts(log)))


def _origin(result: Surface | Spectrum) -> tuple[Any, ...]:
    """When the run that began the file started, and of which net."""
    known = result.known
    return (known.run and known.run.started, known.checkpoint and known.checkpoint.sha256, known.command)


def _filled(columns: Row, rows: tuple[Row, ...]) -> tuple[Row, tuple[Row, ...]]:
    """Without columns that are empty in every row, and with a line on rows that are too many to show."""
    kept = [i for i in range(len(columns)) if i == 0 or any(row[i] for row in rows)]
    shown = tuple(tuple(row[i] for i in kept) for row in rows[:MOST_ROWS])
    more = ((f"and {len(rows) - MOST_ROWS:,} more", *[""] * (len(kept) - 1)),) if len(rows) > MOST_ROWS else ()
    return tuple(columns[i] for i in kept), (*shown, *more)
