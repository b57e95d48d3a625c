"""A relief ends where its range ends: at the line of that height, not at the borders of cells, and open above."""

import numpy as np
import pytest

from landscape.scene.scale import Scale
from landscape.scene.scene import Camera
from landscape.scene.views.mesh import Mesh
from landscape.scene.views.tiles import cut, tiles_of

COLORS = ("#000000",) * 65


def area(tiles):
    """The area (n,) of tiles seen from above, as that of two triangles."""
    a, b, c, d = (tiles[:, i, :2] for i in range(4))
    return (abs(_cross(b - a, c - a)) + abs(_cross(c - a, d - a))) / 2


def _cross(first, second):
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]


def mesh(height, scale, n=41):
    x = np.linspace(-1, 1, n)
    return Mesh(x, x, height(*np.meshgrid(x, x)), scale, Camera())


@pytest.mark.parametrize("limit", [0.3, 0.5, 0.777])
def test_a_cone_is_cut_along_a_circle(limit):
    scale = Scale("linear", 0.0, limit)
    tiles, colors = tiles_of(mesh(np.hypot, scale, 201), scale, COLORS)
    assert tiles[..., 2].max() == pytest.approx(limit, abs=1e-12)
    assert area(tiles).sum() == pytest.approx(np.pi * limit**2, rel=1e-3)
    assert colors.shape == (len(tiles), 3)


def test_a_slope_is_cut_at_both_ends_exactly():
    scale = Scale("linear", -0.33, 0.47)
    tiles, _ = tiles_of(mesh(lambda x, y: x + 0 * y, scale), scale, COLORS)
    np.testing.assert_allclose([tiles[..., 0].min(), tiles[..., 0].max()], [-0.33, 0.47], atol=1e-12)
    assert area(tiles).sum() == pytest.approx(0.8 * 2)


@pytest.mark.parametrize("heights", np.random.default_rng(0).uniform(-1, 2, (20, 4)))
def test_the_parts_of_a_tile_lie_within_the_range_and_on_its_triangles(heights):
    tile = np.column_stack([[0, 1, 1, 0], [0, 0, 1, 1], heights])
    parts = cut(tile, Scale("linear", 0.0, 1.0))
    for part in parts:
        assert ((part[:, 2] > -1e-12) & (part[:, 2] < 1 + 1e-12)).all()
        lower = part[:, 0] >= part[:, 1] - 1e-9  # the triangle of corners 0, 1, 2
        first = heights[0] + part[:, 0] * (heights[1] - heights[0]) + part[:, 1] * (heights[2] - heights[1])
        second = heights[0] + part[:, 1] * (heights[3] - heights[0]) + part[:, 0] * (heights[2] - heights[3])
        np.testing.assert_allclose(part[:, 2], np.where(lower, first, second), atol=1e-9)


def test_holes_have_no_tiles():
    scale = Scale("linear", -2.0, 2.0)
    holed = mesh(lambda x, y: x * y, scale)
    holed.z[3, 4] = np.nan
    assert len(tiles_of(holed, scale, COLORS)[0]) == 40 * 40 - 4
