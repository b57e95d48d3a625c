"""Isosurfaces: on an ellipsoid in closed form, closed, around holes, and the shells that a picture shows."""

from collections import Counter

import numpy as np
import pytest

from landscape.scene.views.isosurface import isosurface
from landscape.scene.views.volume import finer, shell_levels

RADII = np.array([0.5, 0.7, 0.9])


def ellipsoid(points=24):
    axes = tuple(np.linspace(-1, 1, points + shift) for shift in (0, 1, 2))
    z, y, x = np.meshgrid(*reversed(axes), indexing="ij")
    return axes, (x / RADII[0]) ** 2 + (y / RADII[1]) ** 2 + (z / RADII[2]) ** 2


def volume_of(triangles):
    """Inside of a surface whose triangles may be turned either way, all seen from a centre within."""
    return np.abs(np.linalg.det(triangles)).sum() / 6


def test_the_level_of_a_quadratic_is_an_ellipsoid():
    axes, heights = ellipsoid()
    triangles = isosurface(axes, heights, 1.0)
    square = ((triangles / RADII) ** 2).sum(axis=-1)
    step = 2 / 23
    bound = (np.sqrt(3) * step / RADII.min()) ** 2 / 4  # linear interpolation over a cell's diagonal
    assert len(triangles) > 1000 and np.abs(square - 1).max() < bound
    assert volume_of(triangles) == pytest.approx(4 / 3 * np.pi * RADII.prod(), rel=0.02)


def test_it_is_closed():
    axes, heights = ellipsoid(9)
    corners = [tuple(map(tuple, triangle)) for triangle in np.round(isosurface(axes, heights, 1.0), 9)]
    edges = Counter(frozenset(pair) for a, b, c in corners for pair in ((a, b), (b, c), (c, a)))
    assert set(edges.values()) == {2}


def test_no_triangle_stands_in_a_cell_with_a_hole():
    axes, heights = ellipsoid(9)
    heights[4, 4, 6:] = np.nan
    triangles = isosurface(axes, heights, 1.0)
    whole = isosurface(axes, ellipsoid(9)[1], 1.0)
    x, y, z = axes
    middles = whole.mean(axis=1)
    inside = ((middles > [x[5], y[3], z[3]]) & (middles < [9, y[5], z[5]])).all(axis=1)
    assert inside.any()
    np.testing.assert_array_equal(np.sort(triangles.mean(axis=1), axis=0), np.sort(middles[~inside], axis=0))


def test_beyond_the_values_there_is_none():
    axes, heights = ellipsoid(5)
    assert isosurface(axes, heights, -1.0).shape == isosurface(axes, heights, 99.0).shape == (0, 3, 3)


def test_the_spline_keeps_the_points_and_is_exact_for_a_quadratic():
    axes, heights = ellipsoid(6)
    fine, values = finer(axes, heights)
    z, y, x = np.meshgrid(*reversed(fine), indexing="ij")
    np.testing.assert_allclose(values, (x / 0.5) ** 2 + (y / 0.7) ** 2 + (z / 0.9) ** 2, atol=1e-12)
    for before, after in zip(axes, fine, strict=True):
        assert np.isin(before, after).all() and len(after) >= 28
    heights[0, 0, 0] = np.nan
    assert finer(axes, heights)[1] is heights


def test_shells_hold_shares_of_the_points_unless_levels_are_given():
    levels, values = np.linspace(0.05, 0.95, 19), np.linspace(0, 1, 1001)
    np.testing.assert_allclose(shell_levels(levels, values, given=False), [0.05, 0.15, 0.4])
    np.testing.assert_allclose(shell_levels(levels[:2], values, given=True), levels[:2])
    assert not len(shell_levels(levels, np.zeros(5), given=False))
