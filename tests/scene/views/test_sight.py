"""What lies behind a ridge is not seen, from the other side and from above it is."""

import numpy as np
import pytest

from landscape.scene.scale import LINEAR, Scale
from landscape.scene.scene import Camera
from landscape.scene.views.mesh import Mesh
from landscape.scene.views.sight import in_sight


@pytest.fixture
def ridge():
    """A wall along y at x = 0.5 of a plane of height 0, in a cube of side 1."""
    x, y = np.linspace(0, 1, 101), np.linspace(0, 1, 11)
    z = np.tile(np.where(np.abs(x - 0.5) < 0.02, 0.4, 0.0), (11, 1))
    return lambda camera: Mesh(x, y, z, Scale(LINEAR, 0.0, 1.0), camera)


def seen(ridge, elevation, azimuth, x, z=0.0):
    camera = Camera(elevation, azimuth, (1.0, 1.0, 1.0))
    return bool(in_sight(ridge(camera), camera, np.array([x]), np.array([0.5]), np.array([z]))[0])


def test_a_ridge_hides_what_is_behind_it(ridge):
    assert not seen(ridge, 30, 0, 0.4) and seen(ridge, 30, 180, 0.4), "the eye is on the side of large x, or of small"
    assert seen(ridge, 30, 0, 0.6) and not seen(ridge, 30, 180, 0.6)


def test_from_above_all_is_seen(ridge):
    assert all(seen(ridge, 90, 0, x) for x in (0.1, 0.4, 0.6))


@pytest.mark.parametrize("distance", [0.2, 0.4])
def test_it_hides_as_far_as_its_shadow_reaches(ridge, distance):
    """A wall of height h hides level ground up to h / tan(elevation) behind it."""
    edge = np.rad2deg(np.arctan(0.4 / distance))
    assert not seen(ridge, edge - 6, 0, 0.5 - distance) and seen(ridge, edge + 6, 0, 0.5 - distance)


def test_what_floats_above_it_is_seen(ridge):
    assert seen(ridge, 30, 0, 0.45, z=0.4)
