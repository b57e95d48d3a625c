"""The weights of a net where they are stored: in a file that is mapped into memory, or in tensors of somebody else.

Owns: reading them block by block as if they were one flat vector, so that a sweep needs no copy of its origin. What was
read of a mapped file is given back at once (pages.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from landscape.layout import Layout, real_form
from landscape.pages import Unchanged, give_back, in_files

# 1 MB of float32.
BLOCK = 1 << 18


class Stored:
    """Named tensors in the order of a layout; they must not change while this is in use.

    `dtype`: in which they are read; None: each in its own. `of_file`: they were read from a file by us, and nobody writes to
    them, so that their memory may be given back where they are mapped.
    """

    def __init__(
        self, layout: Layout, tensors: Mapping[str, Tensor], *, dtype: torch.dtype | None = None, of_file: bool = False
    ):
        self.layout, self.dtype = layout, dtype
        self.tensors = {
            entry.name: real_form(tensors[entry.name].detach()) for entry in layout.entries if entry.name in tensors
        }
        self._flat = {name: tensor.reshape(-1) for name, tensor in self.tensors.items()}
        self._of_file = of_file
        self._mapped = in_files(self._flat) if of_file else {}
        self._files = Unchanged(each.path for each in self._mapped.values())

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the flat vector."""
        return (self.layout.size,)

    def numel(self) -> int:
        return self.layout.size

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors that are in memory of their own."""
        return sum(flat.nbytes for name, flat in self._flat.items() if name not in self._mapped)

    def kind(self, name: str) -> torch.dtype:
        """The dtype in which a tensor is read."""
        return self.dtype or self.tensors[name].dtype

    def read(self, name: str, start: int, stop: int) -> Tensor:
        """(stop - start,) entries of a flattened tensor on the CPU, as a copy.

        Raises:
            LandscapeError: its file was written to since this was made, or meanwhile.
        """
        files = [self._mapped[name].path] if name in self._mapped else []
        part = torch.empty(stop - start, dtype=self.kind(name))
        self._files.check(files)
        self._write(name, start, stop, part)
        self._files.check(files)
        return part

    def copy_to(self, out: Tensor) -> None:
        """Writes every entry into a vector (size,) of any dtype and device; what lies between the entries is left alone.

        Raises:
            LandscapeError: a file was written to since this was made, or meanwhile.
        """
        self.check()
        offsets = {entry.name: entry.offset for entry in self.layout.entries}
        for name, start, stop in self.places():
            self._write(name, start, stop, out[offsets[name] + start : offsets[name] + stop])
        self.check()

    def watch(self, tensors: Sequence[Tensor]) -> None:
        """Checks the files of further tensors too, which are read by somebody else."""
        if self._of_file:
            named = {str(number): tensor for number, tensor in enumerate(tensors)}
            self._files.add(each.path for each in in_files(named).values())

    def check(self) -> None:
        """Raises LandscapeError if a file was written to since this was made."""
        self._files.check()

    def vector(self, device: torch.device | str = "cpu", dtype: torch.dtype | None = None) -> Tensor:
        """(size,) all of it in memory, zero between the entries; `dtype`: another than they are read in."""
        out = torch.zeros(self.layout.size, dtype=dtype or self.dtype, device=device)
        self.copy_to(out)
        return out

    def places(self) -> Iterator[tuple[str, int, int]]:
        """(name, start, stop) of the blocks that all entries are divided into."""
        for entry in self.layout.entries:
            if entry.name in self._flat:
                for start in range(0, entry.numel, BLOCK):
                    yield entry.name, start, min(start + BLOCK, entry.numel)

    def _write(self, name: str, start: int, stop: int, out: Tensor) -> None:
        part = self._flat[name][start:stop]
        out.copy_(part)
        if name in self._mapped:
            give_back(part, self._mapped[name])
