"""Slices that bend within a plane of weights, such as a circle around the net.

Owns: `Form`, what a command states of a slice of its own; `Shape`, one that says where in a plane the points lie; and `Within`,
the slice that it makes of a plane. Slices outside of any plane are in transform.py. Knows no particular shape: each is a file of
its own.

The package itself has no shape; additions of others derive from it, as the circle in tests/slice/test_shape.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from landscape.grid import PARAMETER, Grid, Range
from landscape.slice.plane import Plane
from landscape.slice.slice import Coords, nearest


@dataclass(frozen=True)
class Form(ABC):
    """A dataclass whose fields, numbers and texts, decide the points of a slice together with the net and its directions.

    Attributes:
        labels: of its axes in figures, first x.
        directions: how many it needs, up to three.
    """

    labels: ClassVar[tuple[str, ...]]
    directions: ClassVar[int]

    @property
    def facts(self) -> dict[str, Any]:
        """Its kind and its fields, as the provenance keeps them: another value is another run."""
        return {"kind": type(self).__name__.lower(), **asdict(self)}

    def grid(self, ranges: Sequence[Range]) -> Grid:
        made = Grid.of(*ranges, labels=self.labels)
        return Grid(tuple(replace(axis, kind=PARAMETER) for axis in made.axes))


class Shape(Form):
    """A form that lies within a plane along directions."""

    @abstractmethod
    def place(self, coords: Coords) -> Coords:
        """Coordinates in the plane of the point at `coords`."""

    def around(self, ranges: Sequence[Range]) -> list[Range]:
        """The smallest box of the plane that holds all points."""
        grid = self.grid(ranges)
        places = np.array([self.place(grid.coordinates(index)) for index in range(grid.size)])
        return [Range(float(low), float(high), 2) for low, high in zip(places.min(0), places.max(0), strict=True)]


class Within:
    """A shape in a plane; its weights and buffers are those of the plane at the shape's places."""

    def __init__(self, plane: Plane, shape: Shape, ranges: Sequence[Range]):
        self.plane, self.shape = plane, shape
        self.grid, self.nbytes = shape.grid(ranges), plane.nbytes

    def at(self, coords: Coords, *, out: Tensor | None = None) -> Tensor:
        return self.plane.at(self.shape.place(coords), out=out)

    def buffers(self, coords: Coords) -> Mapping[str, Tensor]:
        return self.plane.buffers(self.shape.place(coords))

    def project(self, weights: Tensor) -> tuple[tuple[float, ...], float]:
        """The nearest point of the grid, and the distance to it."""
        return nearest(self, weights)
