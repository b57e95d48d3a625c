"""A shape within a plane: the weights of the plane at its places, and facts that are its fields."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from landscape.grid import PARAMETER, parse_range
from landscape.slice.plane import Plane
from landscape.slice.shape import Shape, Within

RANGES = [parse_range("0:360:13")]


@dataclass(frozen=True)
class Circle(Shape):
    radius: float = 1.0

    labels, directions = ("angle in degrees",), 2

    def place(self, coords):
        angle = math.radians(coords[0])
        return self.radius * math.cos(angle), self.radius * math.sin(angle)


@pytest.fixture
def plane() -> Plane:
    torch.manual_seed(0)
    origin, x, y = torch.randn(3, 20, dtype=torch.float64)
    return Plane(origin, [x, y])


def test_the_weights_are_those_of_the_plane_at_its_places_bit_for_bit(plane):
    within, out = Within(plane, Circle(0.5), RANGES), torch.empty(20, dtype=torch.float64)
    assert within.at((0.0,), out=out) is out
    torch.testing.assert_close(out, plane.origin + 0.5 * plane.directions[0], rtol=0, atol=1e-15)
    assert torch.equal(within.at((135.0,)), plane.at(Circle(0.5).place((135.0,))))
    assert within.nbytes == plane.nbytes and not within.buffers((1.0,))


def test_the_nearest_point_of_its_grid_is_found(plane):
    within = Within(plane, Circle(0.5), RANGES)
    assert within.project(within.at((150.0,))) == ((150.0,), 0.0)
    place, distance = within.project(plane.origin)
    nearest = min(float((within.at((angle,)) - plane.origin).norm()) for angle in RANGES[0].values)
    assert place in [(angle,) for angle in RANGES[0].values] and distance == pytest.approx(nearest, rel=1e-12)


def test_its_facts_are_its_fields_and_its_axis_does_not_count_steps_from_the_net():
    assert Circle(0.5).facts == {"kind": "circle", "radius": 0.5}
    (axis,) = Circle(0.5).grid(RANGES).axes
    assert (axis.name, axis.label, axis.kind) == ("x", "angle in degrees", PARAMETER)
    np.testing.assert_array_equal(axis.values, RANGES[0].values)


def test_the_box_around_it_holds_every_point():
    x, y = Circle(0.5).around([parse_range("0:180:13")])
    assert (x.start, x.stop) == pytest.approx((-0.5, 0.5)) and (y.start, y.stop) == pytest.approx((0, 0.5), abs=1e-12)
