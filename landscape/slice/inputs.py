"""A plane through the input of one sample: coordinates -> inputs of the net, and back.

Owns: `Inputs`, which moves pixels and leaves the weights where they are, and the part of the plane whose pixels are all valid.
Where the directions come from is known in input_directions.py. Knows no net and no loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from landscape.data.pixels import Pixels
from landscape.grid import Grid
from landscape.polygon import cut
from landscape.slice.plane import Plane, in_memory

# A pixel is valid up to this much: the net's input is a rounded number.
SLACK = 1e-6


class Inputs:
    """`sample` (1, ...) plus coordinates times `directions` (1, ...) of pixels; `clip` cuts every pixel to its valid range.

    At zero it is the sample bit for bit.
    """

    def __init__(self, sample: Tensor, directions: Sequence[Tensor], grid: Grid, pixels: Pixels, *, clip: bool = False):
        self.grid, self.shape, self._pixels = grid, tuple(sample.shape), pixels
        self._plane = Plane(sample.reshape(-1), [pixels.scaled(each).reshape(-1) for each in directions], grid)
        self._values, self._moves = pixels.of(sample).reshape(-1), [each.reshape(-1) for each in directions]
        room = pixels.room(sample) if clip else None
        self._room = None if room is None else [pixels.scaled(each).reshape(-1) for each in room]

    @property
    def nbytes(self) -> int:
        return self._plane.nbytes

    def at(self, coords: Sequence[float], *, out: Tensor | None = None) -> Tensor:
        """(n,) the entries of the net's input at `coords`."""
        found = self._plane.at(coords, out=out)
        if self._room is not None:
            origin, (low, high) = in_memory(self._plane.origin), self._room
            found.copy_(origin + torch.minimum(torch.maximum(found - origin, low), high))
        return found

    def buffers(self, coords: Sequence[float]) -> Mapping[str, Tensor]:
        return {}

    def project(self, inputs: Tensor) -> tuple[tuple[float, ...], float]:
        """Coordinates of the point of the plane nearest to inputs (n,) of the net, and their distance in its units."""
        return self._plane.project(inputs)

    @property
    def cosine(self) -> float | None:
        """Of the angle between the directions of pixels."""
        x, y = (each.double() for each in self._moves)
        norms = float(x.norm() * y.norm())
        return float(x @ y) / norms if norms > 0 else None

    def outside(self, coords: Sequence[float]) -> float | None:
        """The share of pixels that are not valid at `coords`, before they are cut; None where every value is valid."""
        if self._pixels.box is None:
            return None
        moved = self._values + sum(c * each for c, each in zip(coords, self._moves, strict=True))
        low, high = self._pixels.box
        return float(((moved < low - SLACK) | (moved > high + SLACK)).double().mean())

    def valid(self) -> np.ndarray | None:
        """(k, 2) the corners of the part of the grid's rectangle where all pixels are valid, in order; None: any value is."""
        if self._pixels.box is None:
            return None
        low, high = self._pixels.box
        moves = np.stack([each.double().numpy() for each in self._moves], axis=1)
        values = self._values.double().numpy()
        # normal · place <= bound, for both ends of every pixel
        normals = np.concatenate([moves, -moves])
        bounds = np.concatenate([high - values, values - low]).clip(min=0.0) + SLACK
        x, y = (axis.values for axis in self.grid.axes)
        return cut(np.array([[x[0], y[0]], [x[-1], y[0]], [x[-1], y[-1]], [x[0], y[-1]]]), normals, bounds)
