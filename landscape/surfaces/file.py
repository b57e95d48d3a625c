"""The file of a run in the making: valid at every moment, written by one process.

Owns: which points are done, when the file is saved, what is rescued when it cannot be, and resuming. The file is small,
so it is kept in memory and written as a whole; its layout is the business of hdf5.py.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from landscape.errors import SurfaceFileError
from landscape.grid import Grid
from landscape.surfaces.hdf5 import read_surface_file, write_surface_file
from landscape.surfaces.provenance import difference, plain
from landscape.surfaces.surface import DONE, EVALUATION, FAILED, PENDING, Surface, Trail

STDERR_PREFIX = "stderr/"
MAX_SECONDS_UNSAVED = 2.0
# Of the time, writing takes 2 %, so that fast points do not wear the disk; more where that would leave seconds of work
# unsaved, but never above a fifth, so that a slow disk does not slow the run.
WRITING_SHARE, MAX_WRITING_SHARE = 0.02, 0.2


class SurfaceFile:
    """Results of a run in the making. Use as a context manager: leaving it, also by an exception, saves everything.

    `path` None keeps the results in memory only.
    """

    def __init__(self, path: Path | None, surface: Surface):
        self.path = path
        self.surface = surface
        self._unsaved = False
        self._saved_at = time.monotonic()
        self._save_seconds = 0.0

    @classmethod
    def create(
        cls, path: str | Path | None, grid: Grid, provenance: Mapping, trails: Mapping[str, Trail] | None = None
    ):
        """A file with every point pending, on disk at once, so that an unwritable place is found before computing.

        Raises:
            SurfaceFileError: the folder is missing or not writable.
        """
        status = {EVALUATION: np.full(grid.shape, PENDING, np.uint8)}
        surface = Surface(grid, {}, {}, status, dict(trails or {}), plain(provenance), str(path or ""))
        file = cls(Path(path) if path else None, surface)
        if file.path:
            check_folder(file.path)
        file._save()
        return file

    @classmethod
    def open(cls, path: str | Path, grid: Grid, provenance: Mapping):
        """Continues a file of the same run.

        Raises:
            SurfaceFileError: the file is damaged, foreign, or of another run; the message names the difference.
        """
        surface = read_surface_file(path)
        found = "the grid is " + _grid_text(surface.grid) + " in the file, " + _grid_text(grid) + " now"
        differing = found if not surface.grid.same_as(grid) else difference(surface.provenance, provenance)
        if differing:
            raise SurfaceFileError(
                f"{path} holds another run: {differing}; give another -o, or --overwrite to start anew"
            )
        return cls(Path(path), surface)

    @classmethod
    def create_or_open(cls, path, grid: Grid, provenance: Mapping, *, trails=None, overwrite: bool = False):
        """Continues `path` when it exists, unless it is to be overwritten; else starts it."""
        if path and Path(path).exists() and not overwrite:
            check_folder(Path(path))
            return cls.open(path, grid, provenance)
        return cls.create(path, grid, provenance, trails)

    @classmethod
    def extend(cls, surface: Surface, path: str | Path | None, group: str, facts: Mapping, *, overwrite: bool = False):
        """Adds a group of metrics, named `group...`, to a surface that is there; or goes on with it.

        `facts` say what the group is; they are kept in the provenance under its name. With `overwrite` what the group held
        is dropped; all other values stay as they are.

        Raises:
            SurfaceFileError: the group was computed otherwise; the message names the difference.
        """
        known = surface.provenance.get(group)
        if known is not None and group in surface.status and not overwrite:
            if found := difference(known, facts):
                raise SurfaceFileError(
                    f"{path or 'this surface'} has {group} values of another kind: {found}; --overwrite drops these"
                )
        else:
            for arrays in (surface.values, surface.stderr):
                for name in [name for name in arrays if name.startswith(group)]:
                    del arrays[name]
            surface.status[group] = np.full(surface.shape, PENDING, np.uint8)
            surface.provenance[group] = plain(facts)
        file = cls(Path(path) if path else None, surface)
        if file.path:
            check_folder(file.path)
        file._save()
        return file

    def pending(self, group: str = EVALUATION) -> list[int]:
        """Numbers of the points that still lack a result; failed ones are tried again."""
        status = self._status(group).ravel()
        return [int(i) for i in np.flatnonzero((status == PENDING) | (status == FAILED))]

    def record(self, index: int, result: Mapping[str, float], *, group: str = EVALUATION, code: int = DONE) -> None:
        """Keeps one point's metrics (`stderr/NAME` for standard errors) under a status, and saves when it is time."""
        for name, value in result.items():
            is_error = name.startswith(STDERR_PREFIX)
            arrays = self.surface.stderr if is_error else self.surface.values
            key = name[len(STDERR_PREFIX) :] if is_error else name
            if key not in arrays:
                arrays[key] = np.full(self.surface.shape, np.nan)
            arrays[key].flat[index] = value
        self._mark(index, code, group)

    def record_failure(self, index: int, *, group: str = EVALUATION) -> None:
        """Marks a point as failed; its values stay as they were."""
        self._mark(index, FAILED, group)

    def describe(self, name: str, facts: Mapping) -> None:
        """Adds what is known only afterwards to the part of the provenance that describes the run."""
        self.surface.provenance.setdefault("run", {})[name] = plain(facts)
        self._unsaved = True

    def save(self) -> None:
        """Writes what is not on disk yet.

        Raises:
            SurfaceFileError: the disk is full or gone; the message names the rescue copy, if one could be written.
        """
        if self._unsaved:
            self._save()

    def __enter__(self) -> SurfaceFile:
        return self

    def __exit__(self, *exception) -> None:
        self.save()

    def _status(self, group: str) -> np.ndarray:
        if group not in self.surface.status:
            has = ", ".join(self.surface.status) or "none"
            raise SurfaceFileError(f"no status '{group}' in {self.path or 'memory'}; it has {has}")
        return self.surface.status[group]

    def _mark(self, index: int, code: int, group: str) -> None:
        self._status(group).flat[index] = code
        self._unsaved = True
        waited = time.monotonic() - self._saved_at
        pause = min(MAX_SECONDS_UNSAVED, self._save_seconds / WRITING_SHARE)
        if waited >= max(pause, self._save_seconds / MAX_WRITING_SHARE):
            self._save()

    def _save(self) -> None:
        started = time.monotonic()
        if self.path:
            try:
                write_surface_file(self.surface, self.path)
            except OSError as error:
                raise SurfaceFileError(self._rescued(error)) from error
        self._unsaved = False
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - started

    def _rescued(self, error: OSError) -> str:
        reason = f"cannot write {self.path}: {error.strerror or error}"
        done = max(int(np.count_nonzero(status)) for status in self.surface.status.values())
        if not done:
            return f"{reason}; give another -o"
        rescue = Path(tempfile.gettempdir()) / f"landscape-rescue-{os.getpid()}-{self.path.name}"
        try:
            write_surface_file(self.surface, rescue)
        except OSError:
            return f"{reason}; the file still holds what was saved before, make room and run the same command again"
        return f"{reason}; all {done} points done are kept in {rescue}: make room, move it to {self.path}, run again"


def check_folder(path: Path) -> None:
    """Raises SurfaceFileError unless a file can be created beside `path`."""
    if not path.parent.is_dir():
        raise SurfaceFileError(f"output {path}: the folder {path.parent} does not exist; create it or give another -o")
    if path.is_dir():
        raise SurfaceFileError(f"output {path}: is a folder; give a file name such as {path / 'surface.h5'}")
    if not os.access(path.parent, os.W_OK):
        raise SurfaceFileError(f"output {path}: the folder {path.parent} is not writable; give another -o")


def _grid_text(grid: Grid) -> str:
    return " x ".join(f"{a.name} {a.values[0]:g}:{a.values[-1]:g}:{len(a.values)}" for a in grid.axes)
