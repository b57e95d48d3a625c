"""The fine mesh goes through the data, invents nothing, and leaves holes alone."""

import numpy as np
import pytest

from landscape.scene.views.refine import MOST_POINTS, _akima_rows, _spline_weights, refine, refine_axis, thin
from landscape.scene.views.refine import factor as pieces_of

X, Y = np.array([0.0, 1.0, 2.5, 3.0, 4.0, 6.0]), np.array([-1.0, 0.0, 0.5, 2.0, 3.0])


def on_grid(x, y, z):
    """The mesh at the grid points."""
    return z[np.ix_(np.searchsorted(y, Y), np.searchsorted(x, X))]


@pytest.mark.parametrize("spiky", [False, True])
def test_the_mesh_passes_through_every_grid_point(spiky):
    heights = np.random.default_rng(0).normal(size=(5, 6))
    heights[2, 3] += 100.0 * spiky
    x, y, z = refine(X, Y, heights)
    np.testing.assert_array_equal(on_grid(x, y, z), heights)


def test_between_grid_points_it_stays_within_the_sixteen_around():
    heights = np.random.default_rng(1).normal(size=(5, 6))
    heights[2, 2] = 50.0
    x, y, z = refine(X, Y, heights)
    padded = np.pad(heights, 1, mode="edge")
    for row in range(4):
        for column in range(5):
            near = padded[row : row + 4, column : column + 4]
            inside = z[np.ix_((Y[row] < y) & (y < Y[row + 1]), (X[column] < x) & (x < X[column + 1]))]
            assert near.min() <= inside.min()
            assert inside.max() <= near.max()


def test_a_plane_stays_a_plane():
    heights = 2 * X[None, :] - 3 * Y[:, None] + 1
    x, y, z = refine(X, Y, heights)
    np.testing.assert_allclose(z, 2 * x[None, :] - 3 * y[:, None] + 1, atol=1e-9)


def test_a_spike_leaves_no_rings_around_it():
    heights = np.zeros((15, 15))
    heights[7, 7] = 1.0
    axis = np.arange(15.0)
    x, y, z = refine(axis, axis, heights)
    far = (np.abs(x[None, :] - 7) > 1) | (np.abs(y[:, None] - 7) > 1)
    assert np.abs(z[far]).max() == 0.0
    assert z.max() == 1.0


def test_cells_that_touch_a_hole_are_empty_and_all_others_whole():
    heights = np.random.default_rng(2).normal(size=(5, 6))
    heights[2, 2] = np.nan
    x, y, z = refine(X, Y, heights)
    inside_x, inside_y = (X[1] < x) & (x < X[3]), (Y[1] < y) & (y < Y[3])
    assert np.isnan(z[np.ix_(inside_y, inside_x)]).all()
    outside = np.ones_like(z, dtype=bool)
    outside[np.ix_(inside_y, inside_x)] = False
    assert np.isfinite(z[outside]).all()


def test_without_any_value_nothing_is_drawn():
    assert np.isnan(refine(X, Y, np.full((5, 6), np.nan))[2]).all()


def test_grid_values_are_kept_exactly_in_the_axis():
    fine = refine_axis(X, 7)
    assert (fine[::7] == X).all()
    assert (np.diff(fine) > 0).all()


def test_two_points_per_axis_are_enough():
    _, _, z = refine(np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([[0.0, 1.0], [2.0, 3.0]]))
    assert z.min() == 0.0
    assert z.max() == 3.0


def test_grids_finer_than_a_screen_are_thinned_to_their_own_points():
    axis = np.linspace(-1, 1, 1001)
    chosen = thin(1001)
    assert (chosen[0], chosen[-1], len(chosen)) == (0, 1000, MOST_POINTS)
    heights = axis[None, :] + 2 * axis[:, None]
    x, y, z = refine(axis, axis, heights)
    assert z.shape == (MOST_POINTS, MOST_POINTS)
    np.testing.assert_array_equal(z, heights[np.ix_(chosen, chosen)])
    assert (pieces_of(1001), set(x) <= set(axis)) == (1, True)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 25])
def test_the_spline_is_that_of_scipy(n):
    from scipy.interpolate import make_interp_spline

    generator = np.random.default_rng(n)
    knots, values = np.sort(generator.uniform(-1, 1, n)), generator.normal(size=n)
    at = refine_axis(knots, 9)
    expected = make_interp_spline(knots, values, k=min(3, n - 1))(at)
    np.testing.assert_allclose(_spline_weights(knots, at) @ values, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 25])
@pytest.mark.parametrize("spike", [0.0, 1e6])
def test_the_akima_curve_is_that_of_scipy(n, spike):
    from scipy.interpolate import Akima1DInterpolator

    generator = np.random.default_rng(n)
    knots, values = np.sort(generator.uniform(-1, 1, n)), generator.normal(size=(n, 3))
    values[n // 2, 1] += spike
    values[:, 2] = 1.0
    at = refine_axis(knots, 9)
    expected = Akima1DInterpolator(knots, values, axis=0)(at)
    np.testing.assert_allclose(_akima_rows(knots, values, at), expected, rtol=1e-9, atol=1e-9 * (1 + spike))


def test_a_hole_does_not_bend_what_is_drawn_beside_it():
    """The cells that do not touch the hole are drawn as without it."""
    axis = np.linspace(-1, 1, 25)
    whole = 2 * (axis[None] ** 2 + 0.5 * axis[:, None] ** 2 + 0.3 * axis[None] * axis[:, None])
    holed = whole.copy()
    holed[4:6, 20] = holed[12, 3] = np.nan
    z, plain = refine(axis, axis, holed)[2], refine(axis, axis, whole)[2]
    assert np.nanmax(np.abs(z - plain)) < 1e-3 * np.ptp(whole)
