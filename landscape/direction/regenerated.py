"""A random direction that is regenerated from its seed at each use instead of kept in memory.

Owns: `Regenerated`. It holds its normalization factors, one for each filter, and one block of scratch memory. Its values
are bit for bit those of the direction that `gaussian` and `normalized` make.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import torch
from torch import Tensor

from landscape.direction.blocks import blocks
from landscape.direction.filters import FilterRule
from landscape.direction.normalize import check_norm, ignored_names, scale_factors, unit_of
from landscape.direction.random import draw_, generator
from landscape.layout import Entry, Layout


class Regenerated:
    """The random direction of (seed, axis) over a layout, normalized to the weights `reference`.

    With the norm `weight` the reference is read at each use, so it must not change.
    """

    def __init__(
        self,
        layout: Layout,
        reference: Mapping[str, Tensor],
        rules: Mapping[str, FilterRule],
        *,
        seed: int,
        axis: int,
        norm: str = "filter",
        ignore: str | Collection[str] = "biasbn",
        provenance: dict | None = None,
    ):
        check_norm(norm)
        self.provenance = provenance or {}
        self._layout, self._reference, self._seed, self._axis, self._norm = layout, reference, seed, axis, norm
        self._left_out = ignored_names(reference, ignore)
        self._units = {entry.name: unit_of(rules[entry.name], norm) for entry in layout.entries}
        longest = max(stop - start for unit in self._units.values() for start, stop in unit.spans)
        self._scratch = torch.empty(longest, dtype=torch.float32)
        self._factors = self._make_factors()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the flat vector."""
        return (self._layout.size,)

    @property
    def nbytes(self) -> int:
        """Bytes held; scaling a block temporarily takes another two to four times the size of a block."""
        held = [self._scratch, *self._factors.values()]
        return sum(tensor.numel() * tensor.element_size() for tensor in held)

    def named_blocks(self) -> Iterator[tuple[str, Tensor]]:
        for entry, _, drawn in self._drawn():
            # a tensor that is drawn as a whole is divided into the same blocks as one in memory
            parts = blocks(drawn.view(entry.shape)) if drawn.numel() == entry.numel else (drawn,)
            yield from ((entry.name, part) for part in parts)

    def add_to(self, vector: Tensor, coordinate: float) -> None:
        """vector += coordinate * direction, in place; `vector` (n,) of any dtype and device."""
        for entry, start, drawn in self._drawn():
            part = vector[entry.offset + start : entry.offset + start + len(drawn)]
            part.add_(drawn.to(part.device, part.dtype), alpha=coordinate)

    def vector(self, like: Tensor) -> Tensor:
        """The whole direction as a vector with the shape, dtype and device of `like`."""
        whole = torch.zeros_like(like)
        self.add_to(whole, 1.0)
        return whole

    def _drawn(self) -> Iterator[tuple[Entry, int, Tensor]]:
        """(entry, start within it, finished block); a block is valid until the next one is drawn."""
        source = generator(self._seed, self._axis)
        for entry in self._layout.entries:
            unit = self._units[entry.name]
            for start, stop in unit.spans:
                block = draw_(source, self._scratch[: stop - start])
                if entry.name in self._left_out:
                    block.zero_()
                elif self._norm == "weight":
                    weights = self._reference[entry.name].reshape(-1)[start:stop]
                    block.mul_(weights.to("cpu", torch.float32))
                elif entry.name in self._factors:
                    unit.scale_block_(block, self._factors[entry.name], (start, stop))
                yield entry, start, block

    def _make_factors(self) -> dict[str, Tensor]:
        """Draws the direction once, ignored tensors included, because they advance the generator."""
        source = generator(self._seed, self._axis)
        factors = {}
        for entry in self._layout.entries:
            unit = self._units[entry.name]
            drawn = (draw_(source, self._scratch[: stop - start]) for start, stop in unit.spans)
            if entry.name in self._left_out or self._norm in ("weight", "none"):
                for _ in drawn:
                    pass
            else:
                factors[entry.name] = scale_factors(drawn, self._reference[entry.name].cpu(), unit, self._norm)
        return factors
