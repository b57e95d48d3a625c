"""The points of a path as rows of one table, in memory or, where that is too small, in a scratch file.

Owns: how the table is cut into blocks of columns, and the two buffers that all blocks of a pass go through: a fresh one for each
block would have the system clear its pages again and again, which took more time than the products of the blocks. In the file
each block lies in one piece, so that a pass reads it from one end to the other. Knows no nets and no axes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from landscape.errors import LandscapeError

# Rows beyond this are kept in a scratch file; a block takes an eighth of it in float64.
BUDGET = 512 << 20
# Blocks have a multiple of this many columns.
COLUMNS = 1024


class Rows:
    """The points of a path, (count, size) of one dtype."""

    def __init__(self, count: int, size: int, dtype: torch.dtype, folder: Path | None = None, budget: int = BUDGET):
        """`folder`: where the scratch file goes; None is the system's folder for temporary files.

        Raises:
            LandscapeError: the scratch file cannot be made.
        """
        self.shape, self._dtype = (count, size), dtype
        self._width = max(1, budget // (8 * 8 * count * COLUMNS)) * COLUMNS
        self._table = self._file = None
        if count * size * dtype.itemsize <= budget:
            self._table = torch.zeros(count, size, dtype=dtype)
            return
        try:
            self._file = tempfile.TemporaryFile(dir=folder, prefix=".landscape-path.")  # noqa: SIM115
        except OSError as error:
            place = folder or "the folder of temporary files"
            raise LandscapeError(f"cannot write to {place}: {error.strerror or error}") from error

    @property
    def single(self) -> bool:
        """Whether they are in float32."""
        return self._dtype == torch.float32

    def put(self, number: int, row: Tensor) -> None:
        """Keeps a point (size,).

        Raises:
            LandscapeError: the disk is full.
        """
        row = row.detach().to("cpu", self._dtype).contiguous()
        if self._table is not None:
            self._table[number] = row
            return
        assert self._file is not None
        try:
            for part in self._parts():
                self._file.seek(self._place(part, number))
                self._file.write(row[part].numpy().data)
            self._file.flush()
        except OSError as error:
            need = self.shape[0] * row.nbytes
            raise LandscapeError(
                f"the path takes {need / 1e9:.1f} GB on disk while its axes are computed: {error.strerror or error}; make room, "
                "or take fewer of its nets"
            ) from error

    def blocks(self, anchor: int, dtype: torch.dtype = torch.float64) -> Iterator[tuple[slice, Tensor]]:
        """(columns, differences of all rows to the anchor there (count, m) in `dtype`), from left to right.

        A block may be written to, and is overwritten by the next one. Differences of float32 in float32 are off by half a unit in
        the last place, as if they were rounded from float64.
        """
        count = self.shape[0]
        block = torch.empty(count * min(self._width, self.shape[1]), dtype=dtype)
        stored = block if dtype == self._dtype else torch.empty_like(block, dtype=self._dtype)
        for part in self._parts():
            length = count * (part.stop - part.start)
            found = block[:length].view(count, -1)
            if self._table is not None:
                found.copy_(self._table[:, part])
            else:
                self._read(part, stored[:length])
                if stored is not block:
                    found.copy_(stored[:length].view(count, -1))
            found -= found[anchor].clone()
            yield part, found

    def _parts(self) -> Iterator[slice]:
        size = self.shape[1]
        return (slice(start, min(start + self._width, size)) for start in range(0, size, self._width))

    def _place(self, part: slice, number: int = 0) -> int:
        """Where in the file these columns of a row begin."""
        return (self.shape[0] * part.start + number * (part.stop - part.start)) * self._dtype.itemsize

    def _read(self, part: slice, into: Tensor) -> None:
        assert self._file is not None
        self._file.seek(self._place(part))
        self._file.readinto(into.view(torch.uint8).numpy().data)


def filled(count: int, size: int, points: Iterable[Tensor], folder: Path | None = None) -> Rows:
    """The rows of `count` points, each (size,), read one after the other."""
    rows: Rows | None = None
    for number, point in enumerate(points):
        rows = rows or Rows(count, size, point.dtype, folder)
        rows.put(number, point)
    assert rows is not None
    return rows
