"""A line or plane (or volume) through weight space: coordinates -> parameters, and back.

Owns: origin + sum of coordinate * direction, formed from the origin at every point so that no error accumulates, and
the projection of any weights on the plane. Knows no model and no loss.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from landscape.errors import LandscapeError


class Plane:
    """The affine span of `directions` through `origin`, all flat vectors (n,) of one dtype and device."""

    def __init__(self, origin: Tensor, directions: Sequence[Tensor]):
        for direction in directions:
            if direction.shape != origin.shape:
                raise LandscapeError(f"direction has {direction.numel()} entries, the origin has {origin.numel()}")
        self.origin = origin
        self.directions = tuple(directions)

    @property
    def ndim(self) -> int:
        return len(self.directions)

    def at(self, coords: Sequence[float], *, out: Tensor | None = None) -> Tensor:
        """(n,) parameters at `coords`; written into `out` when given. At zero they are the origin bit for bit."""
        if len(coords) != self.ndim:
            raise LandscapeError(f"{len(coords)} coordinates given, the slice has {self.ndim} axes")
        out = torch.empty_like(self.origin) if out is None else out
        out.copy_(self.origin)
        for coordinate, direction in zip(coords, self.directions, strict=True):
            if coordinate != 0.0:  # adding 0 * d would turn -0.0 into 0.0
                out.add_(direction, alpha=float(coordinate))
        return out

    def project(self, parameters: Tensor) -> tuple[tuple[float, ...], float]:
        """Least-squares coordinates of `parameters` (n,), and their Euclidean distance from the plane.

        Exact for directions that are neither orthogonal nor of unit length; solved in float64.
        """
        offset = parameters.double() - self.origin.double()
        basis = torch.stack([direction.double() for direction in self.directions], dim=1)
        coords = torch.linalg.lstsq(basis, offset.unsqueeze(1), driver="gelsd" if basis.is_cpu else None).solution[:, 0]
        residual = torch.linalg.vector_norm(offset - basis @ coords)
        return tuple(coords.tolist()), float(residual)

    def cosine(self) -> float | None:
        """Cosine of the angle between the first two directions; None on a line or when one of them is zero."""
        if self.ndim < 2:
            return None
        x, y = (direction.double() for direction in self.directions[:2])
        norms = float(x.norm() * y.norm())
        return float(x @ y) / norms if norms > 0 else None
