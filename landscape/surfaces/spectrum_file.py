"""The file of a spectrum in the making.

Owns: starting, continuing and saving it. How a result is put into a block is the business of the measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from landscape.errors import SurfaceFileError
from landscape.surfaces.file import check_folder
from landscape.surfaces.keeper import Keeper
from landscape.surfaces.same_run import difference, plain
from landscape.surfaces.spectrum import Block, Spectrum, load_spectrum, write_spectrum

Merge = Callable[[Spectrum, int, Mapping[str, float]], Spectrum]


class SpectrumFile:
    """`merge(spectrum, task, result)` is the spectrum with the result of a task; `path` None keeps it in memory."""

    def __init__(self, path: Path | None, spectrum: Spectrum, merge: Merge):
        self.content, self._merge, self._results = spectrum, merge, 0
        self._keeper = Keeper(path, lambda to: write_spectrum(self.content, to), lambda: self._results, "tasks")
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
        if path is None or not path.exists() or overwrite:
            empty = {name: Block(name, dimension) for name, dimension in blocks.items()}
            return cls(path, Spectrum(empty, plain(provenance), str(path or "")), merge)
        found = load_spectrum(path)
        if differing := difference(found.provenance, provenance):
            raise SurfaceFileError(
                f"{path} holds another spectrum: {differing}; give another -o, or --overwrite to start again"
            )
        return cls(path, found, merge)

    def record(self, index: int, result: Mapping[str, float]) -> None:
        self.content = self._merge(self.content, index, result)
        self._results += 1
        self._keeper.changed()

    def record_failure(self, index: int) -> None:
        """A failed task stays pending."""

    def save(self) -> None:
        self._keeper.save()
