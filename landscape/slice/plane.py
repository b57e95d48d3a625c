"""A line or plane (or volume) through weight space: coordinates -> parameters, and back.

Owns: origin + sum of coordinate * direction, formed from the origin at every point so that no error accumulates, and
the projection of any weights on the plane. Knows no model and no loss. Nothing is copied per point: a plane holds its
origin and its directions, and writes into the vector it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from landscape.direction.pca import least_squares
from landscape.errors import LandscapeError
from landscape.grid import Grid
from landscape.surfaces.provenance import DirectionFacts

BLOCK = 1 << 20


class Line(Protocol):
    """A direction that need not be a vector in memory."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def nbytes(self) -> int: ...

    def add_to(self, vector: Tensor, coordinate: float) -> None:
        """vector += coordinate * direction, in place, with the bits that a stored direction would give."""

    def vector(self, like: Tensor) -> Tensor:
        """The direction as a vector of the dtype and device of `like`."""


class Plane:
    """The affine span of `directions` through `origin`: flat vectors (n,) of one dtype and device, or `Line`s."""

    def __init__(
        self,
        origin: Tensor,
        directions: Sequence[Tensor | Line],
        grid: Grid | None = None,
        facts: DirectionFacts | None = None,
    ):
        for direction in directions:
            if tuple(direction.shape) != tuple(origin.shape):
                raise LandscapeError(f"direction has {direction.shape[0]} entries, the origin has {origin.numel()}")
        self.origin = origin
        self.directions = tuple(directions)
        self.grid = grid or Grid()
        self.facts = facts or DirectionFacts()

    @property
    def ndim(self) -> int:
        return len(self.directions)

    @property
    def nbytes(self) -> int:
        """Bytes of origin and directions."""
        return sum(vector.nbytes for vector in (self.origin, *self.directions))

    def at(self, coords: Sequence[float], *, out: Tensor | None = None) -> Tensor:
        """(n,) parameters at `coords`; written into `out` when given. At zero they are the origin bit for bit."""
        if len(coords) != self.ndim:
            raise LandscapeError(f"{len(coords)} coordinates given, the slice has {self.ndim} axes")
        out = torch.empty_like(self.origin) if out is None else out
        out.copy_(self.origin)
        for coordinate, direction in zip(coords, self.directions, strict=True):
            if coordinate != 0.0:  # adding 0 * d would turn -0.0 into 0.0
                if isinstance(direction, Tensor):
                    out.add_(direction, alpha=float(coordinate))
                else:
                    direction.add_to(out, float(coordinate))
        return out

    def buffers(self, coords: Sequence[float]) -> Mapping[str, Tensor]:
        return {}

    def project(self, parameters: Tensor) -> tuple[tuple[float, ...], float]:
        """Least-squares coordinates of `parameters` (n,), and their Euclidean distance from the plane.

        Exact for directions that are neither orthogonal nor of unit length; solved in float64, block by block, so that
        no float64 copy of a vector is made.
        """
        vectors = self.vectors()
        gram = torch.zeros(self.ndim, self.ndim, dtype=torch.float64)
        along = torch.zeros(self.ndim, dtype=torch.float64)
        for offset, basis in self._blocks(parameters, vectors):
            gram += (basis @ basis.T).cpu()
            along += (basis @ offset).cpu()
        coords = least_squares(gram, along)
        squares = 0.0
        for offset, basis in self._blocks(parameters, vectors):
            squares += float((offset - coords.to(basis.device) @ basis).square().sum())
        return tuple(coords.tolist()), squares**0.5

    def vectors(self) -> list[Tensor]:
        """The directions as vectors (n,)."""
        return [line if isinstance(line, Tensor) else line.vector(self.origin) for line in self.directions]

    def _blocks(self, parameters: Tensor, vectors: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """(parameters - origin (m,), directions (ndim, m)) in float64, m entries at a time."""
        for start in range(0, len(self.origin), BLOCK):
            part = slice(start, start + BLOCK)
            offset = parameters[part].double() - self.origin[part].double()
            yield offset, torch.stack([vector[part].double() for vector in vectors])

    def cosine(self) -> float | None:
        """Cosine of the angle between the first two directions; None on a line or when one of them is zero."""
        if self.ndim < 2:
            return None
        x, y = (direction.double() for direction in self.vectors()[:2])
        norms = float(x.norm() * y.norm())
        return float(x @ y) / norms if norms > 0 else None
