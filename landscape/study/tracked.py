"""A measurement along a training run while it is trained: each net as soon as it is saved.

Owns: which nets of the run are measured when, and the growing file. What is measured, and how, is that of a study of the run,
so that the study afterwards finds everything computed. Knows no trainer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from landscape.callables import explain, first_line
from landscape.errors import Ending, LandscapeError
from landscape.slice.steps import Steps
from landscape.study.extension import ExtensionStudy
from landscape.subject.restored_loss import notes_on_run
from landscape.surfaces.file import SurfaceFile
from landscape.surfaces.longer import with_more
from landscape.sweep.executor import PointFailed
from landscape.sweep.launch import connect
from landscape.sweep.progress import note
from landscape.sweep.sampler import Point
from landscape.sweep.work import compute_point
from landscape.sweep.world import World


class Tracker:
    """Measures the nets of one run. `close` saves what is known.

    A net that was measured before the run was stopped is not measured again; one that was saved and not measured is made up for
    in `begin`.
    """

    def __init__(self, make: Callable[[World], ExtensionStudy], *, quiet: bool = True):
        """`make`: the study of the run, which has its first net by now. Measures nothing yet.

        Raises:
            LandscapeError: the nets or their data cannot be measured like this, or the file is of another run.
        """
        self._study = make(connect())
        steps = self._study.slice
        assert isinstance(steps, Steps)
        self._steps: Steps = steps
        self._stopped: Callable[[], bool] = lambda: False
        self._quiet = quiet
        self._file: SurfaceFile = self._study.open()
        try:
            self._work = self._study.work(True, connect())
        except BaseException:
            self._file.release()
            raise

    def begin(self, stopped: Callable[[], bool]) -> None:
        """Measures what the folder holds; once `stopped`, here or later, no further net.

        Raises:
            PointFailed: a net cannot be measured.
        """
        self._stopped = stopped
        for text in self._study.notes:
            note(text, label=self._study.label, quiet=self._quiet)
        self._measure()

    def saved(self, step: int, path: Path) -> None:
        """Measures the net of a step, which is in a file.

        Raises:
            PointFailed: it cannot be measured.
        """
        self._steps.files[float(step)] = path
        known, file = self._steps.grid, self._file
        if not file.surface.grid.same_as(known):
            file.surface = with_more(file.surface, known)
            file.surface.provenance["run_of"]["steps"] = known.size
        self._measure()

    def close(self) -> None:
        """Saves the file and lets others write it."""
        try:
            files, subject = self._steps.files, self._study.subject
            along, shown = notes_on_run(subject.net.trained, files[max(files)], subject.facts.loss)
            if shown:
                self._file.surface.provenance["loss_as"] = shown
            self._file.save()
            for said in along:
                if said not in self._study.notes:
                    note(said, label=self._study.label, quiet=self._quiet)
        finally:
            self._file.release()

    def _measure(self) -> None:
        sampler, _ = self._study.sampler(self._file)
        for point in sampler.ask():
            if self._stopped():
                return
            try:
                result = compute_point(self._work, point)
            except (KeyboardInterrupt, Ending):
                raise
            except BaseException as error:  # also SystemExit
                self._file.record_failure(point.index)
                raise PointFailed(_failure(point, error), point) from error
            self._file.record(point.index, result)


def _failure(point: Point, error: BaseException) -> str:
    reason = first_line(error) if isinstance(error, LandscapeError) else explain(error)
    return (
        f"track: the net of step {point.coords[0]:g} cannot be measured ({reason}); it is kept, and the same command goes on "
        "from there"
    )
