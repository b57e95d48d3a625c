"""Principal axes of a path: against numpy's singular value decomposition, and against random walks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from landscape.direction.pca import principal_axes, project_rows, walk_shares
from landscape.direction.rows import Rows, filled
from landscape.errors import LandscapeError
from landscape.slice.plane import Plane

COUNT, SIZE = 12, 3000


@pytest.fixture
def path() -> np.ndarray:
    """(12, 3000) float64: a curved way with noise, which ends in its last row."""
    chance = np.random.default_rng(0)
    way = np.linspace(0, 1, COUNT)[:, None]
    first, second, noise = chance.normal(size=(3, SIZE))
    steps = 0.02 * chance.normal(size=(COUNT, SIZE)).cumsum(axis=0)
    return 5 + 3 * way * first + np.sin(3 * way) * second + steps + 0 * noise


def rows_of(path: np.ndarray, budget: int = 1 << 30, folder=None) -> Rows:
    rows = Rows(*path.shape, torch.from_numpy(path).dtype, folder, budget)
    for number, row in enumerate(path):
        rows.put(number, torch.from_numpy(row))
    return rows


def test_axes_and_shares_are_those_of_the_singular_value_decomposition_seen_from_the_anchor(path):
    for anchor in (COUNT - 1, 4):
        made = principal_axes(rows_of(path), anchor, None)
        away = path - path[anchor]
        _, sizes, axes = np.linalg.svd(away, full_matrices=False)
        for number in range(2):
            assert abs(made.axes[number].numpy() @ axes[number]) == pytest.approx(1, abs=1e-12)
        assert made.shares == pytest.approx((sizes**2 / (sizes**2).sum())[:2], rel=1e-10)
        expected = (away @ axes[:2].T).T * [[np.sign(made.axes[k].numpy() @ axes[k])] for k in range(2)]
        coords, distances = project_rows(rows_of(path), anchor, list(made.axes))
        np.testing.assert_allclose(coords.T, expected, atol=1e-9)
        np.testing.assert_allclose(distances, np.linalg.norm(away - expected.T @ made.axes.numpy(), axis=1), atol=1e-9)


def test_float32_nets_far_from_zero_lose_nothing_in_the_differences(path):
    """The differences are a millionth of the weights: products of float32 weights would not see them at all."""
    small = (1e3 + 1e-3 * path).astype(np.float32)
    made = principal_axes(rows_of(small), COUNT - 1, None)
    _, sizes, axes = np.linalg.svd(small.astype(np.float64) - small[-1].astype(np.float64), full_matrices=False)
    assert abs(made.axes[0].numpy() @ axes[0]) == pytest.approx(1, abs=1e-9)
    assert made.shares[1] == pytest.approx(sizes[1] ** 2 / (sizes**2).sum(), rel=1e-6)


def test_axes_are_orthogonal_unit_vectors_and_point_to_the_farthest_net(path):
    axes = principal_axes(rows_of(path), COUNT - 1, None).axes
    torch.testing.assert_close(axes @ axes.T, torch.eye(2, dtype=torch.float64), atol=1e-14, rtol=0)
    coords, _ = project_rows(rows_of(path), COUNT - 1, list(axes))
    assert all(column[np.abs(column).argmax()] > 0 for column in coords.T)


def test_rows_in_a_scratch_file_give_the_same_axes_and_leave_nothing(path, tmp_path):
    held, filed = rows_of(path, 1 << 22), rows_of(path, budget=1 << 16, folder=tmp_path)
    one, other = (principal_axes(rows, COUNT - 1, None) for rows in (held, filed))
    torch.testing.assert_close(one.axes, other.axes, atol=1e-12, rtol=0)
    assert list(tmp_path.iterdir()) == []


def test_rows_are_projected_as_a_plane_projects_them(path):
    """On skewed axes of different length."""
    chance = torch.Generator().manual_seed(1)
    x = torch.randn(SIZE, generator=chance, dtype=torch.float64)
    y = 100 * (x + 0.3 * torch.randn(SIZE, generator=chance, dtype=torch.float64))
    plane = Plane(torch.from_numpy(path[-1]), [x, y])
    coords, distances = project_rows(rows_of(path), COUNT - 1, plane.vectors())
    for row, place, distance in zip(path, coords, distances, strict=True):
        expected, apart = plane.project(torch.from_numpy(row))
        np.testing.assert_allclose(place, expected, rtol=1e-8, atol=1e-11)
        assert distance == pytest.approx(apart, rel=1e-8, abs=1e-9)
    inside = path[-1] + 0.3 * x.numpy() - 0.02 * y.numpy()
    found, apart = project_rows(rows_of(np.stack([inside, path[-1]])), 1, [x, y])
    np.testing.assert_allclose(found[0], [0.3, -0.02], rtol=1e-9)
    assert apart[0] == pytest.approx(0, abs=1e-9)


def test_a_random_walk_has_the_shares_that_are_stated_for_it():
    """In 40,000 dimensions, over steps that are not evenly spaced, seen from its end and from its start."""
    steps = [0, 1, 3, 4, 8, 9, 14, 20]
    chance = np.random.default_rng(0)
    walk = np.zeros((21, 40_000))
    walk[1:] = chance.normal(size=(20, 40_000)).cumsum(axis=0)
    for anchor in (7, 0, 3):
        made = principal_axes(rows_of(walk[steps]), anchor, steps)
        assert made.walk == pytest.approx(made.shares, rel=0.02), anchor


def test_a_long_random_walk_seen_from_its_end_has_eight_over_pi_squared():
    shares = walk_shares(range(1500), 1499)
    assert shares == pytest.approx((8 / np.pi**2, 8 / np.pi**2 / 9), rel=2e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path[:2], "lie on one line"),
        (lambda path: path[:1].repeat(5, 0), "are all the same"),
        (lambda path: np.linspace(0, 1, 6)[:, None] * path[0], "lie on one line"),
        (
            lambda path: np.where(np.arange(COUNT)[:, None] == 3, np.nan, path),
            "the nets of the path have weights that are NaN",
        ),
    ],
)
def test_a_path_without_a_plane_is_refused(path, change, words):
    with pytest.raises(LandscapeError, match=words):
        principal_axes(rows_of(change(path)), 0, None)


@pytest.mark.parametrize("bend", [1.0, 1e-3])
def test_axes_of_float32_rows_are_those_of_the_svd_also_of_a_nearly_straight_path(bend):
    """The straighter path has its second axis at 4e-8 of the first, where products in float32 would not do."""
    chance = torch.Generator().manual_seed(0)
    along, across = torch.randn(2, 30_000, generator=chance, dtype=torch.float64)
    times = torch.linspace(-1, 0, 40, dtype=torch.float64)
    points = (times[:, None] * along + bend * (times * (times + 1))[:, None] * across).float()
    found = principal_axes(filled(40, 30_000, iter(points)), 39, None)
    exact = torch.linalg.svd(points.double() - points[-1].double(), full_matrices=False).Vh[:2]
    for axis, true in zip(found.axes, exact, strict=True):
        assert float((axis - true * torch.sign(axis @ true)).norm()) < 1e-6
