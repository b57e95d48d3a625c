"""A measurement along a training run while it is trained: each net as soon as it is saved.

Owns: which nets of the run are measured when, and the growing file. What is measured, and how, is that of a study of the run,
so that the study afterwards finds everything computed. Knows no trainer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from landscape.slice.steps import Steps
from landscape.study.extension import ExtensionStudy
from landscape.surfaces.file import SurfaceFile
from landscape.surfaces.longer import with_more
from landscape.sweep.launch import connect
from landscape.sweep.world import World


class Tracker:
    """Measures the nets of one run. `close` saves what is known.

    A net that was measured before the run was stopped is not measured again; one that was saved and not measured is made up for
    at the start.
    """

    def __init__(self, make: Callable[[World], ExtensionStudy]):
        """`make`: the study of the run, which has its first net by now.

        Raises:
            LandscapeError: the nets or their data cannot be measured like this, or the file is of another run.
        """
        self._study = make(connect())
        steps = self._study.slice
        assert isinstance(steps, Steps)
        self._steps: Steps = steps
        self._file: SurfaceFile = self._study.open()
        self._work = self._study.work(True, connect())
        self._measure()

    def saved(self, step: int, path: Path) -> None:
        """Takes the net of a step, which is in a file."""
        self._steps.files[float(step)] = path
        known, file = self._steps.grid, self._file
        if not file.surface.grid.same_as(known):
            file.surface = with_more(file.surface, known)
            file.surface.provenance["run_of"]["steps"] = known.size
        self._measure()

    def close(self) -> None:
        """Saves the file and lets others write it."""
        try:
            self._file.save()
        finally:
            self._file.release()

    def _measure(self) -> None:
        sampler, _ = self._study.sampler(self._file)
        for point in sampler.ask():
            self._file.record(point.index, self._work.join(self._work.part(point, 0, lambda chunks: 1)))
