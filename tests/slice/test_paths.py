"""Points of paths: shares against de Casteljau, ends bit for bit, lengths."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from landscape.slice.paths import Path, Paths, shares

torch.manual_seed(0)
POINTS = tuple(torch.randn(40, dtype=torch.float64) for _ in range(4))


def casteljau(points: list[torch.Tensor], t: float) -> torch.Tensor:
    while len(points) > 1:
        points = [(1 - t) * a + t * b for a, b in zip(points, points[1:], strict=False)]
    return points[0]


@pytest.mark.parametrize("t", [0.0, 0.2, 0.5, 1.0])
def test_a_bezier_curve_is_that_of_de_casteljau(t):
    found = Path("bezier", POINTS).at(t, torch.empty_like(POINTS[0]))
    torch.testing.assert_close(found, casteljau(list(POINTS), t), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("t", [0.0, 0.1, 1 / 3, 0.5, 2 / 3, 0.9, 1.0])
def test_a_chain_is_straight_between_its_bends(t):
    found = Path("polychain", POINTS).at(t, torch.empty_like(POINTS[0]))
    expected = [np.interp(t, [0, 1 / 3, 2 / 3, 1], [float(p[k]) for p in POINTS]) for k in range(40)]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", ["line", "bezier", "polychain", "neb"])
def test_the_ends_are_the_nets_bit_for_bit(kind):
    odd = torch.tensor([-0.0, 1e-45, 3e38, 0.1], dtype=torch.float32)
    points = (odd, *([] if kind == "line" else [torch.ones(4)]), torch.tensor([0.3, -0.0, 1e-44, -3e38]))
    path, out = Path(kind, points), torch.full((4,), 9.0)
    for t, end in ((0.0, points[0]), (1.0, points[-1])):
        assert path.at(t, out).numpy().tobytes() == end.numpy().tobytes()


@pytest.mark.parametrize("kind", ["bezier", "polychain", "neb"])
def test_bends_on_the_line_give_the_line(kind):
    first, last = POINTS[:2]
    even = (first, *((1 - s) * first + s * last for s in (1 / 3, 2 / 3)), last)
    for t in np.linspace(0, 1, 11):
        found = Path(kind, even).at(float(t), torch.empty_like(first))
        torch.testing.assert_close(found, (1 - t) * first + t * last, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", ["bezier", "polychain"])
@pytest.mark.parametrize("count", [2, 3, 6])
def test_shares_add_up_to_one_and_are_not_negative(kind, count):
    for t in np.linspace(0, 1, 37):
        found = shares(kind, count, float(t))
        assert abs(sum(found) - 1) < 1e-14
        assert min(found) >= 0


@pytest.mark.parametrize("kind", ["line", "bezier", "polychain"])
def test_the_length_is_that_of_many_points(kind):
    points = POINTS[:2] if kind == "line" else POINTS
    places = np.linspace(0, 1, 3001)
    walked = [Path(kind, points).at(float(t), torch.empty_like(points[0])) for t in places]
    length = sum(float((b - a).norm()) for a, b in zip(walked, walked[1:], strict=False))
    assert Path(kind, points).length() == pytest.approx(length, rel=2e-5)


def test_the_slice_numbers_its_paths_and_finds_the_nearest_point():
    paths = Paths([Path("line", POINTS[:2]), None, Path("bezier", POINTS)], np.linspace(0, 1, 5), POINTS[0])
    assert paths.grid.shape == (3, 5)
    at = paths.at((0.25, 2.0))
    torch.testing.assert_close(at, casteljau(list(POINTS), 0.25))
    (t, number), distance = paths.project(at + 1e-6)
    assert (t, number) == (0.25, 2.0)
    assert distance == pytest.approx(1e-6 * 40**0.5, rel=1e-3)
    assert paths.nbytes == 4 * POINTS[0].nbytes  # shared points count once
