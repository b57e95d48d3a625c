"""The file of a run in the making: valid at every moment, written by one process.

Owns: which points are done, and resuming. The file is small, so it is kept in memory and written as a whole: when is decided
in keeper.py, its layout in hdf5.py.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from landscape.atomic import OutputLock, missing_folder, replaceable
from landscape.errors import AnotherRun, SurfaceFileError
from landscape.grid import Grid
from landscape.quantity import DRAWN, EVALUATION, Quantity, quantity_named
from landscape.regular import is_folder
from landscape.replacing import holds_checkpoint
from landscape.surfaces.hdf5 import read_surface_file, write_surface_file
from landscape.surfaces.keeper import Keeper, locked
from landscape.surfaces.same_run import difference, plain
from landscape.surfaces.surface import DONE, FAILED, PENDING, Surface, Trail

STDERR_PREFIX = "stderr/"
CHECKPOINTS = (".pt", ".pth", ".th", ".t7", ".ckpt", ".safetensors", ".bin")
TEXTS = (".py", ".ipynb", ".csv", ".tsv", ".json", ".txt", ".md", ".yaml", ".yml", ".toml")
PICTURES = (".png", ".pdf", ".svg", ".html", ".jpg", ".eps")


class SurfaceFile:
    """Results of a run in the making. Use as a context manager: leaving it, also by an exception, saves everything.

    `path` None keeps the results in memory only. `group` is the measurement whose points are recorded, and `quantity` says
    what each of its results is.
    """

    def __init__(
        self,
        path: Path | None,
        surface: Surface,
        *,
        group: str = EVALUATION,
        quantity: Callable[[str], Quantity] = quantity_named,
        lock: OutputLock | None = None,
    ):
        self.path = path
        self.surface = surface
        self.group, self._quantity = group, quantity
        self._keeper = Keeper(path, lambda to: write_surface_file(self.surface, to), self._done, lock=lock)

    @classmethod
    def create(
        cls,
        path: str | Path | None,
        grid: Grid,
        provenance: Mapping,
        trails: Mapping[str, Trail] | None = None,
        quantity: Callable[[str], Quantity] = quantity_named,
    ) -> SurfaceFile:
        """A file with every point pending, written at once, so that an unwritable folder is an error before computing.

        Raises:
            SurfaceFileError: the folder is missing or not writable.
        """
        status = {EVALUATION: np.full(grid.shape, PENDING, np.uint8)}
        surface = Surface(grid, {}, {}, status, dict(trails or {}), plain(provenance), str(path or ""))
        if path:
            check_folder(Path(path))
        file = cls(Path(path) if path else None, surface, quantity=quantity)
        file._begin()
        return file

    @classmethod
    def open(
        cls,
        path: str | Path,
        grid: Grid,
        provenance: Mapping,
        quantity: Callable[[str], Quantity] = quantity_named,
    ) -> SurfaceFile:
        """Continues a file of the same run.

        Raises:
            SurfaceFileError: the file is damaged, foreign, or of another run; the message names the difference.
        """
        lock = locked(Path(path))  # before reading: what is read must still be there when it is written
        try:
            return cls(Path(path), surface_of_run(path, grid, provenance), quantity=quantity, lock=lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def create_or_open(
        cls,
        path: str | Path | None,
        grid: Grid,
        provenance: Mapping,
        *,
        trails: Mapping[str, Trail] | None = None,
        overwrite: bool = False,
        quantity: Callable[[str], Quantity] = quantity_named,
    ) -> SurfaceFile:
        """Continues `path` when it exists, unless it is to be overwritten; else starts it."""
        if path:
            check_folder(Path(path))
        if path and Path(path).exists() and not overwrite:
            return cls.open(path, grid, provenance, quantity)
        return cls.create(path, grid, provenance, trails, quantity)

    @classmethod
    def extend(
        cls,
        surface: Surface,
        path: str | Path | None,
        group: str,
        facts: Mapping,
        *,
        overwrite: bool = False,
        quantity: Callable[[str], Quantity] = quantity_named,
    ) -> SurfaceFile:
        """Adds a group of metrics, named `group...`, to an existing surface, or continues that group.

        `facts` say what the group is; they are kept in the provenance under its name. With `overwrite` what the group held
        is dropped; no other value changes.

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
                for name in [name for name in arrays if surface.quantity(name).group == group]:
                    del arrays[name]
            surface.status[group] = np.full(surface.shape, PENDING, np.uint8)
            surface.provenance[group] = plain(facts)
        if path:
            check_folder(Path(path))
        file = cls(Path(path) if path else None, surface, group=group, quantity=quantity)
        file._begin()
        return file

    @property
    def content(self) -> Surface:
        return self.surface

    def pending(self, group: str | None = None) -> list[int]:
        """See `Surface.pending`, for a group that the file has."""
        self._status(group)
        return self.surface.pending(group or self.group)

    def record(self, index: int, result: Mapping[str, Any], *, group: str | None = None, code: int = DONE) -> None:
        """Keeps one point's metrics (`stderr/NAME` for standard errors) under a status, and saves when a save is due."""
        for name, value in result.items():
            if name.startswith(DRAWN):
                self.surface.drawn.setdefault(name.removeprefix(DRAWN), {})[index] = np.asarray(value)
                continue
            is_error = name.startswith(STDERR_PREFIX)
            arrays = self.surface.stderr if is_error else self.surface.values
            key = name[len(STDERR_PREFIX) :] if is_error else name
            if key not in arrays:
                arrays[key] = np.full(self.surface.shape, np.nan)
                self.surface.quantities[key] = self._quantity(key)
            arrays[key].flat[index] = value
        self._mark(index, code, group)

    def record_failure(self, index: int, *, group: str | None = None) -> None:
        """Marks a point as failed; its values stay as they were."""
        self._mark(index, FAILED, group)

    def describe(self, name: str, facts: Mapping | str) -> None:
        """Adds facts known only afterwards to the part of the provenance that describes the run."""
        self.surface.provenance.setdefault("run", {})[name] = plain(facts)
        self._keeper.later()

    def forget_drawn(self) -> None:
        """Drops the values of single samples, which only a continued run needs."""
        self.surface.drawn.clear()
        self._keeper.later()

    def save(self) -> None:
        """Writes what is not on disk yet.

        Raises:
            SurfaceFileError: the disk is full or gone; the message names the rescue copy, if one could be written.
        """
        self._keeper.save()

    def __enter__(self) -> SurfaceFile:
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.save()
        finally:
            self.release()

    def release(self) -> None:
        """Lets others write the file; nothing is saved after this."""
        self._keeper.release()

    def standing(self, done: int, total: int) -> str:
        """How much of the run is where, in words."""
        return self._keeper.standing(done, total)

    def _begin(self) -> None:
        try:
            self._keeper.write()
        except BaseException:
            self.release()
            raise

    def _status(self, group: str | None) -> np.ndarray:
        group = group or self.group
        if group not in self.surface.status:
            has = ", ".join(self.surface.status) or "none"
            raise SurfaceFileError(f"no status '{group}' in {self.path or 'memory'}; it has {has}")
        return self.surface.status[group]

    def _mark(self, index: int, code: int, group: str | None) -> None:
        self._status(group).flat[index] = code
        self._keeper.changed()

    def _done(self) -> int:
        return max(int(np.count_nonzero(status)) for status in self.surface.status.values())


