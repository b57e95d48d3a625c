"""A surface that grows row by row, as a run writes it, and a clock that only tests move."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from landscape.grid import Grid, Range
from landscape.surfaces.hdf5 import write_surface_file
from landscape.surfaces.surface import DONE, FAILED, PENDING, Surface

POINTS = 20


class Clock:
    """Seconds, as far as `pass_` has moved them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def grown():
    """grown(done, failed=0, started=...) -> a surface of 4 x 5 points of which the first are done: 1, 2, 3, ..."""

    def make(done: int, *, failed: int = 0, started: str = "today", name: str = "resnet56", **provenance) -> Surface:
        grid = Grid.of(Range(-1, 1, 5), Range(-1, 1, 4))
        status = np.full(POINTS, PENDING, np.uint8)
        status[:done], status[done : done + failed] = DONE, FAILED
        values = np.where(status == DONE, np.arange(1.0, POINTS + 1), np.nan)
        known = {"model": {"name": name}, "run": {"started": started}, **provenance}
        shape = grid.shape
        losses = {"train_loss": values.reshape(shape)} if done else {}
        return Surface(grid, losses, {}, {"evaluation": status.reshape(shape)}, provenance=known)

    return make


@pytest.fixture
def write(grown):
    """write(path, done, at=...) writes such a surface as a run does, at a time of the file system's that is given."""

    def put(path: Path, done: int, *, at: float | None = None, **given) -> None:
        write_surface_file(grown(done, **given), path)
        if at is not None:
            os.utime(path, (at, at))

    return put
