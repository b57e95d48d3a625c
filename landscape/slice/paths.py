"""Paths between nets: straight lines, Bezier curves and polygonal chains through weight space.

Owns: the shares of the control points at a place of a path, and `Paths`, the slice whose points are (place, number of the path).
Knows no loss and no training.

A point is a sum of control points with shares that add up to 1. At the ends one share is exactly 1 and all others are 0, so
the ends of every path are its nets bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape.errors import LandscapeError
from landscape.grid import CURVE, PATH, Axis, Grid
from landscape.slice.slice import Coords, nearest

LINE, BEZIER, NEB = "line", "bezier", "neb"  # a polychain is any other: straight from point to point
# Points at which the length of a path is summed up.
LENGTH_POINTS = 201


def shares(kind: str, count: int, t: float) -> tuple[float, ...]:
    """The shares of `count` control points at place `t` from 0 to 1; they add up to 1.

    A Bezier curve has the Bernstein polynomials of degree count - 1; all other kinds are chains of count - 1 straight pieces,
    each of which takes the same part of `t`.

    >>> shares("bezier", 3, 0.5), shares("polychain", 3, 0.25), shares("line", 2, 1.0)
    ((0.25, 0.5, 0.25), (0.5, 0.5, 0.0), (0.0, 1.0))
    """
    if kind == BEZIER:
        last = count - 1
        return tuple(math.comb(last, k) * t**k * (1.0 - t) ** (last - k) for k in range(count))
    piece = min(int(t * (count - 1)), count - 2)
    within = t * (count - 1) - piece
    found = [0.0] * count
    found[piece], found[piece + 1] = 1.0 - within, within
    return tuple(found)


def weighted(points: Sequence[Tensor], weights: Sequence[float], out: Tensor) -> Tensor:
    """Sum of points (n,) times their shares, in `out`; a point whose share is 1 comes out bit for bit."""
    used = [(point, weight) for point, weight in zip(points, weights, strict=True) if weight != 0.0]
    first, weight = used[0]
    out.copy_(first)
    if weight != 1.0:
        out.mul_(weight)
    for point, weight in used[1:]:
        out.add_(point, alpha=weight)
    return out


@dataclass(frozen=True, eq=False)
class Path:
    """One path: its control points, vectors (n,) of one layout, from the first net to the last."""

    kind: str
    points: tuple[Tensor, ...]

    def at(self, t: float, out: Tensor) -> Tensor:
        """The weights at place `t`, in `out`."""
        return weighted(self.points, shares(self.kind, len(self.points), t), out)

    def length(self) -> float:
        """Euclidean length: exact for chains, and of a chain through 201 points of a Bezier curve.

        From the products of the control points with each other, so that no point of the path is formed.
        """
        offsets = [point.double() - self.points[0].double() for point in self.points]
        gram = np.array([[float(a @ b) for b in offsets] for a in offsets])
        places = np.linspace(0, 1, LENGTH_POINTS) if self.kind == BEZIER else np.linspace(0, 1, len(self.points))
        found = np.array([shares(self.kind, len(self.points), t) for t in places])
        steps = np.diff(found, axis=0)
        return float(np.sqrt(np.maximum(np.einsum("si,ij,sj->s", steps, gram, steps), 0.0)).sum())


class Paths:
    """`at((t, k))` is place `t` of path number `k`; None stands for a path of the file that is not at hand."""

    def __init__(self, paths: Sequence[Path | None], places: np.ndarray, origin: Tensor, label: str = ""):
        """`places` (nt,) from 0 to 1; `origin` (n,): the weights of the subject, whose dtype and device the others have."""
        self.paths, self.origin = tuple(paths), origin
        self.grid = Grid(
            (Axis("x", places, label, CURVE), Axis("y", np.arange(float(len(self.paths))), "path", PATH)),
        )
        distinct = {id(point): point for path in self.paths if path for point in path.points}
        self.nbytes = sum(point.nbytes for point in distinct.values())

    def at(self, coords: Coords, *, out: Tensor | None = None) -> Tensor:
        path = self.paths[round(coords[1])]
        if path is None:
            raise LandscapeError(f"path {coords[1]:g} is not at hand")
        return path.at(float(coords[0]), torch.empty_like(self.origin) if out is None else out)

    def buffers(self, coords: Coords) -> Mapping[str, Tensor]:
        return {}

    def project(self, weights: Tensor) -> tuple[tuple[float, ...], float]:
        """The nearest point of the grid, and the distance to it."""
        held = [float(k) for k, path in enumerate(self.paths) if path]
        return nearest(self, weights, ((float(t), k) for k in held for t in self.grid.axes[0].values))
