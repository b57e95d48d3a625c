"""How far a result has come, by what is in it.

Owns: `Count`, and what is counted of a surface, a spectrum and a training run. Only the status says what was computed; a point
that failed is not done. Knows no file's times and no words but the units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landscape.grid import Grid
from landscape.scene.facts.spectrum import made_of
from landscape.surfaces.run_log import EPOCH, RunLog
from landscape.surfaces.source import Source
from landscape.surfaces.spectrum import Block, Spectrum
from landscape.surfaces.surface import FAILED, PENDING, Surface
from landscape.watching.identity import FINAL

# Of a line whose axis counts nets.
NETS = ("net", "step")


@dataclass(frozen=True)
class Count:
    """`done` of `total` (None: not known) in some unit, of which `failed` are failures.

    `complete`: nothing is left to do. `at_most`: a run under a tolerance, which leaves out points.
    """

    done: float
    total: float | None
    unit: str
    failed: int = 0
    complete: bool = False
    at_most: bool = False


def count_of(source: Source) -> Count:
    """How far a result has come."""
    if isinstance(source, RunLog):
        return _of_run(source)
    return _of_spectrum(source) if isinstance(source, Spectrum) else _of_surface(source)


def _of_surface(surface: Surface) -> Count:
    """Of the last measurement that is not done; of the last one when all are."""
    counts = [_of_group(surface, group) for group in surface.status]
    if not counts:
        return Count(surface.grid.size, surface.grid.size, _unit(surface.grid), complete=True)
    return next((count for count in reversed(counts) if not count.complete), counts[-1])


def _of_group(surface: Surface, group: str) -> Count:
    status = surface.status[group]
    every = _every(surface.provenance.get("run"), group)
    if every:
        status = status[np.ix_(*surface.grid.lattice(every))]
    failed, pending = int((status == FAILED).sum()), int((status == PENDING).sum())
    tolerance = surface.known.tolerance
    at_most = bool(tolerance and tolerance.points and pending)
    done = status.size - failed - pending
    return Count(done, status.size, _unit(surface.grid), failed, not failed and not pending, at_most)


def _every(run: Any, group: str) -> int | None:
    """The requested thinning of a measurement that was added."""
    known = run.get(group) if isinstance(run, dict) else None
    every = known.get("every") if isinstance(known, dict) else None
    return every if isinstance(every, int) and every >= 1 else None


def _unit(grid: Grid) -> str:
    return "nets" if grid.ndim == 1 and grid.axes[0].kind in NETS else "points"


def _of_spectrum(spectrum: Spectrum) -> Count:
    """Its tasks: of each block the ends, the trace and the probes, of the first also the sharpness."""
    asked = made_of(spectrum)
    probes = _whole(asked.get("probes"))
    tasks = [
        *(bool(len(block.values)) for block in spectrum.blocks.values()),
        *(math.isfinite(block.trace) for block in spectrum.blocks.values() if asked.get("trace_products")),
        *([math.isfinite(spectrum.whole.sharpness)] if asked.get("sharpness") else []),
    ]
    done = sum(tasks) + sum(min(_probes(block), probes) for block in spectrum.blocks.values())
    total = len(tasks) + probes * len(spectrum.blocks)
    return Count(done, total, "tasks", complete=done == total)


def _probes(block: Block) -> int:
    return 0 if block.density is None else len(block.density.nodes)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _of_run(log: RunLog) -> Count:
    """Epochs of those planned, or steps. A run has ended when its last net is there."""
    planned = log.config.get("epochs")
    number = float(planned) if isinstance(planned, (int, float)) and log.clock == EPOCH else 0.0
    total = number if math.isfinite(number) and number > 0 else None
    ended = (Path(log.source) / FINAL).is_file()
    return Count(float(log.times.max()), total, f"{log.clock}s", complete=ended)
