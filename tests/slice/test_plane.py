"""The plane: every point from the origin, exactly; and its inverse, for axes of any length and angle."""

import itertools

import numpy as np
import pytest
import torch

from landscape.errors import LandscapeError
from landscape.grid import Grid, parse_range
from landscape.slice.plane import Plane

N = 400


def vector(seed, scale=1.0, dtype=torch.float64):
    return scale * torch.randn(N, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def skew(dtype=torch.float64):
    """Axes of lengths 20 and 0.06 that are 37 degrees apart, as filter-normalized and difference directions are."""
    x = vector(1)
    y = 3e-3 * (0.8 * x + 0.6 * vector(2))
    assert abs(float(x @ y / x.norm() / y.norm())) > 0.7
    return Plane(vector(0).to(dtype), [x.to(dtype), y.to(dtype)])


@pytest.mark.parametrize("coords", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (-0.7, 0.3), (12.0, -55.5)])
def test_project_is_the_inverse_of_at(coords):
    """Not so when the dot products are divided by the length once, as the original does."""
    plane = skew()
    found, residual = plane.project(plane.origin + coords[0] * plane.directions[0] + coords[1] * plane.directions[1])
    assert found == pytest.approx(coords, abs=1e-9) and residual < 1e-11


def test_project_in_float32_is_as_good_as_float32():
    plane = skew(torch.float32)
    found, residual = plane.project(plane.at((0.25, -0.5)))
    assert found == pytest.approx((0.25, -0.5), abs=1e-3) and residual < 1e-4


def test_residual_is_the_distance_from_the_plane():
    plane = skew()
    x, y = (d.numpy() for d in plane.directions)
    basis = np.linalg.qr(np.stack([x, y], axis=1))[0]
    off = vector(3).numpy()
    off -= basis @ (basis.T @ off)
    found, residual = plane.project(plane.at((0.5, 2.0)) + torch.from_numpy(off))
    assert found == pytest.approx((0.5, 2.0), abs=1e-9)
    assert residual == pytest.approx(np.linalg.norm(off), rel=1e-12)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_project_with_any_number_of_axes(ndim):
    plane = Plane(vector(0), [vector(k) + 0.5 * vector(9) for k in range(1, ndim + 1)])
    coords = (0.5, -1.5, 2.5)[:ndim]
    assert plane.ndim == ndim and plane.project(plane.at(coords))[0] == pytest.approx(coords, abs=1e-10)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_at_zero_it_is_the_origin_bit_for_bit(dtype):
    origin = vector(0, dtype=torch.float64).to(dtype)
    origin[:5] = torch.tensor([-0.0, 0.0, 1e-40, float("inf"), float("nan")], dtype=dtype)
    x = vector(1).to(dtype)
    for coords in ((0.0, 0.0), (-0.0, 0.0)):
        found = Plane(origin, [x, vector(2).to(dtype)]).at(coords)
        assert found.numpy().tobytes() == origin.numpy().tobytes()


def test_a_coordinate_of_zero_leaves_its_axis_out():
    """0 * inf is NaN: a direction must not be touched where it is not gone along."""
    bad = vector(2)
    bad[0] = float("inf")
    plane = Plane(vector(0), [vector(1), bad])
    assert torch.equal(plane.at((0.5, 0.0)), vector(0) + 0.5 * vector(1))


def test_every_point_is_formed_from_the_origin():
    """In whatever order the grid is walked, into the same buffer: the same bits as alone, which steps would not give."""
    plane = skew(torch.float32)
    grid = Grid.of(parse_range("-1:1:21"), parse_range("-0.3:0.9:13"))
    order = np.random.default_rng(0).permutation(grid.size)
    buffer = torch.empty_like(plane.origin)
    for index in itertools.chain(order, order[::-1]):
        x, y = grid.coordinates(int(index))
        wanted = plane.origin.clone()
        if x:
            wanted = wanted.add(plane.directions[0], alpha=x)
        if y:
            wanted = wanted.add(plane.directions[1], alpha=y)
        assert torch.equal(plane.at((x, y), out=buffer), wanted)
    # what accumulated steps of 0.1 would have given at x = 1
    stepped = plane.at((-1.0, 0.0))
    for _ in range(20):
        stepped = stepped.add(plane.directions[0], alpha=0.1)
    assert not torch.equal(stepped, plane.at((1.0, 0.0)))


def test_at_matches_float64():
    plane = skew(torch.float32)
    wanted = sum(c * v.double() for c, v in zip((1.0, 0.3, -0.8), (plane.origin, *plane.directions), strict=True))
    assert torch.allclose(plane.at((0.3, -0.8)).double(), wanted, rtol=0, atol=1e-5)


def test_at_returns_the_buffer_and_leaves_origin_and_directions_alone():
    plane, fresh, buffer = skew(), skew(), torch.empty(N, dtype=torch.float64)
    assert plane.at((1.0, 2.0), out=buffer) is buffer
    plane.at((1.0, 2.0)).zero_()
    assert torch.equal(plane.origin, fresh.origin)
    assert all(torch.equal(a, b) for a, b in zip(plane.directions, fresh.directions, strict=True))


def test_cosine():
    x = torch.tensor([2.0, 0.0, 0.0], dtype=torch.float64)
    for y, cosine in (([0.0, 3.0, 0.0], 0.0), ([5.0, 0.0, 0.0], 1.0), ([-1.0, 1.0, 0.0], -(0.5**0.5))):
        y = torch.tensor(y, dtype=torch.float64)
        assert Plane(torch.zeros(3).double(), [x, y]).cosine() == pytest.approx(cosine, abs=1e-15)
    assert Plane(torch.zeros(3).double(), [x]).cosine() is None
    assert Plane(torch.zeros(3).double(), [x, 0 * x]).cosine() is None


def test_wrong_sizes():
    with pytest.raises(LandscapeError, match="direction has 3 entries, the origin has 400"):
        Plane(vector(0), [torch.ones(3)])
    with pytest.raises(LandscapeError, match="1 coordinates given, the slice has 2 axes"):
        skew().at((1.0,))
