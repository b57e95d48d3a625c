"""Slices outside of any plane: at every point the weights are a function of those of the net, such as these rounded to x bits.

Owns: `Transform`, which says what the weights become, and `Transformed`, the slice that it makes of a net. Knows no particular
transform: each is a file of its own. The package itself has none, as with shapes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from landscape.errors import LandscapeError
from landscape.grid import Range
from landscape.layout import Layout
from landscape.slice.shape import Form
from landscape.slice.slice import Coords, nearest


@dataclass(frozen=True)
class Transform(Form):
    """A form that needs no directions."""

    directions = 0

    @abstractmethod
    def weights(self, tensors: Mapping[str, Tensor], coords: Coords) -> Mapping[str, Tensor]:
        """The tensors that differ from those of the net at `coords`, by name and of the same shapes; the others stay.

        `tensors`: those of the net, which must not be written to. The result must depend on nothing else, or ranks differ.
        """


class Transformed:
    """A transform of the weights `origin` (n,), laid out as `layout` says."""

    def __init__(self, origin: Tensor, layout: Layout, transform: Transform, ranges: Sequence[Range]):
        self._origin, self._layout, self.transform = origin, layout, transform
        self.grid, self.nbytes = transform.grid(ranges), origin.nbytes

    def at(self, coords: Coords, *, out: Tensor | None = None) -> Tensor:
        """Raises LandscapeError for a tensor that the net does not have, or of another shape, and for writing to the net's."""
        before = self._origin._version
        moved = self.transform.weights(self._layout.named(self._origin), coords)
        if self._origin._version != before:  # every later point would be another one
            raise LandscapeError(f"{self.transform.facts['kind']}: it wrote to the net's tensors; expected new ones")
        out = self._origin.clone() if out is None else out.copy_(self._origin)
        there = self._layout.named(out)
        for name, tensor in moved.items():
            if name not in there or there[name].shape != tensor.shape:
                held = f"{tuple(there[name].shape)}" if name in there else "nothing of this name"
                raise LandscapeError(
                    f"{self.transform.facts['kind']}: tensor {name} of shape {tuple(tensor.shape)}; expected {held}, as the net's"
                )
            there[name].copy_(tensor)
        return out

    def buffers(self, coords: Coords) -> Mapping[str, Tensor]:
        return {}

    def project(self, weights: Tensor) -> tuple[tuple[float, ...], float]:
        """The nearest point of the grid, and the distance to it."""
        return nearest(self, weights)
