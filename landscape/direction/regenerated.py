"""A direction that is computed again at each use instead of kept in memory: drawn from its seed, or read from two nets.

Owns: `Regenerated`. It holds its normalization factors, one for each filter, and one block of scratch memory. Its values
are bit for bit those of the direction that `gaussian` or `weight_difference`, and `normalized` make.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor

from landscape.direction.blocks import BLOCK, blocks
from landscape.direction.filters import FilterRule
from landscape.direction.normalize import check_norm, ignored_names, scale_factors, unit_of
from landscape.layout import Entry, Layout
from landscape.pages import give_back_freed
from landscape.stored import Stored


class Source(Protocol):
    """The values of a direction before normalization."""

    @property
    def dtype(self) -> torch.dtype: ...

    def begin(self) -> Callable[[Entry, int, Tensor], None]:
        """A pass over all values: fills blocks (entry, start within it, out), which follow one another without gaps."""


class Regenerated:
    """A direction over a layout, normalized to the weights `reference`.

    With the norm `weight` the reference is read at each use, so it must not change.
    """

    def __init__(
        self,
        layout: Layout,
        reference: Stored,
        rules: Mapping[str, FilterRule],
        source: Source,
        *,
        norm: str = "filter",
        ignore: str | Collection[str] = "biasbn",
        provenance: dict | None = None,
    ):
        check_norm(norm)
        self.provenance = provenance or {}
        self.layout, self._reference, self._source, self._norm = layout, reference, source, norm
        self._left_out = ignored_names({name: reference.tensors[name] for name in layout.names}, ignore)
        self._units = {entry.name: unit_of(rules[entry.name], norm) for entry in layout.entries}
        longest = max(stop - start for unit in self._units.values() for start, stop in unit.spans)
        self._scratch = torch.empty(longest, dtype=source.dtype)
        self._factors = self._make_factors()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the flat vector."""
        return (self.layout.size,)

    @property
    def nbytes(self) -> int:
        """Bytes held; scaling a block temporarily takes another two to four times the size of a block."""
        held = [self._scratch, *self._factors.values()]
        return sum(tensor.numel() * tensor.element_size() for tensor in held)

    def named_blocks(self) -> Iterator[tuple[str, Tensor]]:
        for entry, _, block in self.pieces():
            # a tensor that is computed as a whole is divided into the same blocks as one in memory
            parts = blocks(block.view(entry.shape)) if block.numel() == entry.numel else (block,)
            yield from ((entry.name, part) for part in parts)

    def add_to(self, vector: Tensor, coordinate: float) -> None:
        """vector += coordinate * direction, in place; `vector` (n,) of any dtype and device."""
        for entry, start, block in self.pieces():
            part = vector[entry.offset + start : entry.offset + start + len(block)]
            part.add_(block.to(part.device, part.dtype), alpha=coordinate)

    def vector(self, like: Tensor) -> Tensor:
        """The whole direction as a vector with the shape, dtype and device of `like`."""
        whole = torch.zeros_like(like)
        self.add_to(whole, 1.0)
        return whole

    def pieces(self) -> Iterator[tuple[Entry, int, Tensor]]:
        """(entry, start within it, finished block); a block is valid until the next one is made."""
        fill = self._source.begin()
        for entry in self.layout.entries:
            unit = self._units[entry.name]
            for start, stop in unit.spans:
                block = self._scratch[: stop - start]
                fill(entry, start, block)
                if entry.name in self._left_out:
                    block.zero_()
                elif self._norm == "weight":
                    block.mul_(self._reference.read(entry.name, start, stop).to(block.dtype))
                elif entry.name in self._factors:
                    unit.scale_block_(block, self._factors[entry.name], (start, stop))
                yield entry, start, block

    def _make_factors(self) -> dict[str, Tensor]:
        """Computes the direction once, ignored tensors included, because they advance a generator."""
        if self._norm in ("weight", "none"):
            return {}
        fill, factors = self._source.begin(), {}
        for entry in self.layout.entries:
            unit = self._units[entry.name]
            made = self._filled(fill, entry, unit)
            if entry.name in self._left_out:
                for _ in made:
                    pass
            else:
                reference = (self._reference.read(entry.name, start, stop) for start, stop in unit.spans)
                factors[entry.name] = scale_factors(made, reference, unit, self._norm)
            if entry.numel >= BLOCK:
                give_back_freed()  # factors lie between freed blocks, or the heap would grow with every tensor
        return factors

    def _filled(self, fill: Callable[[Entry, int, Tensor], None], entry: Entry, unit: FilterRule) -> Iterator[Tensor]:
        for start, stop in unit.spans:
            fill(entry, start, self._scratch[: stop - start])
            yield self._scratch[: stop - start]
