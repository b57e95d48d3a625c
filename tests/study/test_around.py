"""Ranges around paths: they hold them, in round numbers, with 0 among the points."""

from __future__ import annotations

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.study.around import points_of, ranges_around, with_zero
from landscape.surfaces.surface import Trail


@pytest.mark.parametrize("points", [3, 4, 7, 20, 51])
def test_zero_is_a_point_to_the_last_bit_and_both_ends_have_room(points):
    chance = np.random.default_rng(points)
    for _ in range(60):
        low, high = (
            -chance.exponential() * 10 ** chance.uniform(-6, 6),
            chance.exponential() * 10 ** chance.uniform(-6, 6),
        )
        low, high = (
            (low * (chance.random() < 0.7), high) if chance.random() < 0.5 else (low, high * (chance.random() < 0.7))
        )
        made = with_zero(low, high, points)
        assert (made.values == 0.0).sum() == 1, (low, high)
        assert made.start <= low - 0.1 * (high - low) and made.stop >= high + 0.1 * (high - low), (low, high, made)


def test_numbers_are_round_and_the_grid_is_not_much_wider_than_the_path():
    made = with_zero(-1.2345, 8.7654, 51)
    spacing = made.values[1] - made.values[0]
    assert float(f"{spacing:.3g}") == pytest.approx(spacing, rel=1e-12)
    assert made.stop - made.start < 1.5 * 10


def test_two_points_are_the_ends():
    made = with_zero(-1.0, 3.0, 2)
    assert made.start < -1 and made.stop > 3 and made.points == 2


def test_a_flat_path_gets_a_plane_of_some_width():
    trail = Trail(x=np.linspace(0, 10, 5), y=np.zeros(5))
    found = ranges_around({"run": trail}, {"x": "auto:11", "y": "auto:5"})
    assert 0.2 < (found["y"].stop - found["y"].start) / (found["x"].stop - found["x"].start) < 0.5
    fixed = ranges_around({"run": trail}, {"x": "-1:2:4", "y": "auto:5"})["x"]
    assert (fixed.start, fixed.stop, fixed.points) == (-1, 2, 4)


@pytest.mark.parametrize("spec", ["auto:1", "auto:0", "auto:x", "automatic", "1:0:5", "auto:999999"])
def test_other_ranges_are_refused(spec):
    with pytest.raises(UsageError, match="x range"):
        points_of(spec, "x")
