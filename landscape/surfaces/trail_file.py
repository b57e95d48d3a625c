"""The paths of training runs in a surface file, in the making.

Owns: which nets of a path have their losses, and resuming. The results lie in `trails/NAME`, beside the surface that they are
drawn over; when they are written is decided in keeper.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from landscape.surfaces.file import check_folder
from landscape.surfaces.hdf5 import write_surface_file
from landscape.surfaces.keeper import Keeper
from landscape.surfaces.surface import DONE, FAILED, PENDING, Surface, Trail


class TrailFile:
    """A surface with trails, whose points are numbered one after the other. `path` None keeps the results in memory only.

    Trails of the same nets that the surface has already are continued, those of other nets under the same names are replaced.
    """

    def __init__(self, path: Path | None, surface: Surface, trails: Mapping[str, Trail], *, overwrite: bool = False):
        """Raises SurfaceFileError if the file cannot be written."""
        if path:
            check_folder(path)
        self.path, self.surface = path, surface
        self._places = [(name, number) for name, trail in trails.items() for number in range(len(trail.x))]
        for name, trail in trails.items():
            known = surface.trails.get(name)
            surface.trails[name] = trail if overwrite or known is None else continued(known, trail)
        self._keeper = Keeper(path, lambda to: write_surface_file(self.surface, to), self._done, "nets")
        try:
            self._keeper.write()
        except BaseException:
            self.release()
            raise

    @property
    def content(self) -> Surface:
        return self.surface

    def pending(self, wanted: Mapping[str, np.ndarray]) -> list[int]:
        """Numbers of the `wanted` points (bool (n,) for each trail) that lack a result; failed ones are tried again."""
        return [
            index for index, (name, number) in enumerate(self._places)
            if wanted[name][number] and self._status(name)[number] in (PENDING, FAILED)
        ]  # fmt: skip

    def record(self, index: int, result: Mapping[str, Any]) -> None:
        """Keeps the losses of a net, and saves when a save is due."""
        name, number = self._places[index]
        trail = self.surface.trails[name]
        for metric, value in result.items():
            if metric not in trail.metrics:
                trail.metrics[metric] = np.full(len(trail.x), np.nan)
            trail.metrics[metric][number] = value
        self._mark(index, DONE)

    def record_failure(self, index: int) -> None:
        """Marks a net whose evaluation raised."""
        self._mark(index, FAILED)

    def save(self) -> None:
        """Writes what is not on disk yet."""
        self._keeper.save()

    def release(self) -> None:
        """Lets others write the file; nothing is saved after this."""
        self._keeper.release()

    def standing(self, done: int, total: int) -> str:
        """How much of the run is where, in words."""
        return self._keeper.standing(done, total)

    def _mark(self, index: int, code: int) -> None:
        name, number = self._places[index]
        self._status(name)[number] = code
        self._keeper.changed()

    def _status(self, name: str) -> np.ndarray:
        status = self.surface.trails[name].status
        assert status is not None  # every trail here is that of a run
        return status

    def _done(self) -> int:
        return sum(int((self._status(name) == DONE).sum()) for name in {name for name, _ in self._places})


def continued(known: Trail, wanted: Trail) -> Trail:
    """The wanted trail with what is known of the same nets at the same places, so that a run that has grown keeps its losses."""
    if known.status is None or wanted.status is None:
        return wanted
    there = {net: number for number, net in enumerate(known.nets)}
    metrics = {name: np.full(len(wanted.x), np.nan) for name in known.metrics}
    status = wanted.status.copy()
    for number, net in enumerate(wanted.nets):
        old = there.get(net)
        if old is None or not _same_place(known.places[old], wanted.places[number]):
            continue
        status[number] = known.status[old]
        for name, values in known.metrics.items():
            metrics[name][number] = values[old]
    return replace(wanted, metrics=metrics, status=status)


def _same_place(one: np.ndarray, other: np.ndarray) -> bool:
    """Up to the rounding of sums in another order."""
    return bool(np.allclose(one, other, rtol=1e-6, atol=1e-9))
