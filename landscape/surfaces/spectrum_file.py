"""The file of a spectrum in the making.

Owns: starting, continuing and saving it. How a result is put into a block is the business of the measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from landscape.atomic import OutputLock
from landscape.errors import SurfaceFileError
from landscape.surfaces.file import check_folder
from landscape.surfaces.keeper import Keeper, locked
from landscape.surfaces.same_run import difference, plain
from landscape.surfaces.spectrum import Block, Spectrum, load_spectrum, write_spectrum

Merge = Callable[[Spectrum, int, Mapping[str, float]], Spectrum]


class SpectrumFile:
    """`merge(spectrum, task, result)` is the spectrum with the result of a task; `path` None keeps it in memory."""

    def __init__(self, path: Path | None, spectrum: Spectrum, merge: Merge, lock: OutputLock | None = None):
        self.content, self._merge, self._results = spectrum, merge, 0
        self._keeper = Keeper(path, lambda to: write_spectrum(self.content, to), lambda: self._results, "tasks", lock)
        self._keeper.write()

    @classmethod
    def create_or_open(
        cls, path: Path | None, blocks: Mapping[str, int], provenance: Mapping, merge: Merge, *, overwrite: bool = False
    ) -> SpectrumFile:
        """Continues `path` when it exists, unless it is to be overwritten; `blocks` are dimensions by name.

        Raises:
            SurfaceFileError: the folder is missing, or the file is damaged or of another run.
        """
        if path is not None:
            check_folder(path)
        lock = locked(path) if path is not None else None
        try:
            return cls(path, _begun(path, blocks, provenance, overwrite), merge, lock)
        except BaseException:
            if lock is not None:
                lock.release()
            raise

    def record(self, index: int, result: Mapping[str, float]) -> None:
        self.content = self._merge(self.content, index, result)
        self._results += 1
        self._keeper.changed()

    def record_failure(self, index: int) -> None:
        """A failed task stays pending."""

    def save(self) -> None:
        self._keeper.save()

    def release(self) -> None:
        """Lets others write the file; nothing is saved after this."""
        self._keeper.release()

    def standing(self, done: int, total: int) -> str:
        """How much of the run is where, in words."""
        return self._keeper.standing(done, total)


def _begun(path: Path | None, blocks: Mapping[str, int], provenance: Mapping, overwrite: bool) -> Spectrum:
    """What the file of this spectrum holds, or one with nothing in it."""
    if path is None or not path.exists() or overwrite:
        return Spectrum({name: Block(name, n) for name, n in blocks.items()}, plain(provenance), str(path or ""))
    found = load_spectrum(path)
    if differing := difference(found.provenance, provenance):
        raise SurfaceFileError(
            f"{path} holds another spectrum: {differing}; give another -o, or --overwrite to start again"
        )
    return found
