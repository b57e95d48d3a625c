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
from landscape.direction.regenerated import Regenerated
from landscape.errors import LandscapeError
from landscape.grid import Grid
from landscape.stored import Stored
from landscape.surfaces.provenance import DirectionFacts

BLOCK = 1 << 20


def in_memory(origin: Tensor | Stored) -> Tensor:
    """(n,) a vector with the values of an origin, which is that vector or is stored elsewhere."""
    return origin if isinstance(origin, Tensor) else origin.vector()


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
    """The affine span of `directions` through `origin`: flat vectors (n,) of one dtype and device, or `Line`s and `Stored`."""

    def __init__(
        self,
        origin: Tensor | Stored,
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
        """(n,) parameters at `coords`; written into `out` when given. At zero they are the origin bit for bit.

        A vector in bfloat16 gets each sum rounded once.
        """
        if len(coords) != self.ndim:
            raise LandscapeError(f"{len(coords)} coordinates given, the slice has {self.ndim} axes")
        if out is None:
            out = self.origin.clone() if isinstance(self.origin, Tensor) else self.origin.vector()
        elif isinstance(self.origin, Stored) and out.dtype == torch.bfloat16:
            self._round_into(out, coords)
            return out
        elif isinstance(self.origin, Tensor):
            out.copy_(self.origin)
        else:
            self.origin.copy_to(out)
        for coordinate, direction in zip(coords, self.directions, strict=True):
            if coordinate != 0.0:  # adding 0 * d would turn -0.0 into 0.0
                if isinstance(direction, Tensor):
                    out.add_(direction, alpha=float(coordinate))
                else:
                    direction.add_to(out, float(coordinate))
        return out

    def _round_into(self, out: Tensor, coords: Sequence[float]) -> None:
        """As `at`, into a vector of a narrow dtype: each sum is formed block by block where it is read, and rounded once."""
        assert isinstance(self.origin, Stored)
        moving = [pair for pair in zip(self.directions, coords, strict=True) if pair[1] != 0.0]
        self.origin.copy_to(out)
        lines = [line for line, _ in moving if isinstance(line, Regenerated)]  # a stored origin goes with these
        for pieces in zip(*(line.pieces() for line in lines), strict=True):
            entry, start, block = pieces[0]
            total = self.origin.read(entry.name, start, start + len(block))
            for (_, _, step), (_, coordinate) in zip(pieces, moving, strict=True):
                total.add_(step, alpha=float(coordinate))
            out[entry.offset + start : entry.offset + start + len(block)] = total

    def buffers(self, coords: Sequence[float]) -> Mapping[str, Tensor]:
        return {}

    def project(self, parameters: Tensor | Stored) -> tuple[tuple[float, ...], float]:
        """Least-squares coordinates of `parameters` (n,), and their Euclidean distance from the plane.

        Exact for directions that are neither orthogonal nor of unit length; solved in float64, block by block, so that
        no float64 copy of a vector is made.
        """
        gram = torch.zeros(self.ndim, self.ndim, dtype=torch.float64)
        along = torch.zeros(self.ndim, dtype=torch.float64)
        for offset, basis in self._blocks(parameters):
            gram += (basis @ basis.T).cpu()
            along += (basis @ offset).cpu()
        coords = least_squares(gram, along)
        squares = 0.0
        for offset, basis in self._blocks(parameters):
            offset.sub_(coords.to(basis.device) @ basis)  # a block is made for this alone
            squares += float(offset.square_().sum())
        return tuple(coords.tolist()), squares**0.5

    def vectors(self) -> list[Tensor]:
        """The directions as vectors (n,)."""
        return [line if isinstance(line, Tensor) else line.vector(in_memory(self.origin)) for line in self.directions]

    def _blocks(self, parameters: Tensor | Stored) -> Iterator[tuple[Tensor, Tensor]]:
        """(parameters - origin (m,), directions (ndim, m)) in float64, m entries at a time."""
        if isinstance(parameters, Stored):
            yield from self._streamed(parameters)
            return
        vectors, origin = self.vectors(), in_memory(self.origin)
        for start in range(0, len(origin), BLOCK):
            part = slice(start, start + BLOCK)
            offset = parameters[part].double() - origin[part].double()
            yield offset, torch.stack([vector[part].double() for vector in vectors])

    def _streamed(self, parameters: Stored) -> Iterator[tuple[Tensor, Tensor]]:
        """As `_blocks`, with the blocks of directions that are not in memory either."""
        origin, lines = self.origin, [line for line in self.directions if isinstance(line, Regenerated)]
        assert isinstance(origin, Stored) and len(lines) == self.ndim > 0
        for pieces in zip(*(line.pieces() for line in lines), strict=True):
            entry, start, block = pieces[0]
            where = (entry.name, start, start + len(block))
            offset = parameters.read(*where).double().sub_(origin.read(*where))  # few copies: they count beside one net
            basis = torch.empty(self.ndim, len(block), dtype=torch.float64)
            for row, (_, _, piece) in zip(basis, pieces, strict=True):
                row.copy_(piece)
            yield offset, basis
        inside = set(lines[0].layout.names)
        for name, start, stop in origin.places():
            if name not in inside:
                offset = parameters.read(name, start, stop).double() - origin.read(name, start, stop).double()
                yield offset, torch.zeros(self.ndim, len(offset), dtype=torch.float64)

    def cosine(self) -> float | None:
        """Cosine of the angle between the first two directions; None on a line or when one of them is zero."""
        if self.ndim < 2:
            return None
        x, y = (direction.double() for direction in self.vectors()[:2])
        norms = float(x.norm() * y.norm())
        return float(x @ y) / norms if norms > 0 else None
