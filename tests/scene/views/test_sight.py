"""What lies behind a ridge is not seen, from the other side and from above it is."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from landscape.scene.build import build_scene
from landscape.scene.scale import LINEAR, Scale
from landscape.scene.scene import Camera
from landscape.scene.views.mesh import Mesh
from landscape.scene.views.sight import clearest, height_in_sight, in_sight
from landscape.surfaces.surface import Trail


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


def valley(distance):
    """A valley beside a high ridge along y, at x = -distance."""
    x, y = np.linspace(-1, 1, 41), np.linspace(-1, 1, 41)
    height = 0.5 + 0.5 * np.exp(-((x / 0.1) ** 2)) - 0.4 * np.exp(-(((x + distance) / 0.2) ** 2))
    return Mesh(x, y, np.tile(height, (41, 1)), Scale(LINEAR, 0.0, 1.0), Camera())


USUAL = Camera(40.0, 0.0, (1.0, 1.0, 0.2))  # the eye is at large x


def test_the_side_is_one_from_which_the_valleys_are_seen():
    assert clearest([valley(-0.3)], USUAL) == USUAL, "the valley is on this side of the ridge"
    moved = clearest([valley(0.3)], USUAL)
    assert abs(moved.azimuth) >= 90 and moved.elevation == USUAL.elevation
    both = clearest([valley(0.3), valley(-0.3)], USUAL)
    assert abs(both.azimuth) == 90, "along the ridge both are seen"


def test_a_pit_is_looked_into_from_above():
    x = np.linspace(-1, 1, 41)
    pit = Mesh(x, x, 1 - np.exp(-(x[:, None] ** 2 + x**2) / 0.25**2), Scale(LINEAR, 0.0, 1.0), Camera())
    high = replace(USUAL, box=(1.0, 1.0, 0.6))
    assert clearest([pit], high).elevation > high.elevation


def test_what_is_seen_or_not_there_is_not_moved():
    x = np.linspace(-1, 1, 21)
    bowl = Mesh(x, x, x[:, None] ** 2 + x**2, Scale(LINEAR, 0.0, 2.0), Camera())
    assert clearest([bowl], Camera()) == Camera()
    assert clearest([Mesh(x, x, np.full((21, 21), np.nan), Scale(LINEAR, 0.0, 2.0), Camera())], Camera()) == Camera()


@pytest.mark.parametrize("elevation", [20.0, 35.0])
def test_a_pin_is_seen_from_its_height_on(ridge, elevation):
    """A wall of height h at a distance d hides what is lower than h - d tan(elevation)."""
    camera = Camera(elevation, 0.0, (1.0, 1.0, 1.0))
    height = height_in_sight(ridge(camera), camera, 0.3, 0.5, 0.0)
    assert height == pytest.approx(0.4 - 0.2 * np.tan(np.deg2rad(elevation)), abs=0.02)
    assert height_in_sight(ridge(camera), camera, 0.7, 0.5, 0.0) == 0.0


def behind_a_ridge(x, y):
    return 5.0 + np.exp(-((y + 0.2) ** 2) / 0.02) * 4 - np.exp(-((y - 0.3) ** 2) / 0.02) * 4


def test_a_map_and_a_relief_are_seen_from_the_same_side_with_the_same_lines(make_surface):
    surface = make_surface(behind_a_ridge)
    flat, relief = (build_scene(surface, kind=kind) for kind in ("contour", "surface"))
    assert flat.camera == relief.camera != Camera(box=flat.camera.box)
    one, other = flat.views[0], relief.views[0]
    assert one.field.extra_ticks.labels == other.field.extra_ticks.labels
    assert set(one.notes) == set(other.page_notes)


def test_every_kind_with_a_relief_is_seen_from_the_same_side(make_surface):
    x, y = np.meshgrid(np.linspace(-1, 1, 25), np.linspace(-1, 1, 21))
    values = behind_a_ridge(x, y)
    walk = Trail(
        x=np.array([1.0, 0.0]), y=np.array([1.0, 0.0]), step=np.array([0.0, 1.0]), residual=np.zeros(2),
        status=np.ones(2, np.uint8), clock="step", metrics={"train_loss": np.array([5.0, 4.0])},
    )  # fmt: skip
    surface = make_surface(
        values, more={"test_loss": values, "train_loss_l2": np.full_like(x, 5.0)}, trails={"run": walk}
    )
    expected = build_scene(surface, kind="surface", scale="linear").camera
    assert expected != Camera()
    for kind, options in {
        "contour": {}, "filled": {}, "basins": {}, "trajectory": {}, "overlay": {}, "overlay3d": {},
        "difference": {"metric": "train_loss_l2,train_loss"},
    }.items():  # fmt: skip
        drawn = partial(build_scene, surface, kind=kind, scale="linear", **options)
        assert drawn().camera == expected, kind
        assert drawn(view=(20.0, 30.0)).camera == Camera(20.0, 30.0, expected.box)
