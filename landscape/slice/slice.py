"""What weights a run visits: coordinates -> weights, and back.

Owns: the interface `Slice`, and `Here`, the slice that is one point. A line or plane is `Plane` (plane.py), what bends within
one has a `Shape` (shape.py); the checkpoints of a training run are `Steps` (steps.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from torch import Tensor

from landscape.grid import Grid

Coords = Sequence[float]


class Slice(Protocol):
    @property
    def grid(self) -> Grid:
        """The points at which something is measured."""

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and directions that the slice holds."""

    def at(self, coords: Coords, *, out: Tensor | None = None) -> Tensor:
        """(n,) weights at `coords`, in the layout of the subject; written into `out` when given."""

    def buffers(self, coords: Coords) -> Mapping[str, Tensor]:
        """Tensors of the net at `coords` that are not in the vector, such as BN statistics; empty if none move."""

    def project(self, weights: Tensor) -> tuple[tuple[float, ...], float]:
        """Coordinates of the point of the slice that is nearest to `weights` (n,), and the distance to it."""


def nearest(
    slice: Slice, weights: Tensor, places: Iterable[tuple[float, ...]] | None = None
) -> tuple[tuple[float, ...], float]:
    """The first of some places of a slice that is nearest to `weights` (n,), and the distance to it; None: of its grid."""
    places = map(slice.grid.coordinates, range(slice.grid.size)) if places is None else places
    wanted = weights.double()
    found = {place: float((slice.at(place).double() - wanted).norm()) for place in places}
    place = min(found, key=lambda each: found[each])
    return place, found[place]


class Here:
    """One point: the weights of the net itself."""

    def __init__(self, origin: Tensor):
        self.origin = origin
        self.grid = Grid()
        self.nbytes = origin.nbytes

    def at(self, coords: Coords = (), *, out: Tensor | None = None) -> Tensor:
        return self.origin.clone() if out is None else out.copy_(self.origin)

    def buffers(self, coords: Coords = ()) -> Mapping[str, Tensor]:
        return {}

    def project(self, weights: Tensor) -> tuple[tuple[float, ...], float]:
        return (), float((weights.double() - self.origin.double()).norm())
