"""Reliefs as triangles: each is where the picture has it, and a body encloses the volume below its relief."""

import numpy as np
import pytest

from landscape.scene.build import build_scene
from landscape.scene.views.body import BASE, drawn_cells, sheet_of, solid_of

HOLE = np.nan


def relief(surface, **options):
    scene = build_scene(surface, kind="surface", **options)
    return scene.views[0].field, scene.camera


def volume(body):
    """By the divergence theorem: a sixth of the sum of the determinants, positive where triangles face outwards."""
    return np.linalg.det(body.points[body.triangles]).sum() / 6


def sides(triangles):
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def test_a_sheet_has_the_heights_of_the_mesh_in_the_box_of_the_picture(make_surface):
    field, camera = relief(make_surface(nx=5, ny=4, y=(0.0, 1.0)))
    sheet = sheet_of(field, camera)
    assert len(sheet.points) == field.mesh.z.size and len(sheet.triangles) == 2 * np.prod(
        np.subtract(field.mesh.z.shape, 1)
    )
    np.testing.assert_allclose(sheet.points.min(0), [-0.5, -0.25, 0], atol=1e-12)
    np.testing.assert_allclose(sheet.points.max(0), [0.5, 0.25, camera.box[2]])
    back = field.scale.low + sheet.points[:, 2] / camera.box[2] * (field.scale.high - field.scale.low)
    np.testing.assert_allclose(back, field.mesh.z.ravel())
    a, b, c = sheet.points[sheet.triangles].transpose(1, 0, 2)
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()  # seen from above


def test_the_colours_are_those_of_the_picture(make_surface):
    matplotlib = pytest.importorskip("matplotlib.colors")
    field, camera = relief(make_surface())
    sheet = sheet_of(field, camera)
    reference = matplotlib.LinearSegmentedColormap.from_list("", field.colors, N=2049)(sheet.shares)[:, :3]
    np.testing.assert_allclose(sheet.colors, reference, atol=0.004)
    assert np.ptp(sheet.colors[:, 0]) > 0.5


def test_a_body_is_closed_and_its_volume_is_that_below_the_relief(make_surface):
    slope = make_surface(lambda x, y: 2 + x, nx=3, ny=3)
    body = solid_of(*relief(slope, scale="linear"), width=80.0)
    np.testing.assert_allclose(np.ptp(body.points, axis=0), [80, 80, (0.62 + BASE) * 80])
    assert body.points[:, 2].min() == 0
    np.testing.assert_allclose(volume(body), 80**3 * (0.62 / 2 + BASE))
    _, shared = np.unique(np.sort(sides(body.triangles), axis=1), axis=0, return_counts=True)
    assert (shared == 2).all()


def test_holes_go_through_a_body_and_leave_no_seam(make_surface):
    values = np.ones((6, 6))
    values[2, 2] = values[4, 4] = np.inf  # the cells around them meet at one corner
    values[0, 5] = HOLE
    body = solid_of(*relief(make_surface(values)), width=1.0)
    _, shared = np.unique(np.sort(sides(body.triangles), axis=1), axis=0, return_counts=True)
    assert (shared == 2).all()
    # nine of the 25 cells have a hole at a corner, and all is as high as the middle of the scale
    np.testing.assert_allclose(volume(body), (25 - 9) / 25 * (0.31 + BASE), rtol=1e-3)
    assert np.isfinite(body.points).all()


def test_of_two_cells_that_meet_at_a_corner_one_is_left_out():
    heights = np.full((4, 4), HOLE)
    heights[:2, :2] = heights[1:3, 1:3] = 0
    assert drawn_cells(heights).sum() == 1
    heights[0, 2] = 0  # a third cell joins them
    assert drawn_cells(heights).sum() == 3
    assert drawn_cells(np.zeros((4, 4))).all()


@pytest.mark.parametrize("size", [1e-37, 1e36])
def test_any_size_of_values(make_surface, size):
    body = solid_of(*relief(make_surface(size * np.arange(1.0, 26.0).reshape(5, 5))), width=100.0)
    assert volume(body) > 0 and np.isfinite(body.points).all()