def surface_of_run(path: str | Path, grid: Grid, provenance: Mapping) -> Surface:
    """What the file of a run holds.

    Raises:
        SurfaceFileError: see `SurfaceFile.open`.
    """
    surface = read_surface_file(path)
    found = "the grid is " + _grid_text(surface.grid) + " in the file, " + _grid_text(grid) + " now"
    differing = (
        found if not surface.grid.same_as(grid) else difference(surface.provenance, provenance, added=surface.added)
    )
    if differing:
        raise AnotherRun(
            f"{path} holds another run: {differing}; give another -o, such as {_free(Path(path))}, or --overwrite to start again"
        )
    return surface


def _free(path: Path) -> Path:
    """A name beside it that no file has, with the least number from 2 on."""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(name for name in names if not name.exists())


def check_folder(path: Path) -> None:
    """Raises SurfaceFileError unless a file can be created beside `path`, or beside what a link of that name leads to."""
    if missing := missing_folder(path):
        raise SurfaceFileError(f"output {path}: {missing}; create it or give another -o")
    _check_name(path)
    try:
        place = replaceable(path)
    except OSError as error:
        if is_folder(path):
            raise SurfaceFileError(
                f"output {path}: is a folder; give a file name such as {path / 'surface.h5'}"
            ) from error
        raise SurfaceFileError(f"output {path}: {error.strerror or error}; give another -o") from error
    if not os.access(place.parent, os.W_OK):
        raise SurfaceFileError(f"output {path}: the folder {place.parent} is not writable; give another -o")
    _check_name(place)  # where a link leads
    if place.is_file() and holds_checkpoint(place):
        raise SurfaceFileError(f"output {path}: holds a checkpoint, which results do not replace; give another -o")


def _check_name(path: Path) -> None:
    """Raises SurfaceFileError for the name of something that results must not replace."""
    if path.suffix.lower() in PICTURES:
        raise SurfaceFileError(
            f"output {path}: is the name of a picture; give a file for the results such as {path.with_suffix('.h5')}, and draw "
            "it with --plot or landscape plot"
        )
    if path.suffix.lower() in CHECKPOINTS:  # --overwrite would replace a net by results
        raise SurfaceFileError(
            f"output {path}: is the name of a checkpoint; give a file for the results such as {path.with_suffix('.h5')}"
        )
    if path.suffix.lower() in TEXTS:  # nor code, such as that of the net
        raise SurfaceFileError(
            f"output {path}: is the name of code or a text; give a file for the results such as {path.with_suffix('.h5')}"
        )


def _grid_text(grid: Grid) -> str:
    return " x ".join(f"{a.name} {a.values[0]:g}:{a.values[-1]:g}:{len(a.values)}" for a in grid.axes)
