"""A random direction that is not kept: drawn anew from its seed whenever it is gone along.

Owns: `Regenerated`. It holds the factors of its normalization, one for each filter, and a block of scratch; in numbers
it is, bit for bit, the direction that `gaussian` and `normalized` make.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from landscape.direction.blocks import blocks
from landscape.direction.filters import FilterRule
from landscape.direction.normalize import check_norm, ignored_names, scale_factors, unit_of
from landscape.direction.random import draw_, generator
from landscape.layout import Entry, Layout


class Regenerated:
    """The random direction of (seed, axis) over a layout; `reference` are the weights it was normalized to.

    The reference is read at every drawing when the norm is `weight`, so it must be weights that stay.
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
        ignore: str = "biasbn",
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
        """Of the vector it stands for."""
        return (self._layout.size,)

    @property
    def nbytes(self) -> int:
        """What it holds; scaling a block takes two to four times its size more for a moment."""
        held = [self._scratch, *self._factors.values()]
        return sum(tensor.numel() * tensor.element_size() for tensor in held)

    def pieces(self) -> Iterator[tuple[str, Tensor]]:
        for entry, _, drawn in self._drawn():
            # what is drawn as a whole is told in the same blocks as a tensor in memory
            parts = blocks(drawn.view(entry.shape)) if drawn.numel() == entry.numel else (drawn,)
            yield from ((entry.name, part) for part in parts)

    def add_to(self, vector: Tensor, coordinate: float) -> None:
        """vector += coordinate * direction, in place; `vector` (n,) of any dtype and device."""
        for entry, start, drawn in self._drawn():
            part = vector[entry.offset + start : entry.offset + start + len(drawn)]
            part.add_(drawn.to(part.device, part.dtype), alpha=coordinate)

    def vector(self, like: Tensor) -> Tensor:
        """All of it at once, as a vector of the dtype and device of `like`."""
        whole = torch.zeros_like(like)
        self.add_to(whole, 1.0)
        return whole

    def _drawn(self) -> Iterator[tuple[Entry, int, Tensor]]:
        """Each entry, place in it, and the finished block, valid until the next is asked for."""
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
        """Draws all once; what is ignored is drawn too, for the numbers after it depend on how many came before."""
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
